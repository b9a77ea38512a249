import assert from "node:assert/strict";
import { type MemberId, type NumberSource, seededPrng, utf8 } from "../../src/base/index.ts";
import { type ConfChange, encodeConfChange, type ProposeResult } from "../../src/raft/index.ts";
import { Checkers } from "./checkers.ts";
import { Cluster, type Member } from "./cluster.ts";

/*
 * A cluster on a bad day, replayed exactly by its seed: messages are lost, doubled, overtaken and delayed beyond restarts of
 * their sender; the network falls apart; disks lag behind, and a crash loses what they had not written,
 * sometimes half an entry list. Members come and go, leadership is handed on, logs are compacted.
 * Then the faults stop, and the cluster has to work again.
 */

const stepsMax = 1500;
const healTicksMax = 300;
const networkMax = 400;

/** How likely each fault is in this run: drawn once, so that runs differ in kind. */
interface Weather {
  readonly lossShare: number;
  readonly doubleShare: number;
  readonly delayShare: number;
  readonly crashShare: number;
  readonly partitionShare: number;
  readonly changeShare: number;
  /** Members that stand for election for no reason. */
  readonly unrestShare: number;
}

export interface Outcome {
  readonly committed: number;
  readonly reads: number;
  readonly snapshots: number;
  readonly elections: number;
}

export function simulate(seed: number): Outcome {
  return new Simulation(seed).run();
}

class Simulation {
  readonly #random: NumberSource;
  readonly #checkers = new Checkers();
  readonly #cluster: Cluster;
  readonly #members: Member[];
  readonly #weather: Weather;
  /** Which side of the network a member is on. */
  readonly #side = new Map<MemberId, number>();
  #lastContext = 0;
  #lastValue = 0;

  constructor(seed: number) {
    this.#random = seededPrng(seed);
    this.#cluster = new Cluster(this.#checkers);
    const tuning = {
      random: this.#random,
      electionTicks: 3 + this.#below(8),
      heartbeatTicks: 1 + this.#below(2),
      inflightMessagesMax: 1 + this.#below(4),
      appendBytesMax: 64 << this.#below(5),
      committedBytesMax: 64 << this.#below(8),
      uncommittedBytesMax: 4096,
      trailingBytesMax: this.#below(2) * 200,
      sharedBytesMax: this.#below(2) * 4096,
    };
    const voters = 1 + this.#below(5);
    this.#cluster.bootstrap(voters, tuning);
    for (let number = voters + 1; number <= Math.max(4, voters + 1); number++)
      this.#cluster.join(number, tuning);
    this.#members = [...this.#cluster.members.values()];
    for (const member of this.#members) member.held = true;
    this.#weather = {
      lossShare: this.#below(3) * 0.08,
      doubleShare: this.#below(2) * 0.05,
      delayShare: this.#random() * 0.6,
      crashShare: this.#below(3) * 0.008,
      partitionShare: this.#below(3) * 0.01,
      changeShare: this.#below(3) * 0.01,
      unrestShare: this.#below(3) * 0.02,
    };
  }

  run(): Outcome {
    for (let step = 0; step < stepsMax; step++) this.#step();
    this.#heal();
    const { appliedMax: committed, answered, snapshots, elections } = this.#checkers;
    return { committed, reads: answered.size, snapshots, elections };
  }

