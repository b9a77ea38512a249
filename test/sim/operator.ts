/**
 * Whoever runs the cluster: replaces machines whose disk is damaged, has members leave and come back (at once, as learners, two changes at
 * the same time), and looks what the cluster says it is whenever an answer was lost.
 */
import { type MemberId, noMember } from "../../src/base/index.ts";
import { KvError } from "../../src/kv/index.ts";
import type { Member, Replica } from "../../src/replica/index.ts";
import type { SimCluster } from "./cluster.ts";
import type { Machine } from "./machine.ts";

/** Milliseconds between two looks at a cluster that needs repair. */
const lookAgainMs = 500;
/** A removed machine runs on, or starts again, for so long at most: it comes back late, and is told. */
const lingerMsMax = 6000;

export class Operator {
  readonly #cluster: SimCluster;
  #stopped = false;
  changes = 0;
  /** Found raised. */
  alarms = 0;

  constructor(cluster: SimCluster) {
    this.#cluster = cluster;
  }

  /** Until `stop`. */
  async run(): Promise<void> {
    const { world, weather } = this.#cluster;
    while (!this.#stopped) {
      await world.sleep(world.between(200, weather.reconfigures ? 4000 : 10_000));
      if (this.#stopped) return;
      // Who has a broken disk in the house changes nothing else before that is mended.
      if (weather.reconfigures && this.#cluster.machines.every(({ damaged }) => !damaged)) {
        const steps = world.chance(0.2) ? 2 : 1;
        await Promise.all(Array.from({ length: steps }, () => this.#change()));
      }
      await this.#reconcile();
      await this.#disarm();
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Repairs, until every member that the cluster knows runs on a sound disk. False: not within the time. */
  async finish(timeoutMs: number): Promise<boolean> {
    const { world } = this.#cluster;
    for (const end = world.now + timeoutMs; world.now < end; ) {
      if ((await this.#reconcile()) && !(await this.#disarm())) return true;
      await world.sleep(lookAgainMs);
    }
    return false;
  }

  #change(): Promise<unknown> {
    const { world, machines } = this.#cluster;
    const members = machines.filter(({ held }) => !held);
    const spares = machines.filter(({ held, retiring }) => held && !retiring);
    const spare = world.pick(spares);
    if (spare !== undefined && world.chance(0.6)) return this.#add(spare);
    const leaving = world.pick(members);
    if (members.length > 1 && leaving?.memberId !== undefined && world.chance(0.7))
      return this.#remove(leaving, leaving.memberId);
    return this.#promote();
  }

  /** Makes true what the cluster says of itself. True: there is nothing left to do. */
  async #reconcile(): Promise<boolean> {
    const { machines } = this.#cluster;
    const members = await this.#ask("asks who belongs to the cluster", (replica) =>
      replica.members({ linearizable: true }),
    );
    if (members === undefined) {
      // Perhaps what is missing for a quorum is a newcomer that waits to be started.
      const known = await this.#ask("asks whom a member knows", (replica) =>
        replica.members({ linearizable: false }),
      );
      for (const machine of machines) {
        const isKnown = known?.some(({ peerUrls }) => peerUrls.join() === machine.peerUrls.join());
        if (known !== undefined && isKnown && machine.held && !machine.retiring)
          this.#letJoin(machine, known);
      }
      return false;
    }
    let isDone = true;
    for (const machine of machines) {
      const member = members.find(({ peerUrls }) => peerUrls.join() === machine.peerUrls.join());
      if (machine.isBroken) {
        isDone = false;
        if (member !== undefined) await this.#remove(machine, member.id);
        else await this.#empty(machine, 0);
      } else if (member === undefined) {
        if (machine.held || machine.retiring) continue;
        isDone = false;
        void this.#empty(machine, this.#stopped ? 0 : lingerMsMax);
      } else if (machine.held && !machine.retiring) {
        isDone = false;
        this.#letJoin(machine, members);
      } else if (machine.damaged) {
        isDone = false;
        // Nobody has read what is damaged: the next start does.
        if (this.#stopped && machine.replica !== undefined) machine.kill();
      } else if (machine.memberId !== member.id) {
        isDone = false;
        // It was removed, and added anew, and has the disk of its former life.
        if (machine.memberId !== undefined && !machine.retiring) void this.#empty(machine, 0);
      }
    }
    return isDone && this.#isComplete(members);
  }

  /** Where nobody comes and goes for sport, there are as many voters as there were. */
  #isComplete(members: readonly Member[]): boolean {
    const { weather, machines } = this.#cluster;
    if (weather.reconfigures && !this.#stopped) return true;
    if (members.some(({ learner }) => learner)) void this.#promote();
    else if (weather.reconfigures || members.length >= weather.members) return true;
    else {
      const spare = machines.find(({ held, retiring }) => held && !retiring);
      if (spare !== undefined) void this.#add(spare);
    }
    return false;
  }

  /** Lifts an alarm; whoever still has a reason raises its own again. False: there was none. */
  async #disarm(): Promise<boolean> {
    const raised = this.#cluster.running.flatMap(({ replica }) => replica?.alarms() ?? []);
    const [first] = raised;
    if (first === undefined) return false;
    this.alarms++;
    await this.#ask("lifts an alarm", (replica) => replica.alarm({ action: "deactivate", ...first }));
    return true;
  }

  async #add(machine: Machine): Promise<void> {
    const learner = this.#cluster.world.chance(0.5);
    await this.#askForChange(`adds ${machine.name}${learner ? " as a learner" : ""}`, (replica) =>
      replica.addMember(machine.peerUrls, { learner }),
    );
  }

  async #remove(machine: Machine, id: MemberId): Promise<void> {
    await this.#askForChange(`removes ${machine.name}`, (replica) => replica.removeMember(id));
  }

