/**
 * Proposals on their way through the log, until their outcome is known here.
 *
 *   queued ──flush──→ sent (to the core, which appends or forwards) ──→ applied here: settled
 *     ↑ nobody leads, or too much is under way     │
 *     └── its message was dropped, its term is over ┘
 *
 * A proposal that is queued has surely not happened. One that is sent in term t becomes an entry of term t or none at all: the
 * leader of t appends it, and no other takes it (`isStale`). Terms never fall along the log. So once an entry of a later term is applied
 * here without it having come before, it never will, and it is queued again: a change of leader costs a writer time, and no doubt.
 */
import { type Index, type MemberId, NumberMap, noMember, type Revision, type Term } from "../base/index.ts";
import { KvError } from "../kv/index.ts";
import type { Clock, Random } from "../platform/index.ts";
import type { Entry, EntryType, Message, Raft } from "../raft/index.ts";
import { type Command, encodeCommand, type RequestId } from "./command.ts";
import { pendingBytesMax, pendingRequestsMax, proposeBytesMax, requestBytesMaxDefault } from "./limits.ts";
import type { Outcome } from "./state-machine.ts";

/** A proposal without an outcome yet. */
export interface Pending {
  /** Position among the proposals of this life. */
  readonly position: number;
  readonly type: EntryType;
  readonly data: Uint8Array;
  /** What `data` says. Undefined of a conf change. */
  readonly command: Command | undefined;
  readonly deadline: number;
  /** Undefined while it is queued. */
  sentIn: Term | undefined;
  /** Of a conf change that was sent: where it stands in the log. */
  index: Index | undefined;
  readonly answerOf: (outcome: Outcome) => unknown;
  readonly resolve: (answer: never) => void;
  readonly reject: (error: Error) => void;
}

const itself = (outcome: Outcome): Outcome => outcome;

/** Sequences begin anywhere, so that an entry of an earlier life never passes for a request of this one. */
const sequenceStartMax = 2 ** 52;

export class Proposals {
  readonly #member: MemberId;
  readonly #clock: Clock;
  readonly #raft: Raft;
  readonly #timeoutMs: number;
  readonly #onWork: () => void;
  readonly #onLost: () => void;
  readonly #requestBytesMax: number;
  /** All, by position. */
  readonly #pending = new NumberMap<Pending>();
  /** When the first proposal since the last flush or tick came, which stands for those that came with it: to ask the system each time is dear. */
  #turnBegan: number | undefined;
  /** None of them is due before. */
  #soonestDeadline = Number.POSITIVE_INFINITY;
  #pendingBytes = 0;
  /** May hold some that are settled by now. */
  #queue: Pending[] = [];
  /** Appended by this member's core as the leader of `#appendedIn`, in the log's order; those before `#nextApplied` are applied. */
  readonly #appended: (Pending | undefined)[] = [];
  #nextApplied = 0;
  #appendedIn: Term | undefined;
  readonly #firstSequence: number;
  #position = 0;
  #closed: KvError | undefined;

  constructor(options: {
    member: MemberId;
    clock: Clock;
    random: Random;
    raft: Raft;
    timeoutMs: number;
    onWork: () => void;
    /** Of one request; 1.5 MiB when left out. */
    requestBytesMax?: number | undefined;
    /** One was given up without an outcome. */
    onLost: () => void;
  }) {
    this.#member = options.member;
    this.#clock = options.clock;
    this.#raft = options.raft;
    this.#timeoutMs = options.timeoutMs;
    this.#onWork = options.onWork;
    this.#onLost = options.onLost;
    this.#requestBytesMax = options.requestBytesMax ?? requestBytesMaxDefault;
    this.#firstSequence = Math.floor(options.random.number() * sequenceStartMax);
  }

  /** Without an outcome yet. */
  get count(): number {
    return this.#pending.size;
  }

  /**
   * Resolves with the outcome once it is committed and applied here.
   * @throws KvError NO_LEADER, TOO_MANY_REQUESTS, REQUEST_TOO_LARGE: nothing happened; TIMEOUT, LEADER_CHANGED, STOPPED: it may have,
   * or may yet; or the refusal
   */
  propose(command: Command): Promise<Outcome> {
    return this.ask(command, itself);
  }

