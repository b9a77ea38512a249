import { etcdserverpb } from "../../wire/index.ts";
import { clusterHeader } from "../header.ts";
import { type Method, unary } from "../method.ts";
import type { ClusterInfo } from "../ports.ts";
import { memberOf } from "./member.ts";

export function memberListMethod(cluster: ClusterInfo): Method {
  return unary(etcdserverpb.ClusterService.MemberList, async ({ linearizable }) => {
    const members = await cluster.members({ linearizable });
    return {
      header: clusterHeader(cluster.header()),
      members: members.map(memberOf),
    };
  });
}
