/** Refusals of one kind are told of once in so long: whoever is refused comes again and again. Milliseconds. */
const quietMs = 60_000;
/** Kinds remembered; beyond them all are told of. */
const kindsMax = 256;

/** Which refusals of connections are worth a line in the log. */
export class Refusals {
  readonly #monotonic: () => number;
  /** When each was told of last. */
  readonly #told = new Map<string, number>();

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic;
  }

  /** Whether it has not been told of for a while. */
  isNews(text: string): boolean {
    const now = this.#monotonic();
    for (const [kind, at] of this.#told) if (now - at >= quietMs) this.#told.delete(kind);
    if (this.#told.has(text)) return false;
    if (this.#told.size < kindsMax) this.#told.set(text, now);
    return true;
  }
}
