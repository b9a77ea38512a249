import type { Revision } from "../../base/index.ts";
import type { Change } from "../change.ts";

export interface WindowLimits {
  /** So many changes are kept whatever their age: clients that come back after a pause go on without listing. */
  readonly changesMin: number;
  /** And never more, however young they are. */
  readonly changesMax: number;
  /** Changes younger than this are kept up to `changesMax`. */
  readonly freshMs: number;
  /** Never more than this of what the changes led to, whatever their number and age. */
  readonly bytesMax: number;
}

/**
 * Upstream's window is 100 to 102,400 changes and 75 seconds; ours begins larger for it holds no copies, and is bounded in bytes, because
 * what it holds stays in memory when the store has compacted it.
 */
export const windowLimits: WindowLimits = {
  changesMin: 1_024,
  changesMax: 102_400,
  freshMs: 75_000,
  bytesMax: 32 * 1024 * 1024,
};

/** The recent changes of a resource, oldest first, so that a watch may begin in the past. */
export class EventWindow {
  readonly #limits: WindowLimits;
  #changes: Change[] = [];
  /** When each came, monotonic. */
  #times: number[] = [];
  #head = 0;
  #bytes = 0;
  #forgotten = 0 as Revision;

  constructor(limits: WindowLimits) {
    this.#limits = limits;
  }

  /** Changes up to this revision are not known; all later ones are. */
  get forgotten(): Revision {
    return this.#forgotten;
  }

  /** Forgets everything: the state is known as of `revision`. */
  reset(revision: Revision): void {
    this.#changes = [];
    this.#times = [];
    this.#head = 0;
    this.#bytes = 0;
    this.#forgotten = revision;
  }

  push(change: Change, now: number): void {
    this.#changes.push(change);
    this.#times.push(now);
    this.#bytes += bytesOf(change);
    const { changesMin, changesMax, freshMs, bytesMax } = this.#limits;
    for (let size = this.#changes.length - this.#head; size > 1; size--) {
      const isFresh = now - (this.#times[this.#head] as number) <= freshMs;
      const isWithin = size <= changesMin || (isFresh && size <= changesMax);
      if (isWithin && this.#bytes <= bytesMax) break;
      const oldest = this.#changes[this.#head] as Change;
      this.#bytes -= bytesOf(oldest);
      this.#forgotten = oldest.revision;
      this.#changes[this.#head] = undefined as never;
      this.#head++;
    }
    if (this.#head > changesMin && this.#head * 2 > this.#changes.length) {
      this.#changes = this.#changes.slice(this.#head);
      this.#times = this.#times.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Changes after `revision`, which must not be before `forgotten`. */
  since(revision: Revision): Change[] {
    let low = this.#head;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#changes[middle] as Change).revision <= revision) low = middle + 1;
      else high = middle;
    }
    return this.#changes.slice(low);
  }
}

const bytesOf = ({ current, previous }: Change): number => (current ?? previous)?.value.length ?? 0;
