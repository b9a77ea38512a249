import type { WatchEvent } from "../apimachinery/index.ts";

type Result = IteratorResult<readonly WatchEvent[], undefined>;

/** The events of a watch on their way to a reader of this process: what came since it last looked is one batch. One reader reads it once. */
export class EventQueue implements AsyncIterableIterator<readonly WatchEvent[], undefined> {
  #batch: readonly WatchEvent[] = [];
  #ended = false;
  #error: Error | undefined;
  #waiting: { resolve: (result: Result) => void; reject: (error: Error) => void } | undefined;
  readonly #left: () => void;

  /** `left`: the reader wants no more. */
  constructor(left: () => void) {
    this.#left = left;
  }

  /** Events that wait. */
  get size(): number {
    return this.#batch.length;
  }

  push(events: readonly WatchEvent[]): void {
    if (this.#ended || events.length === 0) return;
    this.#batch = this.#batch.length === 0 ? events : [...this.#batch, ...events];
    this.#answer();
  }

  /** What waits is still read, unless there is an error. */
  end(error?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    if (error !== undefined) this.#batch = [];
    this.#answer();
  }

  next(): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#answer();
    });
  }

  return(): Promise<Result> {
    this.end();
    this.#batch = [];
    this.#left();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #answer(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    if (this.#batch.length > 0) {
      const value = this.#batch;
      this.#batch = [];
      waiting.resolve({ done: false, value });
    } else if (!this.#ended) return;
    else if (this.#error === undefined) waiting.resolve({ done: true, value: undefined });
    else {
      waiting.reject(this.#error);
      this.#error = undefined;
    }
    this.#waiting = undefined;
  }
}
