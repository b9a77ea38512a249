/**
 * Ranges that hand out much take turns. Were all that a round of reads has confirmed answered in one go, then everything they hand out would be
 * there at a time, out of the processor's caches when it is sent, and whoever wants little would wait for all who want much.
 */
import type { RangeResult } from "../kv/index.ts";
import type { Loop } from "../platform/index.ts";
import { rangeKeysPerTurn } from "./limits.ts";

export class RangeTurns {
  readonly #loop: Loop;
  /** Handed out in this turn. */
  #keys = 0;
  #turnIsDue = false;
  #waiting: (() => void)[] = [];

  constructor(loop: Loop) {
    this.#loop = loop;
  }

  /** So much was handed out in this turn that the next range is to wait for its own. */
  get isOver(): boolean {
    return this.#turnIsDue;
  }

  /** Keys were handed out. */
  took(keys: number): void {
    this.#keys += keys;
    if (this.#keys >= rangeKeysPerTurn) this.#turnSoon();
  }

  /** Resolves with what `read` answers when its turn has come, in the order of the calls. */
  later(read: () => RangeResult): Promise<RangeResult> {
    this.#turnSoon();
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => {
        try {
          resolve(read());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  #turnSoon(): void {
    if (this.#turnIsDue) return;
    this.#turnIsDue = true;
    this.#loop.soon(this.#turn);
  }

  readonly #turn = (): void => {
    this.#turnIsDue = false;
    this.#keys = 0;
    let done = 0;
    while (done < this.#waiting.length && !this.#turnIsDue) (this.#waiting[done++] as () => void)();
    this.#waiting.splice(0, done);
  };
}
