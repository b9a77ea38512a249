/**
 * For the day on which a quorum is lost for good (etcd's `--force-new-cluster`): what this member has of the log counts as committed, whatever the
 * others had, and they are out. No write that was acknowledged and is here is lost; one that was not acknowledged may now be there.
 */
import type { Index, MemberId } from "../base/index.ts";
import {
  type ConfChange,
  decodeConfChange,
  type Entry,
  encodeConfChange,
  type RaftConfig,
} from "../raft/index.ts";
import type { Membership } from "./membership.ts";

type Restored = RaftConfig["restored"];

/**
 * What this life begins with instead: behind the log stand this member's promotion, where it is a learner, and the removal of all others.
 * @param membership as of the image; it is not changed
 * @returns and the entries to be appended to the log
 * @throws Error where this member has been removed itself
 */
export function forceNewCluster(
  restored: Restored,
  membership: Membership,
  member: MemberId,
): { readonly restored: Restored; readonly appended: readonly Entry[] } {
  const members = membersAfter(restored.entries, membership);
  const self = members.get(member);
  if (self === undefined)
    throw new Error("this member was removed from its cluster: no new one can be made of it");
  const changes: ConfChange[] = self.learner ? [{ type: "add-voter", member }] : [];
  for (const { id } of members.members) if (id !== member) changes.push({ type: "remove", member: id });
  const { hardState, snapshot, entries } = restored;
  const last = entries.at(-1)?.index ?? snapshot.index;
  const appended = changes.map(
    (change, i): Entry => ({
      type: "conf-change",
      term: hardState.term,
      index: (last + 1 + i) as Index,
      data: encodeConfChange(change),
    }),
  );
  const commit = (last + appended.length) as Index;
  return {
    restored: { ...restored, hardState: { ...hardState, commit }, entries: [...entries, ...appended] },
    appended,
  };
}

function membersAfter(entries: readonly Entry[], before: Membership): Membership {
  const members = before.copy();
  for (const { type, data } of entries) {
    if (type !== "conf-change") continue;
    const change = decodeConfChange(data);
    if (change === undefined || change.type === "joint" || change.type === "leave-joint") continue;
    if (members.refusal(change) === undefined) members.apply(change);
  }
  return members;
}
