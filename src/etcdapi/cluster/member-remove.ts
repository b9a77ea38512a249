import type { MemberId } from "../../base/index.ts";
import { etcdserverpb } from "../../wire/index.ts";
import { clusterHeader } from "../header.ts";
import { type Method, unary } from "../method.ts";
import type { ClusterInfo } from "../ports.ts";
import { memberOf } from "./member.ts";

type RemoveMember = NonNullable<ClusterInfo["removeMember"]>;

export function memberRemoveMethod(cluster: ClusterInfo, removeMember: RemoveMember): Method {
  return unary(etcdserverpb.ClusterService.MemberRemove, async ({ ID }) => {
    const members = await removeMember(ID as MemberId);
    return { header: clusterHeader(cluster.header()), members: members.map(memberOf) };
  });
}
