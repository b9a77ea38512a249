/** Brings the day's faults, one after another, and takes them back. */

import { clockRateErrorMax } from "./checkers/leases.ts";
import type { SimCluster } from "./cluster.ts";
import type { Machine } from "./machine.ts";
import type { Fault } from "./weather.ts";

/** A change of members that was asked for has been made, or will not be, after so long. */
const changeMsMax = 5000;
const failingWrites = ["write", "rename", "open", "syncDirectory", "truncate", "remove"] as const;
/** So long at most it takes until something is synced that the power goes at. */
const tearMsMax = 2000;

export class Nemesis {
  readonly #cluster: SimCluster;
  #stopped = false;
  readonly counts = new Map<Fault, number>();

  constructor(cluster: SimCluster) {
    this.#cluster = cluster;
  }

  async run(): Promise<void> {
    const { world, weather } = this.#cluster;
    while (!this.#stopped) {
      await world.sleep(world.random() * 2 * weather.faultPauseMs);
      if (this.#stopped) return;
      const fault = world.pick(weather.faults);
      this.counts.set(fault, (this.counts.get(fault) ?? 0) + 1);
      world.note("nemesis", fault);
      await this.#bring(fault);
    }
  }

  /** No more faults, and those that last are over. */
  stop(): void {
    this.#stopped = true;
    const { machines, network } = this.#cluster;
    network.heal();
    network.messages = { lost: 0, doubled: 0, overtaken: 0 };
    network.delayMs = 0.3;
    network.jitterMs = 0.5;
    network.breaks = 0;
    network.breaksOfImages = 0;
    for (const machine of machines) {
      const { health, life, clock } = machine;
      health.slowness = 1;
      health.stalledUntilMs = 0;
      health.full = false;
      health.capacityBytes = Number.POSITIVE_INFINITY;
      health.failing.clear();
      machine.planCrash(undefined);
      clock.rate = 1;
      if (life?.paused === true) life.resume();
    }
  }

  async #bring(fault: Fault): Promise<void> {
    const { world, network, members: machines } = this.#cluster;
    const victim = this.#victim();
    switch (fault) {
      case "kill":
        return victim.kill();
      case "stop":
        return victim.stop();
      case "lose power":
        return victim.losePower();
      case "crash at a step":
        return victim.planCrash({ steps: 1 + world.below(300) });
      case "torn writes":
        return this.#tearWrites(victim);
      case "lose all power":
        for (const machine of machines) machine.losePower();
        return;
      case "restart storm":
        for (let i = 5 + world.below(15); i > 0 && !this.#stopped; i--) {
          const machine = world.pick(machines);
          if (world.chance(0.5)) machine.kill();
          else machine.losePower();
          await world.sleep(world.random() * 300);
          void machine.start();
        }
        return;
      case "cut in two": {
        const side = new Map(machines.map(({ host }) => [host, world.chance(0.5)]));
        return this.#cutFor(world.between(500, 6000), (from, to) => side.get(from) !== side.get(to));
      }
      case "cut the leader off": {
        const host = this.#cluster.leader?.host;
        return this.#cutFor(world.between(500, 6000), (from, to) => from === host || to === host);
      }
      case "cut one way":
        return this.#cutOneWay(victim.host);
      case "cut a pair": {
        // Others reach both: whoever leads may be seen by some alone.
        const other = world.pick(machines).host;
        const isEnd = (host: string) => host === victim.host || host === other;
        return this.#cutFor(world.between(500, 6000), (from, to) => isEnd(from) && isEnd(to));
      }
      case "flap":
        for (let i = 10; i > 0 && !this.#stopped; i--) {
          await this.#cutFor(world.random() * 300, (from, to) => from === victim.host || to === victim.host);
          await world.sleep(world.random() * 300);
        }
        return;
      case "slow disk":
        victim.health.slowness = world.pick([10, 100, 500]);
        await this.#for(world.between(500, 5000), () => {
          victim.health.slowness = 1;
        });
        return;
      case "stalled disk":
        victim.health.stalledUntilMs = world.now + world.between(200, 5000);
        return;
      case "failing sync":
        victim.health.failing.set("datasync", 1);
        return;
      case "failing write":
        victim.health.failing.set(world.pick(failingWrites), 1);
        return;
      case "failing read":
        victim.health.failing.set("read", 1);
        return;
      case "full disk":
        victim.health.full = true;
        await this.#for(world.between(500, 5000), () => {
          victim.health.full = false;
        });
        return;
      case "filling disk":
        return this.#fill(victim);
      case "pause": {
        const { life } = victim;
        life?.pause();
        await this.#for(world.between(100, 5 * this.#cluster.weather.electionMs), () => life?.resume());
        return;
      }
      case "pause the leader": {
        const life = this.#cluster.leader?.life;
        life?.pause();
        // Another one leads by then.
        await this.#for(this.#cluster.weather.electionMs * world.between(1.5, 6), () => life?.resume());
        return;
      }
      case "drift":
        victim.clock.rate = 1 + world.between(-clockRateErrorMax, clockRateErrorMax);
        return;
      case "clock jump":
        victim.clock.offsetMs += world.between(-1e6, 1e6);
        return;
      case "bit rot":
      case "misdirected write":
        return this.#damage(victim, fault);
      case "move leader": {
        const { leader, running } = this.#cluster;
        const to = world.pick(running)?.replica?.memberId;
        if (leader?.replica !== undefined && to !== undefined) leader.replica.moveLeader(to).catch(() => {});
        return;
      }
      case "bad messages":
        network.messages = {
          lost: world.random() * 0.3,
          doubled: world.random() * 0.3,
          overtaken: world.random() * 0.5,
        };
        await this.#for(world.between(1000, 10_000), () => {
          network.messages = { lost: 0, doubled: 0, overtaken: 0 };
        });
        return;
      case "breaking connections":
        network.breaks = world.pick([0.01, 0.1, 0.5]);
        await this.#for(world.between(500, 5000), () => {
          network.breaks = 0;
        });
        return;
      case "breaking images":
        return this.#breakImages(victim);
      case "slow network":
        network.delayMs = world.between(1, 40);
        network.jitterMs = world.between(0, 100);
        await this.#for(world.between(1000, 10_000), () => {
          network.delayMs = 0.3;
          network.jitterMs = 0.5;
        });
        return;
    }
  }

  /**
   * Loses its power again and again while something that it wrote is being synced: so the next start meets a write that was made in part, and
   * the one after it what became of that.
   */
  async #tearWrites(victim: Machine): Promise<void> {
    const { world } = this.#cluster;
    for (let i = 2 + world.below(5); i > 0 && !this.#stopped; i--) {
      const loss = world.pick(["a prefix survives", "any sectors survive"] as const);
      victim.planCrash({ steps: 1 + world.below(8), at: "datasync", loss });
      await world.until(() => !victim.isUp || this.#stopped, tearMsMax);
      if (!this.#stopped) await victim.start();
    }
  }

  /** Somebody is away until the others have let go of the log that it lacks; the image that it gets instead comes in many parts. */
  async #breakImages({ host }: Machine): Promise<void> {
    const { world, network } = this.#cluster;
    await this.#cutFor(world.between(1000, 5000), (from, to) => from === host || to === host);
    if (this.#stopped) return;
    network.breaksOfImages = world.between(0.02, 0.3);
    await this.#for(world.between(2000, 10_000), () => {
      network.breaksOfImages = 0;
    });
  }

  /**
   * Somebody else fills the disk, slowly, up to what a member keeps free for itself, and makes room again. What the cluster holds has room:
   * a machine that comes back empty cannot join where it has none.
   */
  async #fill({ health, config }: Machine): Promise<void> {
    const { world, machines } = this.#cluster;
    const reserveBytes = config.diskReserveBytes ?? 0;
    for (let share = 6; share >= 0.5 && !this.#stopped; share -= world.random()) {
      const heldBytes = Math.max(...machines.map(({ storage }) => storage.bytes));
      health.capacityBytes = Math.min(health.capacityBytes, heldBytes + share * reserveBytes);
      await world.sleep(1500);
    }
    await this.#for(world.between(1000, 6000), () => {
      health.capacityBytes = Number.POSITIVE_INFINITY;
    });
  }

  /** Of one disk at a time, and of none that nothing could replace; often while the machine is off, so that the next start meets it. */
  #damage(victim: Machine, kind: "bit rot" | "misdirected write"): void {
    const { world, members, weather } = this.#cluster;
    const isWhole = members.every(({ damaged, isVoter }) => !damaged && isVoter);
    if (members.length < 3 || !isWhole) return;
    if (!weather.reconfigures && members.length < weather.members) return;
    if (weather.reconfigures && !this.#isSettled()) return;
    if (world.chance(0.8)) victim.losePower();
    const where = victim.damageDisk(kind);
    if (where === undefined) return;
    world.note("nemesis", `${kind} in ${where}`);
  }

  /** Members come and go, and now none does: one that goes late, by a word that was lost, still leaves a quorum of whole disks. */
  #isSettled(): boolean {
    const { members, running, world, changedAt } = this.#cluster;
    return members.length > 3 && running.length === members.length && world.now - changedAt > changeMsMax;
  }

  /** It is heard by nobody, or hears nobody. */
  #cutOneWay(host: string): Promise<void> {
    const { world } = this.#cluster;
    const isDeaf = world.chance(0.5);
    return this.#cutFor(world.between(500, 6000), (from, to) => host === (isDeaf ? to : from));
  }

  async #cutFor(milliseconds: number, isCut: (from: string, to: string) => boolean): Promise<void> {
    const { machines, network } = this.#cluster;
    for (const { host: from } of machines)
      for (const { host: to } of machines) if (from !== to && isCut(from, to)) network.cut(from, to);
    await this.#for(milliseconds, () => network.heal());
  }

  /** Waits, then takes the fault back; when faults stop meanwhile, `stop` has done so. */
  async #for(milliseconds: number, undo: () => void): Promise<void> {
    await this.#cluster.world.sleep(milliseconds);
    if (!this.#stopped) undo();
  }

  /** Often the one that leads: that is where it hurts. */
  #victim(): Machine {
    const { world, members, leader } = this.#cluster;
    return leader !== undefined && world.chance(0.4) ? leader : world.pick(members);
  }
}
