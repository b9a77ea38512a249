import type { Model } from "../model.ts";
import type { Checker, Observed } from "../observer.ts";

/**
 * Leader completeness (Raft paper, figure 3): whoever leads has all that was committed in earlier terms. So that this stays true, a leader
 * commits by counting only what is of its own term (5.4.2): what is older could still be replaced.
 */
export function leaderCompleteness(model: Model): Checker {
  /** What was committed when a reign began, as far as its leader knew. */
  const reigns = new WeakMap<Observed, { readonly term: number; readonly commit: number }>();
  return {
    role(member) {
      const {
        parts: { raft },
        log,
      } = member;
      if (raft.role !== "leader") return;
      reigns.set(member, { term: raft.term, commit: raft.status.commit });
      for (let index = log.snapshotIndex + 1; index <= model.index; index++) {
        const { term } = model.points[index - 1] as { term: number };
        if (term >= raft.term || log.termAt(index) === term) continue;
        throw new Error(
          `leader completeness: the leader of term ${raft.term} lacks the committed entry ${index} of term ${term}`,
        );
      }
    },
    ready(member) {
      const { raft } = member.parts;
      const reign = reigns.get(member);
      if (raft.role !== "leader" || reign?.term !== raft.term) return;
      const { commit } = raft.status;
      const term = member.log.termAt(commit);
      if (commit > reign.commit && term !== undefined && term !== raft.term)
        throw new Error(
          `leader completeness: the leader of term ${raft.term} calls entry ${commit} of term ${term} committed, and none of its own`,
        );
    },
  };
}