  #step(): void {
    for (const member of this.#members) {
      if (this.#chance(0.25)) member.tick();
      if (member.raft?.hasReady() && this.#chance(0.7)) member.take();
      if (member.raft?.wantsImage && this.#chance(0.5)) member.compact();
      if (member.raft && member.writes.length > 0 && this.#chance(0.4))
        member.flush(1 + this.#below(member.writes.length));
    }
    for (let i = this.#below(12); i > 0; i--) this.#deliverOne();
    if (this.#chance(0.2)) this.#propose(this.#pick(this.#members));
    if (this.#chance(0.1)) this.#read(this.#pick(this.#members));
    // Whoever believes to lead, rightly or not.
    if (this.#chance(0.1))
      for (const member of this.#members) if (member.raft?.role === "leader") this.#read(member);
    if (this.#chance(0.02)) this.#pickRunning()?.compact();
    if (this.#chance(0.005)) this.#pickRunning()?.running.transferLeadership(this.#pick(this.#members).id);
    if (this.#chance(this.#weather.unrestShare)) this.#pickRunning()?.running.campaign();
    if (this.#chance(0.005)) this.#pickRunning()?.running.reportUnreachable(this.#pick(this.#members).id);
    if (this.#chance(this.#weather.changeShare)) this.#change();
    if (this.#chance(this.#weather.partitionShare)) this.#partition();
    if (this.#chance(this.#weather.crashShare)) this.#crash(this.#pick(this.#members));
    for (const member of this.#members) if (!member.raft && this.#chance(0.02)) member.start();
  }

  /** Any message, oldest first unless the weather delays it; gone, or twice there, as the weather is. */
  #deliverOne(): void {
    const { network } = this.#cluster;
    while (network.length > networkMax) network.splice(this.#below(network.length), 1);
    if (network.length === 0) return;
    const position = this.#chance(this.#weather.delayShare) ? this.#below(network.length) : 0;
    const envelope = network.splice(position, 1)[0];
    assert(envelope);
    const { message } = envelope;
    const apart = (this.#side.get(message.from) ?? 0) !== (this.#side.get(message.to) ?? 0);
    if (apart || this.#chance(this.#weather.lossShare)) {
      if (message.type === "snapshot") {
        this.#cluster.members.get(message.from)?.raft?.reportSnapshot(message.to, "failed");
      }
      return;
    }
    if (this.#chance(this.#weather.doubleShare)) network.push(envelope);
    this.#cluster.deliver(envelope);
  }

  #propose(member: Member): ProposeResult | undefined {
    const data = utf8(`value ${++this.#lastValue}`);
    return member.raft?.propose([{ type: "normal", data }]);
  }

  #read(member: Member): number {
    const context = ++this.#lastContext;
    this.#checkers.asked(context);
    member.raft?.readIndex(context);
    return context;
  }

  #change(): void {
    const type = this.#pick(["add-voter", "add-voter", "add-learner", "remove"] as const);
    const step: ConfChange = { type, member: this.#pick(this.#members).id };
    const other: ConfChange = {
      type: this.#pick(["add-voter", "remove"] as const),
      member: this.#pick(this.#members).id,
    };
    const joint = { type: "joint", changes: [step, other] } as const;
    const change = this.#below(3) === 0 ? joint : step;
    this.#pickRunning()?.running.propose([{ type: "conf-change", data: encodeConfChange(change) }]);
  }

  #partition(): void {
    const kind = this.#pick(["none", "any", "leader alone"] as const);
    for (const { id, raft } of this.#members) {
      const side = { none: 0, any: this.#below(2), "leader alone": raft?.role === "leader" ? 1 : 0 }[kind];
      this.#side.set(id, side);
    }
  }

  #crash(member: Member): void {
    if (!member.raft) return;
    member.crash({ durableWrites: this.#below(member.writes.length + 1), tornShare: this.#random() });
  }

  /** Everybody runs and hears everybody: one leader, all in step, writes and reads go through. */
  #heal(): void {
    this.#side.clear();
    for (const member of this.#members) {
      if (!member.raft) member.start();
      member.held = false;
      member.flush();
    }
    const marker = this.#works();
    assert(marker, `liveness: nothing is applied everywhere ${healTicksMax} ticks after the faults stopped`);
    const contexts = this.#current().map((member) => this.#read(member));
    this.#cluster.settle();
    for (const context of contexts) {
      assert(this.#checkers.answered.has(context), `liveness: read ${context} is not answered`);
    }
  }

  /** Proposes until a proposal is applied by all members of the configuration. */
  #works(): boolean {
    for (let tick = 0; tick < healTicksMax; tick++) {
      this.#cluster.tick(1);
      const leader = this.#leader();
      if (!leader || this.#propose(leader) !== "accepted") continue;
      this.#cluster.settle();
      const { lastIndex } = leader.running.status;
      const inStep = (member: Member) => member.applied === lastIndex && member.running.leader === leader.id;
      if (this.#current().every(inStep)) return true;
    }
    return false;
  }

  /** Whom the leader's configuration has. */
  #current(): Member[] {
    const conf = this.#leader()?.confState;
    return this.#members.filter(({ id }) => conf?.voters.includes(id) || conf?.learners.includes(id));
  }

  #leader(): Member | undefined {
    const leaders = this.#members.filter((member) => member.raft?.role === "leader");
    return leaders.sort((a, b) => b.running.term - a.running.term)[0];
  }

  #pickRunning(): Member | undefined {
    const member = this.#pick(this.#members);
    return member.raft ? member : undefined;
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#below(items.length)] as T;
  }

  #below(bound: number): number {
    return Math.floor(this.#random() * bound);
  }

  #chance(share: number): boolean {
    return this.#random() < share;
  }
}
