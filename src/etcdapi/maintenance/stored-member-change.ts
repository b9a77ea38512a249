/** How etcd's log says who belongs to the cluster: raftpb.ConfChange, with etcd's own words about the member as JSON in it. */
import { emptyBytes, fromUtf8, type MemberId } from "../../base/index.ts";
import { numberIn, storedFields } from "./stored-fields.ts";

export type StoredMemberChange =
  | {
      readonly type: "member-change";
      readonly change: "add-voter" | "add-learner";
      readonly member: MemberId;
      readonly peerUrls: readonly string[];
    }
  | { readonly type: "member-change"; readonly change: "remove"; readonly member: MemberId }
  | { readonly type: "member-peer-urls"; readonly member: MemberId; readonly peerUrls: readonly string[] };

/** raftpb.ConfChangeType */
const kind = { addNode: 0, removeNode: 1, updateNode: 2, addLearnerNode: 3 } as const;

/** @throws Error: it is not understood */
export function storedMemberChange(data: Uint8Array): StoredMemberChange {
  const fields = storedFields("raftpb.ConfChange", data);
  const type = numberIn(fields, 2);
  const member = (fields.varints.get(3) ?? 0n) as MemberId;
  if (type === kind.removeNode) return { type: "member-change", change: "remove", member };
  const { peerUrls } = storedMember(fields.bytes.get(4) ?? emptyBytes);
  switch (type) {
    case kind.addNode:
      return { type: "member-change", change: "add-voter", member, peerUrls };
    case kind.addLearnerNode:
      return { type: "member-change", change: "add-learner", member, peerUrls };
    case kind.updateNode:
      return { type: "member-peer-urls", member, peerUrls };
    default:
      throw new Error(`a change of members of type ${type}`);
  }
}

/** A member as etcd writes it down. Its id, which stands in it, too, may be larger than JSON's numbers are here. @throws Error */
export function storedMember(json: Uint8Array): {
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  readonly learner: boolean;
} {
  const { name, peerURLs, clientURLs, isLearner } = JSON.parse(fromUtf8(json)) as Record<string, unknown>;
  if (!Array.isArray(peerURLs)) throw new Error("a member is damaged");
  return {
    name: String(name ?? ""),
    peerUrls: peerURLs.map(String),
    clientUrls: Array.isArray(clientURLs) ? clientURLs.map(String) : [],
    learner: isLearner === true,
  };
}
