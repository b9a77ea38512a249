import type { Checker, Observed } from "../observer.ts";

/** Revisions rise by one a write: what one entry does is at most one revision further, and no answer names a revision twice. */
export function revisionsRiseByOne(): Checker {
  const last = new WeakMap<Observed, { index: number; revision: number }>();
  return {
    applied(member, index) {
      const { revision } = member.parts.state.mvcc;
      const before = last.get(member);
      last.set(member, { index, revision });
      if (before === undefined) return;
      const [entries, revisions] = [index - before.index, revision - before.revision];
      if (revisions < 0 || revisions > entries)
        throw new Error(`revisions: ${entries} entries up to index ${index} made ${revisions} revisions`);
    },
  };
}

/** The revisions of writes that were acknowledged. */
export class WriteRevisions {
  readonly #seen = new Map<number, string>();

  wrote(revision: number, what: string): void {
    const other = this.#seen.get(revision);
    if (other !== undefined)
      throw new Error(`revisions: ${what} and ${other} were both acknowledged at revision ${revision}`);
    this.#seen.set(revision, what);
  }
}
