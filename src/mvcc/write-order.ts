import { noVersion } from "./version-table.ts";

/** Versions sorted at once: about a millisecond's work. */
const runLengthDefault = 8192;

interface Run {
  readonly versions: readonly number[];
  at: number;
}

/**
 * Versions that come in any order, given back in the order they were written. They are sorted a run at a time, and runs are merged while they are
 * read, so that there is never much to do at once, however many there are.
 */
export class WriteOrder {
  readonly #compare: (a: number, b: number) => number;
  readonly #runLength: number;
  #open: number[] = [];
  /** A heap: the run that goes on with the oldest version comes first. */
  readonly #runs: Run[] = [];

  constructor(compare: (a: number, b: number) => number, runLength = runLengthDefault) {
    this.#compare = compare;
    this.#runLength = runLength;
  }

  /** Not once `next` was called. */
  add(version: number): void {
    this.#open.push(version);
    if (this.#open.length >= this.#runLength) this.#closeRun();
  }

  /** The oldest that is left; noVersion at the end. */
  next(): number {
    if (this.#open.length > 0) this.#closeRun();
    const first = this.#runs[0];
    if (first === undefined) return noVersion;
    const version = first.versions[first.at++] as number;
    if (first.at === first.versions.length) {
      const last = this.#runs.pop() as Run;
      if (last !== first) this.#runs[0] = last;
    }
    this.#sink();
    return version;
  }

  #closeRun(): void {
    const run = { versions: this.#open.sort(this.#compare), at: 0 };
    this.#open = [];
    let at = this.#runs.push(run) - 1;
    for (let above = (at - 1) >> 1; at > 0 && this.#isBefore(at, above); above = (at - 1) >> 1) {
      this.#swap(at, above);
      at = above;
    }
  }

  /** The first run has moved on: to its new place. */
  #sink(): void {
    for (let at = 0; ; ) {
      const left = 2 * at + 1;
      if (left >= this.#runs.length) return;
      const right = left + 1;
      const least = right < this.#runs.length && this.#isBefore(right, left) ? right : left;
      if (!this.#isBefore(least, at)) return;
      this.#swap(at, least);
      at = least;
    }
  }

  #isBefore(a: number, b: number): boolean {
    return this.#compare(this.#head(a), this.#head(b)) < 0;
  }

  #head(position: number): number {
    const { versions, at } = this.#runs[position] as Run;
    return versions[at] as number;
  }

  #swap(a: number, b: number): void {
    const { [a]: one, [b]: other } = this.#runs;
    this.#runs[a] = other as Run;
    this.#runs[b] = one as Run;
  }
}