  /** The same, with what `answerOf` makes of the outcome. Nothing the command refers to may change before that. */
  ask<T>(command: Command, answerOf: (outcome: Outcome) => T): Promise<T> {
    const position = this.#position++;
    const data = encodeCommand(this.#requestAt(position), command);
    return this.#add({ position, type: "normal", data, command, answerOf });
  }

  /**
   * The same for a change of the configuration: `encode` puts the request's name into its context. Only a leader hands one to its
   * core, for only it knows where the entry stands, and with that when the core has put an empty one in its place ("not-taken").
   * @throws KvError NOT_LEADER, besides: nothing happened
   */
  proposeConfChange(encode: (id: RequestId) => Uint8Array): Promise<Outcome> {
    const position = this.#position++;
    const data = encode(this.#requestAt(position));
    return this.#add({ position, type: "conf-change", data, command: undefined, answerOf: itself });
  }

  /** Hands what is queued to the core, as much as it takes. Called in every turn. */
  flush(): void {
    this.#turnBegan = undefined;
    const queue = this.#queue;
    if (queue.length === 0) return;
    let done = 0;
    while (done < queue.length) {
      const chunk: Pending[] = [];
      let next = done;
      for (let bytes = 0; next < queue.length && bytes < proposeBytesMax; next++) {
        const pending = queue[next] as Pending;
        if (this.#pending.get(pending.position) === undefined) continue;
        if (pending.type === "conf-change" && this.#raft.role !== "leader") {
          this.#drop(pending);
          pending.reject(new KvError("NOT_LEADER", "etcdserver: not leader"));
          continue;
        }
        chunk.push(pending);
        bytes += pending.data.length;
      }
      if (chunk.length > 0 && this.#raft.propose(chunk) !== "accepted") break;
      this.#sent(chunk);
      done = next;
    }
    this.#queue = done === queue.length ? [] : queue.slice(done);
  }

  /** The core has taken them. */
  #sent(chunk: readonly Pending[]): void {
    const { term, role } = this.#raft;
    const leads = role === "leader";
    if (leads && this.#appendedIn !== term) {
      this.#forgetAppended();
      this.#appendedIn = term;
    }
    // What is applied leaves the list when it is half of it, so that nothing is moved often.
    if (this.#nextApplied * 2 >= this.#appended.length) {
      this.#appended.splice(0, this.#nextApplied);
      this.#nextApplied = 0;
    }
    for (let i = 0; i < chunk.length; i++) {
      const pending = chunk[i] as Pending;
      pending.sentIn = term;
      if (pending.type === "conf-change")
        pending.index = (this.#raft.status.lastIndex - chunk.length + 1 + i) as Index;
      else if (leads) this.#appended.push(pending);
    }
  }

  /**
   * The proposal that became this entry, where this member leads: it need not read from the entry what it has just written there.
   * Undefined proves nothing: `find` asks by name.
   */
  claim(entry: Entry): Pending | undefined {
    const pending = this.#appended[this.#nextApplied];
    if (pending?.data !== entry.data) return undefined;
    // Let go at once: all that a request consists of hangs on it.
    this.#appended[this.#nextApplied++] = undefined;
    return pending;
  }

  /** The proposal of this name, if it is one of ours and has no outcome. */
  find(id: RequestId): Pending | undefined {
    return id.member === this.#member ? this.#pending.get(id.sequence - this.#firstSequence) : undefined;
  }

  /** Proposals that could not be forwarded: they go out again with the next flush that finds a leader. */
  returned(entries: readonly { readonly type: EntryType; readonly data: Uint8Array }[]): void {
    for (const entry of entries) {
      // The core forwards the very objects that it was given.
      const pending = this.#pending.get((entry as Pending).position);
      if (pending === undefined || pending !== entry) continue;
      pending.sentIn = undefined;
      this.#queue.push(pending);
    }
  }

  /** Tells the proposer, if nobody has given it up. */
  settle(pending: Pending, outcome: Outcome | KvError): void {
    if (!this.#drop(pending)) return;
    if (outcome instanceof KvError) pending.reject(outcome);
    else this.#resolve(pending, outcome);
  }

  /** An entry without bytes was applied: a leader's first word, or in place of a conf change that the core did not take. */
  emptied({ index, term }: { index: Index; term: Term }, revision: Revision): void {
    for (const pending of this.#pending.values()) {
      if (pending.type !== "conf-change" || pending.index !== index || pending.sentIn !== term) continue;
      this.settle(pending, { type: "not-taken", revision });
    }
  }

  /** An entry of this term is applied, and so is all that was sent in earlier ones and ever will be. */
  termIs(term: Term): void {
    for (const pending of this.#oldestFirst()) {
      if (pending.sentIn === undefined || pending.sentIn >= term) continue;
      pending.sentIn = undefined;
      this.#queue.push(pending);
    }
    if (this.#queue.length > 0) this.#onWork();
  }

  /** The state was replaced by an image: whether it contains what was sent nobody can tell. */
  replaced(): void {
    this.#forgetAppended();
    for (const pending of this.#oldestFirst()) {
      if (pending.sentIn === undefined) continue;
      this.#drop(pending);
      this.#onLost();
      pending.reject(new KvError("LEADER_CHANGED", "etcdserver: leader changed"));
    }
  }

  /** Gives up what is too old. */
  expire(): void {
    this.#turnBegan = undefined;
    const now = this.#clock.monotonic();
    if (now < this.#soonestDeadline) return;
    this.#soonestDeadline = Number.POSITIVE_INFINITY;
    for (const pending of this.#oldestFirst()) {
      if (pending.deadline > now) {
        this.#soonestDeadline = pending.deadline;
        return;
      }
      this.#drop(pending);
      this.#onLost();
      const never = pending.sentIn === undefined;
      if (never && this.#raft.leader === noMember) pending.reject(noLeader());
      else if (never) pending.reject(tooMany());
      else pending.reject(new KvError("TIMEOUT", "etcdserver: request timed out"));
    }
  }

  close(error: KvError): void {
    this.#closed = error;
    this.#queue = [];
    this.#forgetAppended();
    for (const pending of this.#oldestFirst()) {
      this.#drop(pending);
      pending.reject(error);
    }
  }

  #add<T>(
    proposal: Pick<Pending, "position" | "type" | "data" | "command"> & { answerOf: (outcome: Outcome) => T },
  ): Promise<T> {
    const { position, type, data, command, answerOf } = proposal;
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    if (data.length > this.#requestBytesMax) {
      return Promise.reject(new KvError("REQUEST_TOO_LARGE", "etcdserver: request is too large"));
    }
    if (this.#pending.size >= pendingRequestsMax || this.#pendingBytes + data.length > pendingBytesMax) {
      return Promise.reject(tooMany());
    }
    this.#turnBegan ??= this.#clock.monotonic();
    const deadline = this.#turnBegan + this.#timeoutMs;
    this.#soonestDeadline = Math.min(this.#soonestDeadline, deadline);
    return new Promise((resolve, reject) => {
      const pending: Pending = {
        position,
        type,
        data,
        command,
        deadline,
        sentIn: undefined,
        index: undefined,
        answerOf,
        resolve,
        reject,
      };
      this.#pending.set(position, pending);
      this.#pendingBytes += data.length;
      this.#queue.push(pending);
      this.#onWork();
    });
  }

  #resolve(pending: Pending, outcome: Outcome): void {
    try {
      pending.resolve(pending.answerOf(outcome) as never);
    } catch (error) {
      pending.reject(error as Error);
    }
  }

  #oldestFirst(): Pending[] {
    return this.#pending.values().sort((a, b) => a.position - b.position);
  }

  #requestAt(position: number): RequestId {
    return { member: this.#member, sequence: this.#firstSequence + position };
  }

  #forgetAppended(): void {
    this.#appended.length = 0;
    this.#nextApplied = 0;
  }

  /** False: it has its outcome already. */
  #drop(pending: Pending): boolean {
    if (!this.#pending.delete(pending.position)) return false;
    this.#pendingBytes -= pending.data.length;
    return true;
  }
}

/** Forwarded in a term that is over: its proposer may have sent it again by now. */
export function isStale(message: Message, term: Term): boolean {
  return message.type === "propose" && message.term < term;
}

export function noLeader(): KvError {
  return new KvError("NO_LEADER", "etcdserver: no leader");
}

function tooMany(): KvError {
  return new KvError("TOO_MANY_REQUESTS", "etcdserver: too many requests");
}
