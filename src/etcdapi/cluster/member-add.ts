import { etcdserverpb } from "../../wire/index.ts";
import { clusterHeader } from "../header.ts";
import { type Method, unary } from "../method.ts";
import type { ClusterInfo } from "../ports.ts";
import { memberOf } from "./member.ts";
import { checkedPeerUrls } from "./peer-urls.ts";

type AddMember = NonNullable<ClusterInfo["addMember"]>;

/** The new member is started afterwards, with `--initial-cluster-state existing`. */
export function memberAddMethod(cluster: ClusterInfo, addMember: AddMember): Method {
  return unary(etcdserverpb.ClusterService.MemberAdd, async ({ peerURLs, isLearner }) => {
    const { added, members } = await addMember(checkedPeerUrls(peerURLs), { learner: isLearner });
    const member = members.find(({ id }) => id === added);
    return {
      header: clusterHeader(cluster.header()),
      ...(member && { member: memberOf(member) }),
      members: members.map(memberOf),
    };
  });
}
