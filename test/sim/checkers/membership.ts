import type { MemberId } from "../../../src/base/index.ts";
import { fromUtf8 } from "../../../src/base/index.ts";
import type { ConfState } from "../../../src/raft/index.ts";
import type { Model } from "../model.ts";
import type { Checker } from "../observer.ts";

/** Who belongs to the cluster, and who counts, is what the committed log says: on every member, at every index. */
export function membershipByTheLog(model: Model): Checker {
  return {
    applied({ parts: { state, raft } }, index) {
      const point = model.points[index - 1];
      if (point === undefined) return;
      const members = fromUtf8(state.membership.image());
      if (members !== point.members)
        throw new Error(`membership: at index ${index} it is ${members}: by the log it is ${point.members}`);
      const conf = textOf(raft.status.confState);
      if (conf !== textOf(point.conf))
        throw new Error(
          `membership: at index ${index} ${conf} count: by the log it is ${textOf(point.conf)}`,
        );
    },
  };
}

function textOf({ voters, votersOutgoing, learners }: ConfState): string {
  const list = (ids: readonly MemberId[]) => ids.map((id) => id.toString(16)).join();
  return `voters ${list(voters)}, outgoing ${list(votersOutgoing)}, learners ${list(learners)}`;
}
