import {
  BboltDamagedError,
  childPages,
  furtherPages,
  kindBranch,
  kindLeaf,
  kindOf,
  leafEntries,
} from "./pages.ts";

/**
 * Watches the pages of a file go by, as bbolt's own check does: each belongs to one tree only, keys rise from page to page.
 * @throws BboltDamagedError at the first that does not
 */
export class PageCheck {
  readonly #seen = new Set<number>();
  #lastKey: Buffer | undefined;

  /** Another tree begins, whose keys may come before those of the one before. */
  begin(): void {
    this.#lastKey = undefined;
  }

  visit(page: number, bytes: Buffer): void {
    for (let id = page; id <= page + furtherPages(bytes); id++) {
      if (this.#seen.has(id)) throw new BboltDamagedError(`page ${id}: multiple references`);
      this.#seen.add(id);
    }
    if (kindOf(bytes) === kindBranch) {
      if (childPages(bytes, `page ${page}`).next().done)
        throw new BboltDamagedError(`page ${page}: a branch without pages below`);
      return;
    }
    if (kindOf(bytes) !== kindLeaf) return;
    for (const { key } of leafEntries(bytes, `page ${page}`)) {
      if (this.#lastKey !== undefined && Buffer.compare(this.#lastKey, key) >= 0)
        throw new BboltDamagedError(
          `page ${page}: key ${key.toString("hex")} comes after ${this.#lastKey.toString("hex")}`,
        );
      this.#lastKey = key;
    }
  }
}
