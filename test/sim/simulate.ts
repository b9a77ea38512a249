/** One simulation: a cluster, people who use it, a day of faults, then calm, in which everything must be well again. */

import type { Work } from "./asking.ts";
import { type Bug, plantInParts, plantInPlatform } from "./bugs/index.ts";
import { Caretaker } from "./caretaker.ts";
import { boundedQueues } from "./checkers/bounded.ts";
import { damageIsDetected } from "./checkers/corruption.ts";
import { durableOnAQuorum } from "./checkers/durable.ts";
import { electedByVoters } from "./checkers/elections.ts";
import { equalState } from "./checkers/equal-state.ts";
import { HashBook } from "./checkers/hashes.ts";
import { leaderCompleteness } from "./checkers/leader-completeness.ts";
import { LeaseBook } from "./checkers/leases.ts";
import { mustSettle } from "./checkers/liveness.ts";
import { logMatching } from "./checkers/log-matching.ts";
import { membershipByTheLog } from "./checkers/membership.ts";
import { oneChangeAtATime } from "./checkers/one-change.ts";
import { oneLeader } from "./checkers/one-leader.ts";
import { revisionsRiseByOne } from "./checkers/revisions.ts";
import { History } from "./checkers/strict-serializability.ts";
import { Client } from "./clients.ts";
import { SimCluster } from "./cluster.ts";
import type { Instruments } from "./machine.ts";
import { Model } from "./model.ts";
import { Nemesis } from "./nemesis.ts";
import { type Checker, observe } from "./observer.ts";
import { Operator } from "./operator.ts";
import { Watcher } from "./watchers.ts";
import { drawWeather, type Fault, type Weather } from "./weather.ts";
import { World } from "./world.ts";

export interface SimulationOptions {
  readonly seed: number;
  /** Virtual minutes of faults. */
  readonly minutes: number;
  readonly onLine?: ((line: string) => void) | undefined;
  /** A mistake that all members make. */
  readonly bug?: Bug | undefined;
  /** What happens, instead of what the seed draws. */
  readonly faults?: readonly Fault[] | undefined;
}

export interface SimulationResult {
  readonly seed: number;
  readonly traceHash: string;
  readonly failure: Error | undefined;
  /** What came last. */
  readonly lastLines: readonly string[];
  readonly weather: Weather;
  readonly virtualMs: number;
  readonly events: number;
  readonly entries: number;
  readonly revisions: number;
  readonly watchEvents: number;
  readonly requests: History["counts"];
  /** Found raised by the operator. */
  readonly alarms: number;
  /** Of members, asked for. */
  readonly changes: number;
  readonly faults: ReadonlyMap<string, number>;
  readonly rare: World["rare"];
}

export async function simulate({
  seed,
  minutes,
  onLine,
  bug,
  faults,
}: SimulationOptions): Promise<SimulationResult> {
  const world = new World(seed, onLine);
  const weather = drawWeather(world, faults);
  world.note("world", `seed ${seed}: ${JSON.stringify(weather)}`);
  const model = new Model(weather.members);
  const checkers: Checker[] = [
    oneLeader(),
    logMatching(),
    leaderCompleteness(model),
    equalState(model),
    durableOnAQuorum(model),
    membershipByTheLog(model),
    oneChangeAtATime(),
    electedByVoters(),
    revisionsRiseByOne(),
    damageIsDetected(model),
    boundedQueues(),
  ];
  const instruments: Instruments = {
    platform: (_machine, _life, platform) => plantInPlatform(bug, platform),
    assemble: (machine, life, parts) => observe(machine, life, plantInParts(bug, parts), checkers),
  };
  const cluster = new SimCluster(world, weather, instruments);
  const history = new History(model);
  const work: Work = {
    world,
    history,
    leases: new LeaseBook(world, model),
    machines: () => cluster.machines,
    stopped: false,
  };
  const hashes = new HashBook();
  const caretaker = new Caretaker(work, model, hashes);
  const nemesis = new Nemesis(cluster);
  const operator = new Operator(cluster);
  const watchers = Array.from(
    { length: weather.watchers },
    (_, i) => new Watcher(work, model, `watch${i + 1}`),
  );
  let failure: Error | undefined;
  try {
    await world.run(async () => {
      await cluster.start();
      const clients = Array.from({ length: weather.clients }, (_, i) =>
        new Client(work, `client${i + 1}`, weather.clientPauseMs).run(),
      );
      const watching = watchers.map((watcher) => watcher.run());
      const caring = caretaker.run();
      void nemesis.run();
      const operating = operator.run();
      await world.sleep(minutes * 60_000);
      nemesis.stop();
      operator.stop();
      world.note("world", "faults stop");
      work.stopped = true;
      await Promise.all([...clients, ...watching, caring, operating]);
      await mustSettle(cluster, model, operator, history, watchers);
      for (const machine of cluster.members) machine.tellSettled();
      cluster.endSupervision();
      history.end();
    });
  } catch (error) {
    failure = error as Error;
  }
  return {
    seed,
    traceHash: world.traceHash,
    failure,
    lastLines: world.lastLines,
    weather,
    virtualMs: world.now,
    events: world.events,
    entries: model.index,
    revisions: model.revision,
    watchEvents: watchers.reduce((sum, { events }) => sum + events, 0),
    requests: history.counts,
    alarms: operator.alarms,
    changes: operator.changes,
    faults: nemesis.counts,
    rare: world.rare,
  };
}
