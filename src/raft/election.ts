import { type MemberId, noMember, type Term } from "../base/index.ts";
import type { Core } from "./core.ts";
import { becomeCandidate, becomeFollower, becomeLeader, becomePreCandidate } from "./roles.ts";
import type { HardState, Message } from "./types.ts";

/*
 * Leader election (paper, section 5.2), with PreVote and the vote withheld while a leader is heard (thesis, 9.6 and
 * 4.2.3): a member that was cut off, or removed, cannot depose a leader that works.
 */

type VoteRequest = Message & { readonly type: "pre-vote" | "vote" };
type VoteResponse = Message & { readonly type: "pre-vote-response" | "vote-response" };

/** Stands for election if it may. `transfer`: the leader asked for it, so without asking first whether it could win. */
export function campaign(core: Core, transfer: boolean): void {
  if (!mayCampaign(core)) return;
  if (transfer) startElection(core, true);
  else startPreVote(core);
}

/** Whether the configuration that this member knows is its own and, for all it knows, in force. */
export function mayCampaign(core: Core): boolean {
  return core.role !== "leader" && core.promotable && !core.hasUnappliedConfChange;
}

/** A leader is heard: by the quorum check it would step down before our patience ends, so nobody else can be needed. */
export function isLeaseValid(core: Core): boolean {
  return core.leader !== noMember && core.electionElapsed < core.config.electionTicks;
}

export function handleVoteRequest(core: Core, message: VoteRequest): void {
  const { from, term, type, lastIndex, lastTerm } = message;
  const preVote = type === "pre-vote";
  const free =
    core.vote === from ||
    (core.vote === noMember && core.leader === noMember) ||
    // Nothing is promised by a pre-vote for a term to come.
    (preVote && term > core.term);
  const granted = free && core.log.isUpToDate(lastIndex, lastTerm);
  if (preVote) {
    // Granted, it speaks of the term it was asked for; rejected, it tells a candidate that is behind our own.
    core.messages.push(response(core, from, type, granted ? term : core.term, granted));
    return;
  }
  if (granted) {
    core.electionElapsed = 0;
    core.vote = from;
  }
  // Durable before visible: a vote that is forgotten in a crash could be cast twice.
  core.messagesAfterPersist.push(response(core, from, type, core.term, granted));
}

/** The term it would stand for has passed here: it learns ours, and otherwise could ask for ever. */
export function rejectStalePreVote(core: Core, to: MemberId): void {
  core.messages.push(response(core, to, "pre-vote", core.term, false));
}

export function handleVoteResponse(core: Core, message: VoteResponse): void {
  const { from, term, type, granted } = message;
  if (type === "pre-vote-response") {
    if (core.role !== "pre-candidate") return;
    if (granted && term !== core.term + 1) return;
  } else if (core.role !== "candidate") return;
  core.tracker.recordVote(from, granted);
  conclude(core);
}

/**
 * What a voter knows to be committed is so, whatever its term and ours. A leader that removed itself may leave entries
 * behind that make its log longer than any other, and nobody but it may know that the removal is
 * committed: the rest would ask it for its vote in vain.
 */
export function learnCommit(core: Core, { commit, commitTerm }: VoteResponse): void {
  if (core.role === "leader" || !core.log.matches(commit, commitTerm)) return;
  // By the configuration to come it may not need, or may not have, the votes it asks for now.
  if (core.log.commitTo(commit) && core.role !== "follower" && core.hasUnappliedConfChange) {
    becomeFollower(core, core.term, noMember);
  }
}

/** A hard state is durable: a candidate's own vote may be in it. */
export function countOwnVote(core: Core, durable: HardState): void {
  if (core.role !== "candidate" || durable.term !== core.term || durable.vote !== core.id) return;
  core.tracker.recordVote(core.id, true);
  conclude(core);
}

function response(
  core: Core,
  to: MemberId,
  request: "pre-vote" | "vote",
  term: Term,
  granted: boolean,
): Message {
  const { log } = core;
  return {
    type: request === "vote" ? "vote-response" : "pre-vote-response",
    from: core.id,
    to,
    term,
    granted,
    commit: log.commit,
    commitTerm: log.termAt(log.commit) as Term,
  };
}

function startPreVote(core: Core): void {
  becomePreCandidate(core);
  for (const { member, learner } of core.tracker.peers) {
    if (learner) continue;
    core.messages.push({
      type: "pre-vote",
      from: core.id,
      to: member,
      term: (core.term + 1) as Term,
      lastIndex: core.log.lastIndex,
      lastTerm: core.log.lastTerm,
      transfer: false,
    });
  }
  conclude(core);
}

/**
 * The requests wait for the disk as votes do. Sent before, they could be granted for a term and a log that this member
 * loses in a crash; standing in the same term again, it could be made leader by those late answers without the
 * entries that earned them.
 */
function startElection(core: Core, transfer: boolean): void {
  becomeCandidate(core);
  for (const { member, learner } of core.tracker.peers) {
    if (learner) continue;
    core.messagesAfterPersist.push({
      type: "vote",
      from: core.id,
      to: member,
      term: core.term,
      lastIndex: core.log.lastIndex,
      lastTerm: core.log.lastTerm,
      transfer,
    });
  }
}

function conclude(core: Core): void {
  const result = core.tracker.voteResult;
  if (result === "pending") return;
  if (result === "lost") becomeFollower(core, core.term, noMember);
  else if (core.role === "candidate") becomeLeader(core);
  // Between asking and winning a conf change may have been committed: then it is not applied yet.
  else if (core.hasUnappliedConfChange) becomeFollower(core, core.term, noMember);
  else startElection(core, false);
}
