import { textOfChange, type WatchChecker } from "./watches.ts";

/** Progress is never ahead of an event that has not come. */
export function progressMustBeBehind(watch: WatchChecker, revision: number): void {
  const missing = watch.missing(revision);
  if (missing.length > 0)
    throw new Error(`progress says ${revision}, and ${missing.map(textOfChange).join()} has not come`);
  watch.next = Math.max(watch.next, revision + 1);
}
