/** Leadership given away on purpose, so that nobody has to wait for an election time-out (thesis, 3.10). */
import { type MemberId, noMember } from "../base/index.ts";
import type { Clock } from "../platform/index.ts";
import type { Raft } from "../raft/index.ts";

export interface HandoverOptions {
  readonly raft: Raft;
  readonly clock: Clock;
  readonly onLeader: (observer: (leader: MemberId) => void) => () => void;
  /** The core has work. */
  readonly onWork: () => void;
}

/** Resolves with true when `to` leads, with false when it does not within the time. */
export function handOver(
  { raft, clock, onLeader, onWork }: HandoverOptions,
  to: MemberId,
  timeoutMs: number,
): Promise<boolean> {
  if (raft.leader === to) return Promise.resolve(true);
  return new Promise((resolve) => {
    const timer = clock.after(timeoutMs, () => done(false));
    const end = onLeader((leader) => {
      if (leader === to) done(true);
    });
    function done(leads: boolean): void {
      timer.cancel();
      end();
      resolve(leads);
    }
    raft.transferLeadership(to);
    onWork();
  });
}

/** Of the voters that this leader can reach, the one that lacks least; noMember: there is none, or somebody else leads. */
export function heirOf({ status }: Raft): MemberId {
  if (status.role !== "leader") return noMember;
  const heirs = status.progress.filter(
    ({ member, active, learner }) => member !== status.id && active && !learner,
  );
  return heirs.sort((a, b) => b.match - a.match)[0]?.member ?? noMember;
}
