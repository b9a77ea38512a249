import type { Entry } from "../../../src/raft/index.ts";
import type { Checker, Observed } from "../observer.ts";

/** Log matching (Raft paper, figure 3): entries of the same index and term are the same, and so is all before them, by induction. */
export function logMatching(): Checker {
  const known = new Map<string, { readonly entry: Entry; readonly previousTerm: number | undefined }>();

  function check({ log }: Observed, entries: readonly Entry[]): void {
    for (const entry of entries) {
      const key = `${entry.index}/${entry.term}`;
      const previousTerm = log.termAt(entry.index - 1);
      const other = known.get(key);
      if (other === undefined) {
        known.set(key, { entry, previousTerm });
        continue;
      }
      if (
        other.previousTerm !== previousTerm &&
        other.previousTerm !== undefined &&
        previousTerm !== undefined
      )
        throw new Error(
          `log matching: before entry ${key} there is one of term ${previousTerm}, elsewhere of ${other.previousTerm}`,
        );
      if (Buffer.compare(other.entry.data, entry.data) !== 0)
        throw new Error(`log matching: entry ${key} is another one elsewhere`);
    }
  }

  return {
    opened: (member) => check(member, member.parts.raftConfig.restored.entries),
    ready: (member, { entries }) => check(member, entries),
  };
}
