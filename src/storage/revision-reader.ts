import { type Revision, utf8 } from "../base/index.ts";
import type { Kv } from "../kv/index.ts";
import { storageErrorOf } from "./errors.ts";

/**
 * Asks the store for its newest revision, confirmed by a quorum. Callers that arrive while a question is under way share the
 * next one: an answer whose question was asked before them could be too old for them.
 */
export class RevisionReader {
  readonly #kv: Kv;
  readonly #key: Uint8Array;
  #asking: Promise<Revision> | undefined;
  #next: Promise<Revision> | undefined;

  /** `key` is only counted, never read. */
  constructor(kv: Kv, key: string) {
    this.#kv = kv;
    this.#key = utf8(key);
  }

  /** @throws StorageError UNAVAILABLE, TIMEOUT */
  read(): Promise<Revision> {
    if (this.#asking === undefined) return this.#ask();
    this.#next ??= this.#asking.then(
      () => this.#askNext(),
      () => this.#askNext(),
    );
    return this.#next;
  }

  #askNext(): Promise<Revision> {
    this.#next = undefined;
    return this.#ask();
  }

  #ask(): Promise<Revision> {
    const asking = this.#range();
    this.#asking = asking;
    return asking;
  }

  async #range(): Promise<Revision> {
    try {
      const { header } = await this.#kv.range({ key: this.#key, countOnly: true });
      return header.revision;
    } catch (error) {
      throw storageErrorOf(error, "");
    } finally {
      this.#asking = undefined;
    }
  }
}