  async #promote(): Promise<void> {
    const learner = this.#cluster.machines.find(({ replica }) => replica?.isLearner() === true);
    const memberId = learner?.memberId ?? noMember;
    if (memberId === noMember) return;
    await this.#askForChange(`promotes ${learner?.name}`, (replica) => replica.promoteMember(memberId));
  }

  /** The machine of a member that was removed: it may come back late, then its disk is emptied. */
  async #empty(machine: Machine, lingerMs: number): Promise<void> {
    const { world } = this.#cluster;
    machine.retiring = true;
    await world.sleep(world.random() * lingerMs);
    machine.held = true;
    machine.kill();
    machine.replaceDisk();
    machine.retiring = false;
    world.note("operator", `has emptied ${machine.name}`);
  }

  #letJoin(machine: Machine, members: readonly Member[]): void {
    const initialMembers = members.map(({ peerUrls }) => ({
      peerUrls,
      name: this.#cluster.machines.find((one) => one.peerUrls.join() === peerUrls.join())?.name ?? "",
    }));
    machine.config = { ...machine.config, initialMembers, initialState: "existing" };
    machine.held = false;
    void machine.start();
  }

  async #askForChange(what: string, ask: (replica: Replica) => Promise<unknown>): Promise<void> {
    const { world } = this.#cluster;
    this.changes++;
    this.#cluster.changedAt = world.now;
    await this.#ask(what, ask);
    this.#cluster.changedAt = world.now;
  }

  /** Undefined: refused, lost, or there is nobody to ask. */
  async #ask<T>(what: string, ask: (replica: Replica) => Promise<T>): Promise<T | undefined> {
    const { world } = this.#cluster;
    const { replica, life, name } = world.pick(this.#cluster.machines);
    if (replica === undefined || life === undefined) return undefined;
    try {
      const answer = await Promise.race([life.run(() => ask(replica)), life.ended]);
      world.note("operator", `${what} on ${name}: ${answer === undefined ? "lost" : "done"}`);
      return answer as T | undefined;
    } catch (error) {
      if (!(error instanceof KvError)) throw error;
      world.note("operator", `${what} on ${name}: ${error.code}`);
      return undefined;
    }
  }
}
