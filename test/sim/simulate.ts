/** One simulation: a cluster, people who use it, a day of faults, then calm, in which everything must be well again. */
import { durableOnAQuorum } from "./checkers/durable.ts";
import { equalState } from "./checkers/equal-state.ts";
import { leaderCompleteness } from "./checkers/leader-completeness.ts";
import { logMatching } from "./checkers/log-matching.ts";
import { oneLeader } from "./checkers/one-leader.ts";
import { allKeys, Client, type Work } from "./clients.ts";
import { SimCluster } from "./cluster.ts";
import { History } from "./history.ts";
import { LeaseBook } from "./lease-book.ts";
import type { Instruments } from "./machine.ts";
import { Model } from "./model.ts";
import { Nemesis } from "./nemesis.ts";
import { type Checker, observe } from "./observer.ts";
import { Watcher } from "./watchers.ts";
import { drawWeather, type Weather } from "./weather.ts";
import { World } from "./world.ts";

/** Milliseconds that a cluster without faults may take until it works. */
const calmMs = 60_000;

export interface SimulationOptions {
  readonly seed: number;
  /** Virtual minutes of faults. */
  readonly minutes: number;
  readonly onLine?: ((line: string) => void) | undefined;
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
  readonly faults: ReadonlyMap<string, number>;
}

export async function simulate({ seed, minutes, onLine }: SimulationOptions): Promise<SimulationResult> {
  const world = new World(seed, onLine);
  const weather = drawWeather(world);
  world.note("world", `seed ${seed}: ${JSON.stringify(weather)}`);
  const model = new Model(weather.members);
  const checkers: Checker[] = [
    oneLeader(),
    logMatching(),
    leaderCompleteness(model),
    equalState(model),
    durableOnAQuorum(model),
  ];
  const instruments: Instruments = {
    platform: (_machine, _life, platform) => platform,
    assemble: (machine, life, parts) => observe(machine, life, parts, checkers),
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
  const nemesis = new Nemesis(cluster);
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
      void nemesis.run();
      await world.sleep(minutes * 60_000);
      nemesis.stop();
      world.note("world", "faults stop");
      work.stopped = true;
      await Promise.all([...clients, ...watching]);
      await settle(cluster, history, watchers);
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
    faults: nemesis.counts,
  };
}

/** Liveness: without faults every member comes up, follows one leader, answers and has the same, and every watch its events. */
async function settle(cluster: SimCluster, history: History, watchers: readonly Watcher[]): Promise<void> {
  const { world, machines } = cluster;
  const isUp = await world.until(() => {
    const leaders = new Set(machines.map(({ replica }) => replica?.status().leader ?? 0n));
    return leaders.size === 1 && !leaders.has(0n);
  }, calmMs);
  if (!isUp)
    throw new Error(
      `liveness: no leader that all follow ${calmMs} ms after the faults stopped: ${machines.map(({ name, lastError }) => `${name} ${lastError?.message ?? "runs"}`).join()}`,
    );
  const revisions: number[] = [];
  for (const { replica, name } of machines) {
    if (replica === undefined) throw new Error(`liveness: ${name} has gone again`);
    const request = history.begin();
    const answer = await replica.range(allKeys);
    history.read(request, allKeys, answer);
    revisions.push(answer.header.revision);
  }
  const last = Math.max(...revisions);
  for (const watcher of watchers) {
    if (!(await watcher.finish(last, calmMs)))
      throw new Error(`liveness: a watch has not seen revision ${last}`);
  }
  cluster.endSupervision();
}
