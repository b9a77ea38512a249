import { type Index, noMember } from "../base/index.ts";
import type { Core, PendingRead } from "./core.ts";
import { readRoundsMax, waitingReadsMax } from "./limits.ts";
import type { Message } from "./types.ts";

/*
 * Linearizable reads without writing to the log (thesis, 6.4; paper, section 8). A read may be served from any state that
 * contains all that was committed when it was asked. The leader knows that index, provided that (1) it has committed an entry
 * of its own term, and (2) it still led after the question came: a quorum answers a heartbeat sent after it.
 *
 * Questions gather until the owner takes a Ready and then share one round of heartbeats, numbered by its context. A
 * member that answers a round confirms all before it too, so the confirmed round is a quorum's index like the commit
 * index is.
 */

/** From this member's owner. False when there is nobody to ask, or too many wait. */
export function readIndex(core: Core, context: number): boolean {
  if (core.role === "leader") return enqueue(core, { from: core.id, context });
  if (core.leader === noMember) return false;
  core.messages.push({ type: "read-index", from: core.id, to: core.leader, term: core.term, context });
  return true;
}

export function handleReadIndex(core: Core, message: Message & { type: "read-index" }): void {
  if (core.role === "leader") enqueue(core, { from: message.from, context: message.context });
}

export function handleReadIndexResponse(
  core: Core,
  message: Message & { type: "read-index-response" },
): void {
  core.readStates.push({ context: message.context, index: message.index });
}

/** Whether a round could begin now. */
export function readsDue(core: Core): boolean {
  return (
    core.waitingReads.length > 0 &&
    core.log.commit >= core.termStart &&
    core.readRounds.length < readRoundsMax
  );
}

/** Asks the quorum on behalf of everybody who waits. A single voter is its own quorum and answers at once. */
export function beginReadRound(core: Core): void {
  const round = ++core.lastReadRound;
  core.readRounds.push({ round, index: core.log.commit, reads: core.waitingReads });
  core.roundedReads += core.waitingReads.length;
  core.waitingReads = [];
  core.tracker.self.readRound = round;
  for (const { member, learner, match } of core.tracker.peers) {
    if (learner) continue;
    const commit = Math.min(match, core.log.commit) as Index;
    core.messages.push({
      type: "heartbeat",
      from: core.id,
      to: member,
      term: core.term,
      commit,
      context: round,
    });
  }
  confirmReads(core);
}

/** Answers every round that a quorum has confirmed by now. */
export function confirmReads(core: Core): void {
  const confirmed = core.tracker.confirmedRead;
  for (let first = core.readRounds[0]; first && first.round <= confirmed; first = core.readRounds[0]) {
    core.readRounds.shift();
    core.roundedReads -= first.reads.length;
    for (const read of first.reads) answer(core, read, first.index);
  }
}

function enqueue(core: Core, read: PendingRead): boolean {
  if (core.waitingReads.length + core.roundedReads >= waitingReadsMax) return false;
  core.waitingReads.push(read);
  return true;
}

function answer(core: Core, { from, context }: PendingRead, index: Index): void {
  if (from === core.id) core.readStates.push({ context, index });
  else
    core.messages.push({
      type: "read-index-response",
      from: core.id,
      to: from,
      term: core.term,
      context,
      index,
    });
}
