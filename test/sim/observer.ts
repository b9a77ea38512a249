/** What the checkers see of a member: each is told what it asks for, as it happens. */

import type { Entry, Raft, RaftConfig, Ready } from "../../src/raft/index.ts";
import type { ReplicaParts } from "../../src/replica/index.ts";
import type { WalBatch } from "../../src/wal/index.ts";
import type { Life } from "./life.ts";
import type { Machine } from "./machine.ts";

/** One life of a member, with the log as the core has it. */
export interface Observed {
  readonly machine: Machine;
  readonly life: Life;
  readonly parts: ReplicaParts;
  readonly log: LogMirror;
}

export interface Checker {
  /** A member has opened its directory. */
  opened?(member: Observed): void;
  /** The core hands out work. */
  ready?(member: Observed, ready: Ready): void;
  /** Role or term have changed. */
  role?(member: Observed): void;
  /** Committed entries are handed out to be applied. */
  committed?(member: Observed, entries: readonly Entry[]): void;
  /** Everything up to here is applied, or an image was installed. */
  applied?(member: Observed, index: number): void;
  /** After the faults, when all is well again. */
  settled?(member: Observed): void;
  /** The log says that this is durable. */
  durable?(member: Observed, batch: WalBatch): void;
}

/** Terms and data of a member's log, from its image on. */
export class LogMirror {
  snapshotIndex: number;
  snapshotTerm: number;
  /** The first is at snapshotIndex + 1. */
  #entries: Entry[] = [];

  constructor({ snapshot, entries }: RaftConfig["restored"]) {
    this.snapshotIndex = snapshot.index;
    this.snapshotTerm = snapshot.term;
    this.#entries = [...entries];
  }

  get lastIndex(): number {
    return this.snapshotIndex + this.#entries.length;
  }

  /** Undefined: not there, or in the image. */
  at(index: number): Entry | undefined {
    return this.#entries[index - this.snapshotIndex - 1];
  }

  termAt(index: number): number | undefined {
    return index === this.snapshotIndex ? this.snapshotTerm : this.at(index)?.term;
  }

  /** Of the entries behind an index. */
  bytesSince(index: number): number {
    let bytes = 0;
    for (let i = index + 1; i <= this.lastIndex; i++) bytes += (this.at(i)?.data.length ?? 0) + 128;
    return bytes;
  }

  take({ entries, snapshot }: Pick<Ready, "entries" | "snapshot">): void {
    if (snapshot !== undefined) {
      this.snapshotIndex = snapshot.index;
      this.snapshotTerm = snapshot.term;
      this.#entries = [];
    }
    const first = entries[0];
    if (first === undefined) return;
    this.#entries.length = Math.max(0, first.index - this.snapshotIndex - 1);
    this.#entries.push(...entries);
  }
}

/** Puts the checkers' eyes between a member's parts. */
export function observe(
  machine: Machine,
  life: Life,
  parts: ReplicaParts,
  checkers: readonly Checker[],
): ReplicaParts {
  const member: Observed = { machine, life, parts, log: new LogMirror(parts.raftConfig.restored) };
  const tell = (what: (checker: Checker) => void): void => {
    // The dead may go on for a moment; nobody hears of it.
    if (life.dead) return;
    try {
      for (const checker of checkers) what(checker);
    } catch (error) {
      life.world.fail(new Error(`${machine.name}: ${(error as Error).message}`, { cause: error }));
    }
  };
  const { wal } = parts;
  const watched: ReplicaParts = {
    ...parts,
    raft: new WatchedRaft(parts.raft, member, tell),
    wal: {
      append: (batch) => {
        const written = wal.append(batch);
        if (batch.sync === false) return written;
        return written.then(() => tell((checker) => checker.durable?.(member, batch)));
      },
      release: (index) => wal.release(index),
      close: () => wal.close(),
      get stats() {
        return wal.stats;
      },
    },
  };
  machine.tellSettled = () => tell((checker) => checker.settled?.(member));
  tell((checker) => checker.opened?.(member));
  return watched;
}

type Tell = (what: (checker: Checker) => void) => void;

class WatchedRaft implements Raft {
  readonly #raft: Raft;
  readonly #member: Observed;
  readonly #tell: Tell;
  #seen = "";

  constructor(raft: Raft, member: Observed, tell: Tell) {
    this.#raft = raft;
    this.#member = member;
    this.#tell = tell;
  }

  tick(): void {
    this.#raft.tick();
    this.#look();
  }

  step(message: Parameters<Raft["step"]>[0]): void {
    this.#raft.step(message);
    this.#look();
  }

  takeReady(): Ready {
    const ready = this.#raft.takeReady();
    this.#look();
    this.#member.log.take(ready);
    this.#tell((checker) => checker.ready?.(this.#member, ready));
    if (ready.committed.length > 0)
      this.#tell((checker) => checker.committed?.(this.#member, ready.committed));
    return ready;
  }

  persisted(...given: Parameters<Raft["persisted"]>): void {
    this.#raft.persisted(...given);
    this.#look();
  }

  applied(index: Parameters<Raft["applied"]>[0]): void {
    this.#raft.applied(index);
    this.#tell((checker) => checker.applied?.(this.#member, index));
    this.#look();
  }

  propose(entries: Parameters<Raft["propose"]>[0]): ReturnType<Raft["propose"]> {
    return this.#raft.propose(entries);
  }

  readIndex(context: number): boolean {
    return this.#raft.readIndex(context);
  }

  hasReady(): boolean {
    return this.#raft.hasReady();
  }

  applyConfChange(change: Parameters<Raft["applyConfChange"]>[0]): ReturnType<Raft["applyConfChange"]> {
    return this.#raft.applyConfChange(change);
  }

  compact(image: Parameters<Raft["compact"]>[0]): void {
    this.#raft.compact(image);
  }

  get wantsImage(): boolean {
    return this.#raft.wantsImage;
  }

  reportSnapshot(...given: Parameters<Raft["reportSnapshot"]>): void {
    this.#raft.reportSnapshot(...given);
  }

  reportUnreachable(...given: Parameters<Raft["reportUnreachable"]>): void {
    this.#raft.reportUnreachable(...given);
  }

  transferLeadership(...given: Parameters<Raft["transferLeadership"]>): void {
    this.#raft.transferLeadership(...given);
    this.#look();
  }

  campaign(): void {
    this.#raft.campaign();
    this.#look();
  }

  get status(): Raft["status"] {
    return this.#raft.status;
  }

  get leader(): Raft["leader"] {
    return this.#raft.leader;
  }

  get role(): Raft["role"] {
    return this.#raft.role;
  }

  get term(): Raft["term"] {
    return this.#raft.term;
  }

  #look(): void {
    const now = `${this.#raft.role} ${this.#raft.term}`;
    if (now === this.#seen) return;
    this.#seen = now;
    const { life } = this.#member;
    if (!life.dead) life.world.note(life.name, `is ${this.#raft.role} in term ${this.#raft.term}`);
    this.#tell((checker) => checker.role?.(this.#member));
  }
}
