import { assert, emptyBytes, type Index, noMember } from "../base/index.ts";
import { decodeConfChange, isPossible } from "./conf-change.ts";
import type { Core } from "./core.ts";
import { entryBytes, totalBytes } from "./log.ts";
import type { Entry, EntryType, Message, ProposeResult } from "./types.ts";

/** What is asked to become an entry. */
export interface Proposal {
  readonly type: EntryType;
  readonly data: Uint8Array;
}

/** From this member's owner: appends where it leads, otherwise forwards. */
export function propose(core: Core, proposals: readonly Proposal[]): ProposeResult {
  if (core.role === "leader") return proposeAsLeader(core, proposals);
  if (core.leader === noMember) return "no-leader";
  if (proposals.length === 0) return "accepted";
  const bytes = totalBytes(proposals);
  if (core.forwardedBytes > 0 && core.forwardedBytes + bytes > core.config.uncommittedBytesMax)
    return "overloaded";
  core.forwardedBytes += bytes;
  core.messages.push({
    type: "propose",
    from: core.id,
    to: core.leader,
    term: core.term,
    entries: proposals,
  });
  return "accepted";
}

/** Forwarded by a follower. What cannot be taken is dropped: its proposer must ask again anyway after a lost message. */
export function handlePropose(core: Core, message: Message & { type: "propose" }): void {
  if (core.role === "leader") proposeAsLeader(core, message.entries);
}

function proposeAsLeader(core: Core, proposals: readonly Proposal[]): ProposeResult {
  if (core.transferee !== noMember) return "transferring";
  const bytes = totalBytes(proposals);
  // One that is too large by itself passes when nothing else waits: the owner has its own word on the size of a request.
  if (core.uncommittedBytes > 0 && core.uncommittedBytes + bytes > core.config.uncommittedBytesMax)
    return "overloaded";
  for (const proposal of proposals) {
    if (proposal.type === "conf-change") appendConfChange(core, proposal.data);
    else appendAsLeader(core, "normal", proposal.data);
  }
  return "accepted";
}

/**
 * One change at a time: while another may be unapplied, or where the change is impossible, an empty entry stands in its
 * place. Its proposer learns from the entry's type that nothing came of it.
 */
export function appendConfChange(core: Core, data: Uint8Array): void {
  const change = decodeConfChange(data);
  const possible = change !== undefined && isPossible(core.tracker.conf, change);
  if (!possible || core.pendingConfIndex > core.log.applied) {
    appendAsLeader(core, "normal", emptyBytes);
    return;
  }
  appendAsLeader(core, "conf-change", data);
  core.pendingConfIndex = core.log.lastIndex;
}

/** One entry of this term at the end of the log. It counts for the quorum once it is durable here. */
export function appendAsLeader(core: Core, type: EntryType, data: Uint8Array): void {
  assert(core.role === "leader", `${core.role} appends`);
  const entry: Entry = { term: core.term, index: (core.log.lastIndex + 1) as Index, type, data };
  core.log.append(entry);
  core.uncommittedBytes += entryBytes(entry);
  core.appendsDue = true;
}
