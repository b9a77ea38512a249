import { loneWritesMin } from "./limits.ts";

/**
 * Whether there is one client that writes at a time, which waits for each write before it asks for the next. Then the way of a write to another
 * thread and back gains nobody anything, and takes as long as a quick disk does: such a write may be made on the spot. Where others come meanwhile
 * the disk is better left to itself, so that they share the next write.
 */
export class LoneWriter {
  /** Writes of one entry that nobody has come during. */
  #inRow = 0;

  get isAlone(): boolean {
    return this.#inRow >= loneWritesMin;
  }

  /** So many entries share a write. */
  writes(entries: number): void {
    this.#inRow = entries === 1 ? this.#inRow + 1 : 0;
  }

  /** Somebody came while a write was under way. */
  joined(): void {
    this.#inRow = 0;
  }
}
