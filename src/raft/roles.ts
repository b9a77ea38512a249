import { assert, type Index, type MemberId, noMember, type Term } from "../base/index.ts";
import type { Core } from "./core.ts";
import { appendAsLeader } from "./proposals.ts";

/*
 * The four roles and what changes with them (paper, figure 4; the pre-candidate is the thesis's, 9.6).
 */

export function becomeFollower(core: Core, term: Term, leader: MemberId): void {
  assert(term >= core.term, `term ${term} after ${core.term}`);
  enter(core, term);
  core.role = "follower";
  core.leader = leader;
}

/** Asks whether it could win before it disturbs anybody: its term and vote stay as they are. */
export function becomePreCandidate(core: Core): void {
  assert(core.role !== "leader", "a leader does not campaign");
  enter(core, core.term);
  core.role = "pre-candidate";
  core.tracker.recordVote(core.id, true);
}

/** Its own vote counts once it is durable, as anybody's does. */
export function becomeCandidate(core: Core): void {
  assert(core.role !== "leader", "a leader does not campaign");
  enter(core, (core.term + 1) as Term);
  core.role = "candidate";
  core.vote = core.id;
}

export function becomeLeader(core: Core): void {
  assert(core.role === "candidate", `${core.role} won an election`);
  enter(core, core.term);
  core.role = "leader";
  core.leader = core.id;
  const { log, tracker } = core;
  for (const progress of tracker.members) progress.reset(log.lastIndex, false);
  tracker.self.match = log.stable;
  // Any conf change in what former leaders left may not be applied yet; finding out which is not worth it.
  core.pendingConfIndex = log.lastIndex;
  core.uncommittedBytes = core.countUncommittedBytes();
  core.lastReadRound = 0;
  // Paper, section 8: only an entry of its own term tells a leader what is committed.
  core.termStart = (log.lastIndex + 1) as Index;
  appendAsLeader(core, "normal", new Uint8Array(0));
}

function enter(core: Core, term: Term): void {
  if (term !== core.term) {
    core.term = term;
    core.vote = noMember;
  }
  core.leader = noMember;
  core.campaignDue = false;
  core.electionElapsed = 0;
  core.heartbeatElapsed = 0;
  core.drawElectionTimeout();
  core.tracker.resetVotes();
  core.transferee = noMember;
  core.appendsDue = false;
  // Reads that were waiting are lost, and with them the claim that no newer leader has written.
  core.waitingReads = [];
  core.readRounds = [];
  core.roundedReads = 0;
}
