import type { MemberId } from "../../base/index.ts";
import { etcdserverpb } from "../../wire/index.ts";
import { clusterHeader } from "../header.ts";
import { type Method, unary } from "../method.ts";
import type { ClusterInfo } from "../ports.ts";
import { memberOf } from "./member.ts";

type PromoteMember = NonNullable<ClusterInfo["promoteMember"]>;

export function memberPromoteMethod(cluster: ClusterInfo, promoteMember: PromoteMember): Method {
  return unary(etcdserverpb.ClusterService.MemberPromote, async ({ ID }) => {
    const members = await promoteMember(ID as MemberId);
    return { header: clusterHeader(cluster.header()), members: members.map(memberOf) };
  });
}
