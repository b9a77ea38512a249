import { assert, type Index, noMember } from "../base/index.ts";
import type { Core } from "./core.ts";
import { entryBytes, totalBytes } from "./log.ts";
import type { Progress } from "./progress.ts";
import { confirmReads } from "./read-index.ts";
import type { Message } from "./types.ts";

/*
 * The leader's half of log replication (paper, section 5.3): what to send to whom, and what the answers say about the commit
 * index. Nothing is sent when an entry is appended or an answer arrives, only when the owner takes a Ready: all that
 * gathered in between travels in one append.
 */

/** Sends every member what it lacks, as far as its state and the bounds allow. */
export function sendAppends(core: Core): void {
  core.appendsDue = false;
  for (const progress of core.tracker.peers) sendAppendsTo(core, progress);
}

function sendAppendsTo(core: Core, progress: Progress): void {
  const { log } = core;
  while (!progress.paused) {
    const nothingNew = progress.next > log.lastIndex && progress.commitSent >= log.commit;
    const unsure = progress.state === "probe" && progress.match < log.lastIndex;
    if (nothingNew && !unsure) return;
    if (progress.next <= log.offset) {
      if (core.snapshot.index >= log.offset) sendSnapshot(core, progress);
      return;
    }
    sendAppend(core, progress, log.lastIndex);
  }
}

/** One append with entries from `next` up to `last`, as many as fit; none where `last` is below. */
function sendAppend(core: Core, progress: Progress, last: Index): void {
  const { log } = core;
  const prevIndex = (progress.next - 1) as Index;
  const prevTerm = log.termAt(prevIndex);
  if (prevTerm === undefined)
    assert(false, `append to ${progress.member} after compacted entry ${prevIndex}`);
  const end =
    last < progress.next ? prevIndex : log.endWithin(progress.next, last, core.config.appendBytesMax);
  const entries = log.slice(progress.next, end);
  core.messages.push({
    type: "append",
    from: core.id,
    to: progress.member,
    term: core.term,
    prevIndex,
    prevTerm,
    entries,
    commit: log.commit,
  });
  progress.sentAppend(end, totalBytes(entries), log.commit);
}

/** An image costs much: only to who is there to take it. */
function sendSnapshot(core: Core, progress: Progress): void {
  if (!progress.active) return;
  const { snapshot } = core;
  progress.becomeSnapshot(snapshot.index);
  core.messages.push({ type: "snapshot", from: core.id, to: progress.member, term: core.term, snapshot });
}

/** Somebody lacks entries that are forgotten, and no image has them: they were forgotten because all who were there then had them. */
export function wantsImage({ role, log, snapshot, tracker }: Core): boolean {
  if (role !== "leader" || snapshot.index >= log.offset) return false;
  return tracker.peers.some(
    ({ active, state, next }) => active && state !== "snapshot" && next <= log.offset,
  );
}

/** Forgets entries that all members have: whoever leads later need not send them to anybody who is here now. */
export function forgetShared(core: Core): void {
  const { log, tracker, role, sharedBytesMax } = core;
  if (role === "leader" || tracker.peers.length === 0) log.forget(tracker.shared, sharedBytesMax);
}

/** To everybody: the leader lives, and a read round lost on the way is confirmed after all. */
export function broadcastHeartbeat(core: Core): void {
  for (const { member, match } of core.tracker.peers) {
    core.messages.push({
      type: "heartbeat",
      from: core.id,
      to: member,
      term: core.term,
      // What it has is a prefix of our log only up to `match`.
      commit: Math.min(match, core.log.commit) as Index,
      context: core.lastReadRound,
    });
  }
}

export function handleAppendResponse(core: Core, message: Message & { type: "append-response" }): void {
  const { log } = core;
  const progress = core.tracker.get(message.from);
  if (core.role !== "leader" || !progress || message.index > log.lastIndex) return;
  progress.active = true;
  if (message.rejected) {
    // Where its log has a later term than ours at that index, all of ours down to that term may still match.
    const hint = log.lastIndexOfTerm(message.hintIndex, message.hintTerm);
    if (progress.reject(message.index, hint)) core.appendsDue = true;
    return;
  }
  const wasPaused = progress.paused;
  const news = progress.acknowledge(message.index);
  if (progress.state === "probe" && message.index === progress.match) {
    progress.becomeReplicate();
  } else if (progress.state === "snapshot" && progress.match >= log.offset) {
    // The image, or appends that were on their way before it, brought it within the log's reach.
    progress.becomeReplicate();
  }
  if (news) advanceCommit(core);
  if (wasPaused || progress.next <= log.lastIndex || progress.commitSent < log.commit) core.appendsDue = true;
  if (core.transferee === message.from) promptTransferee(core);
}

export function handleHeartbeatResponse(core: Core, message: Message & { type: "heartbeat-response" }): void {
  const progress = core.tracker.get(message.from);
  if (core.role !== "leader" || !progress || message.context > core.lastReadRound) return;
  progress.active = true;
  progress.unpauseProbe();
  if (message.context > progress.readRound) {
    progress.readRound = message.context;
    confirmReads(core);
  }
  if (progress.match < core.log.lastIndex) askWhatIsLost(core, progress);
}

/** All that is in flight to a member may be lost, with nothing after it to show the gap. */
function askWhatIsLost(core: Core, progress: Progress): void {
  core.appendsDue = true;
  if (progress.state !== "replicate") return;
  if (progress.next > core.log.offset) sendAppend(core, progress, 0 as Index);
  else progress.becomeProbe();
}

/**
 * Commits what a quorum has, if it is of this term (paper, section 5.4.2: an older entry could still be replaced, and is
 * committed by what follows it).
 */
export function advanceCommit(core: Core): void {
  const { log, tracker } = core;
  const index = tracker.committed;
  if (index <= log.commit || !log.matches(index, core.term)) return;
  for (let i = log.commit + 1; i <= index; i++) core.uncommittedBytes -= entryBytes(log.at(i as Index));
  log.commitTo(index);
  core.appendsDue = true;
}

/** Hands leadership to a member that has the whole log; until then it only catches up. Thesis, 3.10. */
export function transferLeadership(core: Core, to: Progress["member"]): void {
  if (core.role !== "leader" || to === core.id || to === core.transferee || !core.tracker.isVoter(to)) return;
  core.transferee = to;
  // It is given one election time-out; then proposals are taken again.
  core.electionElapsed = 0;
  const progress = core.tracker.get(to);
  if (progress && progress.match < core.log.lastIndex) askWhatIsLost(core, progress);
  else promptTransferee(core);
}

function promptTransferee(core: Core): void {
  const progress = core.tracker.get(core.transferee);
  if (core.transferee === noMember || progress?.match !== core.log.lastIndex) return;
  core.messages.push({ type: "timeout-now", from: core.id, to: core.transferee, term: core.term });
}
