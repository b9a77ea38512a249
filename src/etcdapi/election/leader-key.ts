import type { Revision } from "../../base/index.ts";
import type { v3electionpb } from "../../wire/index.ts";
import { code, RpcError } from "../errors.ts";

export const notLeader = (): RpcError => new RpcError(code.unknown, "election: not leader");

/** What a campaign answered, given back by whoever won it. @throws RpcError */
export function leaderKeyOf({ leader }: { readonly leader: v3electionpb.LeaderKey | undefined }): {
  key: Uint8Array;
  createRevision: Revision;
  lease: bigint;
} {
  if (leader === undefined) throw new RpcError(code.unknown, '"leader" field must be provided');
  return { key: leader.key, createRevision: leader.rev as Revision, lease: leader.lease };
}
