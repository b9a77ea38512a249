/** Streams remembered one by one. */
const rememberedMax = 1024;

/**
 * Streams that we broke off, and on which frames may still come that were sent before the client knew (RFC 9113, section 5.1). The last ones
 * are remembered exactly; of what came before them, all that is certain is that such frames may be late too.
 */
export class ResetStreams {
  readonly #ids = new Set<number>();
  #forgottenMax = 0;

  add(id: number): void {
    this.#ids.add(id);
    if (this.#ids.size <= rememberedMax) return;
    for (const oldest of this.#ids) {
      this.#ids.delete(oldest);
      this.#forgottenMax = Math.max(this.#forgottenMax, oldest);
      break;
    }
  }

  has(id: number): boolean {
    return id <= this.#forgottenMax || this.#ids.has(id);
  }
}
