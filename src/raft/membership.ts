import { assert, type Index, noMember, type Term } from "../base/index.ts";
import { changed, encodeConfChange } from "./conf-change.ts";
import type { Core } from "./core.ts";
import { appendConfChange } from "./proposals.ts";
import { confirmReads } from "./read-index.ts";
import { advanceCommit } from "./replication.ts";
import { becomeFollower } from "./roles.ts";
import type { ConfChange, ConfState, JointChange } from "./types.ts";

/*
 * Membership (paper, section 6; thesis, chapter 4). A change comes into force when its entry is applied, not when it is appended
 * as in the paper. That is as safe because no leader appends a change before it has applied the last one, and
 * nobody stands for election with a committed change unapplied: two configurations in use are at most one change apart. Of a joint change the
 * way in and the way out are such changes, and whoever leads takes the second as soon as the first is applied.
 */

/** The next committed conf-change entry is being applied, or refused (undefined). */
export function applyConfChange(core: Core, change: ConfChange | JointChange | undefined): ConfState {
  const index = nextConfChangeIndex(core);
  const { conf } = core.tracker;
  core.configure(change === undefined ? conf : changed(conf, change), index);
  if (core.role === "leader") {
    if (core.tracker.isVoter(core.id)) adjustToQuorum(core);
    else becomeFollower(core, core.term, noMember);
  }
  return core.tracker.conf;
}

/** A leader in a joint configuration, its own way in or one that it has found, leaves it once nothing stands before that. */
export function leaveJoint(core: Core): void {
  if (core.role !== "leader" || core.tracker.conf.votersOutgoing.length === 0) return;
  if (core.pendingConfIndex <= core.log.applied)
    appendConfChange(core, encodeConfChange({ type: "leave-joint" }));
}

/** The image is durable: forgets what it contains, but for a tail that somebody may still ask for. */
export function compact(core: Core, { index, term }: { readonly index: Index; readonly term: Term }): void {
  const { log } = core;
  if (index <= core.snapshot.index) return;
  assert(index <= log.applied, `an image at ${index}, but only ${log.applied} is applied`);
  core.snapshot = { index, term, confState: core.confAt(index) };
  core.confHistory = core.confHistory.filter((change) => change.index > index);
  // Somebody may have waited for it.
  core.appendsDue = core.role === "leader";
  const isAlone = core.tracker.peers.length === 0;
  log.compact(isAlone ? index : log.trailingStart(index, core.trailingBytesMax));
}

/** A smaller quorum may have what the larger had not; new members want the log. */
function adjustToQuorum(core: Core): void {
  if (!core.tracker.isVoter(core.transferee)) core.transferee = noMember;
  advanceCommit(core);
  confirmReads(core);
  core.appendsDue = true;
}

function nextConfChangeIndex(core: Core): Index {
  const { log, confHistory } = core;
  const known = Math.max(confHistory.at(-1)?.index ?? 0, core.snapshot.index, log.applied);
  for (let i = (known + 1) as Index; i <= log.handedOut; i++) {
    if (log.at(i).type === "conf-change") return i;
  }
  assert(false, `no conf change was handed out between ${known} and ${log.handedOut}`);
}
