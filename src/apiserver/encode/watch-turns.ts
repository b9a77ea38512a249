import { watchWritesMin, watchWritesShare } from "../limits.ts";

/**
 * Who has events to write waits here for its turn. A change that thousands watch is written to some of them in each turn of the loop, so that
 * requests come in and are answered in between, and what those change goes out with what still waits: the more there is to tell, the more of it
 * leaves in one write. As each turn serves a share of all who wait, none waits longer than some ten turns, and what waits is bounded by what so many
 * turns can bring.
 */
export class WatchTurns {
  #waiting: (() => void)[] = [];
  #next = 0;

  /** Calls `write` once, later. In the order of the calls. */
  take(write: () => void): void {
    this.#waiting.push(write);
    if (this.#waiting.length === 1) setImmediate(this.#serve);
  }

  readonly #serve = (): void => {
    const left = this.#waiting.length - this.#next;
    const end = this.#next + Math.min(left, Math.max(watchWritesMin, Math.ceil(left * watchWritesShare)));
    while (this.#next < end) this.#waiting[this.#next++]?.();
    // What was served makes room once it is the most: where there is always something to tell, all are never served.
    if (this.#next * 2 >= this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#next);
      this.#next = 0;
    }
    if (this.#waiting.length > 0) setImmediate(this.#serve);
  };
}
