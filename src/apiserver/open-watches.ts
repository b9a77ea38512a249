import type { ResourceHandler } from "../registry/index.ts";
import type { RequestInfo } from "./request-info.ts";

/** What a watch is of. */
export interface Watched {
  readonly handler: ResourceHandler;
  readonly info: RequestInfo;
}

/** Watches under way, to be ended with the server. */
export class OpenWatches {
  readonly #ends = new Map<() => void, Watched>();
  #closed = false;

  /** Answers what takes the watch out again. `end` is called at once where the server is closing. */
  add(end: () => void, watched: Watched): () => void {
    if (this.#closed) {
      end();
      return () => {};
    }
    this.#ends.set(end, watched);
    return () => this.#ends.delete(end);
  }

  all(): Iterable<Watched> {
    return this.#ends.values();
  }

  closeAll(): void {
    this.#closed = true;
    for (const end of [...this.#ends.keys()]) end();
  }
}
