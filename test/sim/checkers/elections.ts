import type { MemberId } from "../../../src/base/index.ts";
import type { Checker } from "../observer.ts";

/**
 * Removed members neither vote nor lead: whoever leads has the votes of a majority of its configuration, counted from what the voters have
 * said, and does not know of its own removal.
 */
export function electedByVoters(): Checker {
  /** By candidate and term. */
  const votes = new Map<string, Set<MemberId>>();
  return {
    ready(_, { messages, messagesAfterPersist }) {
      for (const message of [...messages, ...messagesAfterPersist]) {
        if (message.type !== "vote-response" || !message.granted) continue;
        const key = `${message.to}/${message.term}`;
        const known = votes.get(key) ?? new Set();
        votes.set(key, known.add(message.from));
      }
    },
    role({ parts: { raft, identity } }) {
      if (raft.role !== "leader") return;
      const { voters, votersOutgoing } = raft.status.confState;
      const granted = votes.get(`${identity.memberId}/${raft.term}`) ?? new Set();
      for (const half of [voters, votersOutgoing]) {
        const count = half.filter((voter) => voter === identity.memberId || granted.has(voter)).length;
        if (half.length > 0 && count <= half.length / 2)
          throw new Error(`election: term ${raft.term} is led with ${count} votes of ${half.length} voters`);
      }
    },
    applied({ parts: { raft, state, identity } }) {
      if (raft.role === "leader" && state.membership.isRemoved(identity.memberId))
        throw new Error(`a removed member leads term ${raft.term}`);
    },
  };
}
