import type { MemberId } from "../../../src/base/index.ts";
import type { Checker } from "../observer.ts";

/** Election safety (Raft paper, figure 3): at most one member leads a term. */
export function oneLeader(): Checker {
  const leaders = new Map<number, MemberId>();
  return {
    role({ parts: { raft, identity } }) {
      if (raft.role !== "leader") return;
      const other = leaders.get(raft.term) ?? identity.memberId;
      if (other !== identity.memberId)
        throw new Error(
          `election safety: ${other.toString(16)} and ${identity.memberId.toString(16)} both lead term ${raft.term}`,
        );
      leaders.set(raft.term, identity.memberId);
    },
  };
}
