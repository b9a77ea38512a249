/**
 * When to write the next image. An image holds the whole state, so that one every so many entries would cost a writer more and more as
 * the state grows: a store of 100 MB would write 100 MB for every 3 MB of new log. It is due when the log since the last one
 * weighs a few times what the image will, so what is written twice stays a constant share; the weight is bounded, because the log since the
 * last image is kept in memory and read again at the next start, however few entries it has. A small state is written as often as asked for.
 */
import type { Index } from "../base/index.ts";
import type { Entry } from "../raft/index.ts";
import { imageBytesFree, imageEntryBytes, imageLogBytesMax, imageLogPerState } from "./limits.ts";

export class ImageSchedule {
  readonly #snapshotCount: number;
  readonly #usedBytes: () => number;
  #lastIndex: Index;
  #logBytes = 0;

  /** `snapshotCount`: entries between two images, at least, unless they are very large. `usedBytes`: about what an image of now would weigh. */
  constructor(options: { snapshotCount: number; usedBytes: () => number; lastIndex: Index }) {
    this.#snapshotCount = options.snapshotCount;
    this.#usedBytes = options.usedBytes;
    this.#lastIndex = options.lastIndex;
  }

  /** These were applied. True when an image is due. */
  applied(entries: readonly Entry[]): boolean {
    for (const { data } of entries) this.#logBytes += data.length + imageEntryBytes;
    const last = entries.at(-1);
    if (last === undefined) return false;
    if (this.#logBytes >= imageLogBytesMax) return true;
    if (last.index - this.#lastIndex < this.#snapshotCount) return false;
    return this.#logBytes >= imageLogPerState * (this.#usedBytes() - imageBytesFree);
  }

  /** One is taken, or was installed, at this index. */
  taken(index: Index): void {
    this.#lastIndex = index;
    this.#logBytes = 0;
  }
}
