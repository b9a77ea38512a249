/** Watches under way, to be ended with the server. */
export class OpenWatches {
  readonly #ends = new Set<() => void>();
  #closed = false;

  /** Answers what takes the watch out again. `end` is called at once where the server is closing. */
  add(end: () => void): () => void {
    if (this.#closed) {
      end();
      return () => {};
    }
    this.#ends.add(end);
    return () => this.#ends.delete(end);
  }

  get size(): number {
    return this.#ends.size;
  }

  closeAll(): void {
    this.#closed = true;
    for (const end of [...this.#ends]) end();
  }
}
