import { assert, type Index, type MemberId, noMember, type Term } from "../../src/base/index.ts";
import {
  bootstrap,
  type ConfState,
  createRaft,
  decodeConfChange,
  type Entry,
  type HardState,
  joining,
  type Message,
  type Raft,
  type RaftConfig,
  type ReadState,
  type Ready,
  type SnapshotMeta,
} from "../../src/raft/index.ts";

/*
 * Members of a cluster as their owner would run them, on disks and a network that the test holds in its hand: a write
 * becomes durable when `flush` says so, a message arrives when `deliver` does, and a crash keeps what was durable.
 */

/** The state machine of the tests: every entry ever applied. */
export interface Image extends SnapshotMeta {
  readonly history: readonly Entry[];
}

/** A message on its way, with the image that a snapshot message stands for. */
export interface Envelope {
  readonly message: Message;
  readonly image: Image | undefined;
}

/** Sees all that happens, to check or to write it down. */
export interface Observer {
  ready?(member: Member, ready: Ready): void;
  durable?(member: Member, ready: Ready): void;
  applied?(member: Member, entry: Entry): void;
  installed?(member: Member, image: Image): void;
  read?(member: Member, read: ReadState): void;
  role?(member: Member): void;
}

export type Tuning = Partial<Omit<RaftConfig, "id" | "restored">>;

const tuningDefault: Omit<RaftConfig, "id" | "restored" | "random"> = {
  electionTicks: 10,
  heartbeatTicks: 1,
  appendBytesMax: 4096,
  inflightMessagesMax: 4,
  uncommittedBytesMax: 65_536,
  committedBytesMax: 4096,
  trailingBytesMax: 0,
};

export function memberId(number: number): MemberId {
  return BigInt(number) as MemberId;
}

export class Member {
  readonly id: MemberId;
  readonly cluster: Cluster;
  readonly tuning: Tuning;
  /** Undefined while it is crashed. */
  raft: Raft | undefined;
  /** Writes wait for `flush` instead of being durable at once. */
  held = false;
  /** Taken and not durable, in order. */
  writes: Ready[] = [];
  /** The whole log as handed out, from index 1 on. */
  log: Entry[] = [];
  applied = 0;
  confState: ConfState;
  readonly disk: { hardState: HardState; image: Image; entries: Entry[] };
  /** Images that have arrived and are not installed yet. */
  #received = new Map<Index, Image>();
  #seenRole = "follower@0";

  constructor(cluster: Cluster, id: MemberId, restored: RaftConfig["restored"], tuning: Tuning) {
    this.cluster = cluster;
    this.id = id;
    this.tuning = tuning;
    this.disk = {
      hardState: restored.hardState,
      image: { ...restored.snapshot, history: [] },
      entries: [...restored.entries],
    };
    this.confState = restored.snapshot.confState;
    this.start();
  }

  get running(): Raft {
    assert(this.raft !== undefined, `member ${this.id} is crashed`);
    return this.raft;
  }

  start(): void {
    const { hardState, image, entries } = this.disk;
    const { history, ...snapshot } = image;
    this.raft = createRaft({
      ...tuningDefault,
      // Patience in the order of the ids: 10 ticks, 11, 12, …
      random: () => (Number(this.id) - 1) / 10,
      ...this.tuning,
      id: this.id,
      restored: { hardState, snapshot, entries: [...entries], applied: snapshot.index },
    });
    this.log = [...history, ...entries];
    this.applied = snapshot.index;
    this.confState = snapshot.confState;
    this.#seenRole = `follower@${hardState.term}`;
  }

  /**
   * Loses everything but the disk, on which the first `durableWrites` of what was being written have arrived, and of the
   * one after them that share of the entries without the hard state.
   */
  crash({ durableWrites = 0, tornShare = 0 } = {}): void {
    for (const ready of this.writes.slice(0, durableWrites)) this.#write(ready);
    const torn = this.writes[durableWrites];
    if (torn && !torn.snapshot) {
      const entries = torn.entries.slice(0, Math.floor(torn.entries.length * tornShare));
      this.#write({ ...torn, hardState: undefined, entries });
    }
    this.writes = [];
    this.#received.clear();
    this.raft = undefined;
  }

  /** Carries out all Readys there are; with a disk that is not held until none is left. */
  process(): void {
    while (this.raft?.hasReady()) {
      this.take();
      if (!this.held) this.flush();
      if (this.running.wantsImage) this.compact();
    }
  }

