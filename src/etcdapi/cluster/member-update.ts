import type { MemberId } from "../../base/index.ts";
import { etcdserverpb } from "../../wire/index.ts";
import { clusterHeader } from "../header.ts";
import { type Method, unary } from "../method.ts";
import type { ClusterInfo } from "../ports.ts";
import { memberOf } from "./member.ts";
import { checkedPeerUrls } from "./peer-urls.ts";

type UpdateMember = NonNullable<ClusterInfo["updateMember"]>;

/** Where the other members reach it from now on. (etcd does not check the URLs here, and dies of a bad one.) */
export function memberUpdateMethod(cluster: ClusterInfo, updateMember: UpdateMember): Method {
  return unary(etcdserverpb.ClusterService.MemberUpdate, async ({ ID, peerURLs }) => {
    const members = await updateMember(ID as MemberId, checkedPeerUrls(peerURLs));
    return { header: clusterHeader(cluster.header()), members: members.map(memberOf) };
  });
}
