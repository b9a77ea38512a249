import { assert, type Index, type MemberId } from "../base/index.ts";
import type { Core } from "./core.ts";
import type { Entry, Message } from "./types.ts";

/*
 * The follower's half of log replication (paper, section 5.3, and 7 for images). Whatever it acknowledges is durable by then:
 * acknowledgements leave after the write.
 */

export function handleAppend(core: Core, message: Message & { type: "append" }): void {
  const { log } = core;
  const { prevIndex, prevTerm, entries } = message;
  if (!isRun(entries, message)) return;
  if (prevIndex < log.commit) {
    // Late or repeated: what is committed cannot differ.
    acknowledge(core, message.from, log.commit);
    return;
  }
  if (!log.matches(prevIndex, prevTerm)) {
    rejectAppend(core, message);
    return;
  }
  log.appendFromLeader(entries);
  const last = (prevIndex + entries.length) as Index;
  // Beyond `last` our log may hold what the leader's does not.
  log.commitTo(Math.min(message.commit, last) as Index);
  acknowledge(core, message.from, last);
}

export function handleHeartbeat(core: Core, message: Message & { type: "heartbeat" }): void {
  assert(
    message.commit <= core.log.lastIndex,
    `member ${core.id} acknowledged entry ${message.commit} but its log ends at ${core.log.lastIndex}: ` +
      "its data was lost or is an old copy; remove the member and add it anew",
  );
  core.log.commitTo(message.commit);
  const { from, context } = message;
  core.messages.push({ type: "heartbeat-response", from: core.id, to: from, term: core.term, context });
}

/** The owner has received the image's content by now, and installs it when the Ready says so. */
export function handleSnapshot(core: Core, message: Message & { type: "snapshot" }): void {
  const { log } = core;
  const { snapshot, from } = message;
  if (snapshot.index <= log.commit) {
    acknowledge(core, from, log.commit);
    return;
  }
  if (log.matches(snapshot.index, snapshot.term)) {
    log.commitTo(snapshot.index);
    acknowledge(core, from, snapshot.index);
    return;
  }
  log.restore(snapshot.index, snapshot.term);
  core.snapshot = snapshot;
  core.receivedSnapshot = snapshot;
  core.confHistory = [];
  core.tracker.configure(snapshot.confState, log.lastIndex);
  acknowledge(core, from, snapshot.index);
}

/** A leader of an older term is told of ours: it could never be heard here, and would go on for ever. */
export function answerStaleLeader(core: Core, to: MemberId): void {
  core.messages.push({
    type: "append-response",
    from: core.id,
    to,
    term: core.term,
    index: 0 as Index,
    rejected: true,
    hintIndex: 0 as Index,
    hintTerm: 0 as Message["term"],
  });
}

/** Suggests the last place where the two logs could agree, so that a conflict costs a message a term, not one an entry. */
function rejectAppend(core: Core, message: Message & { type: "append" }): void {
  const hintIndex = core.log.lastIndexOfTerm(message.prevIndex, message.prevTerm);
  core.messages.push({
    type: "append-response",
    from: core.id,
    to: message.from,
    term: core.term,
    index: message.prevIndex,
    rejected: true,
    hintIndex,
    hintTerm: core.log.termAt(hintIndex) ?? (0 as Message["term"]),
  });
}

/** Everything up to `index` is here. Replaces one that has not left yet, for it says the same and more. */
function acknowledge(core: Core, to: MemberId, index: Index): void {
  const { messagesAfterPersist: queue, term } = core;
  const last = queue.at(-1);
  if (last?.type === "append-response" && last.to === to && last.term === term) {
    if (last.index >= index) return;
    queue.pop();
  }
  queue.push({
    type: "append-response",
    from: core.id,
    to,
    term,
    index,
    rejected: false,
    hintIndex: 0 as Index,
    hintTerm: 0 as Message["term"],
  });
}

/** Entries one after the other from `prevIndex`, of terms that do not fall and that the leader knows. */
function isRun(entries: readonly Entry[], message: Message & { type: "append" }): boolean {
  let index: number = message.prevIndex;
  let term: number = message.prevTerm;
  for (const entry of entries) {
    if (entry.index !== ++index || entry.term < term) return false;
    term = entry.term;
  }
  return term <= message.term;
}
