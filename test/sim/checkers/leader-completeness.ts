import type { Model } from "../model.ts";
import type { Checker } from "../observer.ts";

/** Leader completeness (Raft paper, figure 3): whoever leads has all that was committed in earlier terms. */
export function leaderCompleteness(model: Model): Checker {
  return {
    role({ parts: { raft }, log }) {
      if (raft.role !== "leader") return;
      for (let index = log.snapshotIndex + 1; index <= model.index; index++) {
        const { term } = model.points[index - 1] as { term: number };
        if (term >= raft.term || log.termAt(index) === term) continue;
        throw new Error(
          `leader completeness: the leader of term ${raft.term} lacks the committed entry ${index} of term ${term}`,
        );
      }
    },
  };
}
