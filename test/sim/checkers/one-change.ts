import type { Checker } from "../observer.ts";

/**
 * One change of members at a time (thesis, 4.1): a leader appends none while it has not applied the one before. Two majorities that are
 * two changes apart need not overlap.
 */
export function oneChangeAtATime(): Checker {
  return {
    ready({ parts: { raft }, log }, { entries }) {
      if (raft.role !== "leader") return;
      for (const entry of entries) {
        if (entry.type !== "conf-change" || entry.term !== raft.term) continue;
        for (let before = entry.index - 1; before > raft.status.applied; before--) {
          if (log.at(before)?.type !== "conf-change") continue;
          throw new Error(
            `one change at a time: change ${entry.index} was appended while change ${before} was not applied`,
          );
        }
      }
    },
  };
}