  /** Carries one Ready out, except for the write. */
  take(): void {
    const ready = this.running.takeReady();
    const first = ready.entries[0];
    if (ready.snapshot) this.log = [...(this.#received.get(ready.snapshot.index) as Image).history];
    if (first) this.log.length = first.index - 1;
    this.log.push(...ready.entries);
    this.writes.push(ready);
    this.cluster.observer.ready?.(this, ready);
    this.#observeRole();
    for (const message of ready.messages) this.cluster.send(this, message);
    for (const entry of ready.committed) this.#apply(entry);
    if (ready.committed.length > 0) this.running.applied(this.applied as Index);
    for (const read of ready.readStates) this.cluster.observer.read?.(this, read);
  }

  /** Makes the oldest writes durable; all by default. */
  flush(count = this.writes.length): void {
    for (const ready of this.writes.splice(0, count)) {
      this.#write(ready);
      this.cluster.observer.durable?.(this, ready);
      if (ready.snapshot) this.#install(ready.snapshot);
      for (const message of ready.messagesAfterPersist) this.cluster.send(this, message);
      this.running.persisted(ready.entries.at(-1), ready.hardState);
      this.#observeRole();
    }
  }

  /** Takes an image of the state as it is and lets the core forget. */
  compact(): void {
    if (this.applied <= this.disk.image.index) return;
    const index = this.applied as Index;
    const term = (this.log[index - 1] as Entry).term;
    this.disk.image = { index, term, confState: this.confState, history: this.log.slice(0, index) };
    this.disk.entries = this.disk.entries.filter((entry) => entry.index > index);
    this.running.compact({ index, term });
  }

  step(envelope: Envelope): void {
    if (envelope.image) this.#received.set(envelope.image.index, envelope.image);
    this.raft?.step(envelope.message);
    this.#observeRole();
  }

  tick(): void {
    this.raft?.tick();
    this.#observeRole();
  }

  #write(ready: Ready): void {
    const { disk } = this;
    if (ready.snapshot) {
      disk.image = this.#received.get(ready.snapshot.index) as Image;
      disk.entries = [];
    }
    const first = ready.entries[0];
    if (first) {
      disk.entries.length = Math.max(0, first.index - 1 - disk.image.index);
      disk.entries.push(...ready.entries);
    }
    if (ready.hardState) disk.hardState = ready.hardState;
  }

  #install(snapshot: SnapshotMeta): void {
    const image = this.#received.get(snapshot.index) as Image;
    this.#received.delete(snapshot.index);
    this.applied = image.index;
    this.confState = image.confState;
    this.running.applied(image.index);
    this.cluster.observer.installed?.(this, image);
  }

  #apply(entry: Entry): void {
    assert(
      entry.index === this.applied + 1,
      `member ${this.id} applies ${entry.index} after ${this.applied}`,
    );
    if (entry.type === "conf-change") {
      const change = decodeConfChange(entry.data);
      assert(change !== undefined, `entry ${entry.index} holds no conf change`);
      this.confState = this.running.applyConfChange(change);
    }
    this.applied = entry.index;
    this.cluster.observer.applied?.(this, entry);
  }

  #observeRole(): void {
    if (!this.raft) return;
    const seen = `${this.raft.role}@${this.raft.term}`;
    if (seen === this.#seenRole) return;
    this.#seenRole = seen;
    this.cluster.observer.role?.(this);
  }
}

export class Cluster {
  readonly members = new Map<MemberId, Member>();
  observer: Observer;
  /** Sent and not delivered, in order. */
  network: Envelope[] = [];
  /** Messages that do not arrive, decided when they leave. */
  lost: (message: Message) => boolean = () => false;

  constructor(observer: Observer = {}) {
    this.observer = observer;
  }

  /** Members 1…`voters` of a new cluster. */
  bootstrap(voters: number, tuning: Tuning = {}): this {
    const ids = Array.from({ length: voters }, (_, position) => memberId(position + 1));
    const restored = bootstrap(ids.map((member) => ({ member })));
    for (const id of ids) this.members.set(id, new Member(this, id, restored, tuning));
    this.settle();
    return this;
  }

  /** A member that knows nothing, for the cluster to add. */
  join(number: number, tuning: Tuning = {}): Member {
    const id = memberId(number);
    const member = new Member(this, id, joining, tuning);
    this.members.set(id, member);
    return member;
  }

  /** A member with a log of these terms from index 1 on, all durable; voters are 1…`voters`. */
  restore(
    number: number,
    voters: number,
    terms: readonly number[],
    state: Partial<HardState> = {},
    tuning: Tuning = {},
  ): Member {
    const id = memberId(number);
    const ids = Array.from({ length: voters }, (_, position) => memberId(position + 1));
    const hardState = { term: (terms.at(-1) ?? 0) as Term, vote: noMember, commit: 0 as Index, ...state };
    const member = new Member(
      this,
      id,
      {
        hardState,
        snapshot: { ...joining.snapshot, confState: { voters: ids, votersOutgoing: [], learners: [] } },
        entries: terms.map((term, position) => ({
          term: term as Term,
          index: (position + 1) as Index,
          type: "normal",
          data: new Uint8Array(0),
        })),
        applied: 0 as Index,
      },
      tuning,
    );
    this.members.set(id, member);
    return member;
  }

  member(number: number): Member {
    const member = this.members.get(memberId(number));
    assert(member !== undefined, `there is no member ${number}`);
    return member;
  }

  raft(number: number): Raft {
    return this.member(number).running;
  }

  send(from: Member, message: Message): void {
    if (this.lost(message)) {
      this.#report(message, "failed");
      return;
    }
    this.network.push({ message, image: message.type === "snapshot" ? from.disk.image : undefined });
  }

  deliver(envelope: Envelope): void {
    const member = this.members.get(envelope.message.to);
    this.#report(envelope.message, member?.raft ? "installed" : "failed");
    member?.step(envelope);
  }

  /** Delivers and processes, in order, until nothing is left to do. */
  settle(): void {
    for (;;) {
      for (const member of this.members.values()) member.process();
      const envelopes = this.network;
      if (envelopes.length === 0) return;
      this.network = [];
      for (const envelope of envelopes) this.deliver(envelope);
    }
  }

  /** Ticks one member, or all, and settles after each tick. */
  tick(ticks: number, number?: number): void {
    for (let i = 0; i < ticks; i++) {
      if (number !== undefined) this.member(number).tick();
      else for (const member of this.members.values()) member.tick();
      this.settle();
    }
  }

  /** Makes a member the leader. */
  elect(number: number): void {
    this.raft(number).campaign();
    this.settle();
    assert(this.raft(number).role === "leader", `member ${number} was not elected`);
  }

  #report(message: Message, outcome: "installed" | "failed"): void {
    if (message.type === "snapshot")
      this.members.get(message.from)?.raft?.reportSnapshot(message.to, outcome);
  }
}
