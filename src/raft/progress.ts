import { BoundedQueue, type Index, type MemberId } from "../base/index.ts";

/** What may be on its way to one member. The append that reaches the bound in bytes still goes. */
export interface InflightBounds {
  readonly messagesMax: number;
  readonly bytesMax: number;
}

/**
 * What a leader believes of one member's log: `match` is known, `next` is a guess above it.
 *
 * ```
 *               append accepted                 rejected, unreachable
 *    ┌───────┐ ─────────────────► ┌───────────┐ ─────────────┐
 *    │ probe │                    │ replicate │              │
 *    └───────┘ ◄──────────────────└───────────┘ ◄┐           ▼
 *      │   ▲  installed or failed                │        (probe)
 *      ▼   └────────────┐                        │
 *    what next needs    │ ┌──────────┐           │
 *    is compacted ──────┴►│ snapshot │───────────┘ acknowledged
 *                         └──────────┘
 * ```
 *
 * probe: one append at a time, until it is answered or a heartbeat is. replicate: appends fly ahead of their answers, up to
 * a bound. snapshot: nothing is sent before the owner says what became of the image.
 */
export class Progress {
  readonly member: MemberId;
  learner: boolean;
  /** Invariant: match < next. */
  match: Index = 0 as Index;
  next: Index = 1 as Index;
  state: "probe" | "replicate" | "snapshot" = "probe";
  /** Heard of since the last quorum check. */
  active = false;
  /** Last read round this member has confirmed. */
  readRound = 0;
  /** Highest commit index it was told while messages are believed to arrive. */
  commitSent: Index = 0 as Index;
  #probing = false;
  /** The image on its way, in state snapshot. */
  #snapshotIndex: Index = 0 as Index;
  /** Last index of every append on its way, in state replicate; and what the entries of each weigh. */
  readonly #inflight: BoundedQueue<Index>;
  readonly #inflightWeights: BoundedQueue<number>;
  readonly #inflightBytesMax: number;
  /** Bytes of entries on their way. */
  inflightBytes = 0;

  constructor(member: MemberId, learner: boolean, { messagesMax, bytesMax }: InflightBounds) {
    this.member = member;
    this.learner = learner;
    this.#inflight = new BoundedQueue(messagesMax);
    this.#inflightWeights = new BoundedQueue(messagesMax);
    this.#inflightBytesMax = bytesMax;
  }

  /** What a new leader, or the leader of a new member, knows: nothing. */
  reset(lastIndex: Index, active: boolean): void {
    this.match = 0 as Index;
    this.next = (lastIndex + 1) as Index;
    this.active = active;
    this.readRound = 0;
    this.#enter("probe");
  }

  get paused(): boolean {
    if (this.state === "probe") return this.#probing;
    if (this.state === "snapshot") return true;
    return this.#inflight.size === this.#inflight.capacity || this.inflightBytes >= this.#inflightBytesMax;
  }

  /** Sends again what may be lost, from just after what is known. */
  becomeProbe(): void {
    this.#enter("probe");
    this.next = (this.match + 1) as Index;
  }

  becomeReplicate(): void {
    this.#enter("replicate");
    this.next = (this.match + 1) as Index;
  }

  becomeSnapshot(index: Index): void {
    this.#enter("snapshot");
    this.#snapshotIndex = index;
  }

  /**
   * The image arrived or did not: probe from after it, or from what was known before. Not before the member is heard of,
   * which has either to install it or to be reached again.
   */
  endSnapshot(installed: boolean): void {
    const from = installed ? Math.max(this.match, this.#snapshotIndex) : this.match;
    this.#enter("probe");
    this.next = (from + 1) as Index;
    this.#probing = true;
  }

  /** An append up to `last` leaves, with so many bytes; an empty one (`last` below next) takes no room among those in flight. */
  sentAppend(last: Index, bytes: number, commit: Index): void {
    this.commitSent = commit;
    if (this.state === "probe") {
      this.#probing = true;
    } else if (last >= this.next) {
      this.#inflight.tryPush(last);
      this.#inflightWeights.tryPush(bytes);
      this.inflightBytes += bytes;
      this.next = (last + 1) as Index;
    }
  }

  /** The member has everything up to `index`. False when that is no news. */
  acknowledge(index: Index): boolean {
    const news = index > this.match;
    if (news) this.match = index;
    if (this.next <= index) this.next = (index + 1) as Index;
    if (this.state === "replicate") {
      while ((this.#inflight.peek() ?? Number.POSITIVE_INFINITY) <= index) {
        this.#inflight.shift();
        this.inflightBytes -= this.#inflightWeights.shift() ?? 0;
      }
    }
    return news;
  }

  /** The member has no such entry as `rejected`; it could match at `hint`. False for the answer to a question no longer open. */
  reject(rejected: Index, hint: Index): boolean {
    if (this.state === "replicate") {
      // Reordered: what it lacked then has been acknowledged since.
      if (rejected <= this.match) return false;
      this.becomeProbe();
      return true;
    }
    if (this.state === "snapshot" || rejected !== this.next - 1) return false;
    this.next = Math.max(Math.min(rejected, hint + 1), this.match + 1) as Index;
    this.#probing = false;
    return true;
  }

  /** The member lives: a probe that was not answered is lost. */
  unpauseProbe(): void {
    this.#probing = false;
  }

  #enter(state: "probe" | "replicate" | "snapshot"): void {
    this.state = state;
    this.#probing = false;
    this.#snapshotIndex = 0 as Index;
    this.commitSent = 0 as Index;
    this.#inflight.clear();
    this.#inflightWeights.clear();
    this.inflightBytes = 0;
  }
}
