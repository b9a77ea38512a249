import type { Revision } from "../../base/index.ts";
import { etcdserverpb } from "../../wire/index.ts";
import { headerOf } from "../header.ts";
import { type Method, unary } from "../method.ts";
import type { ClusterInfo } from "../ports.ts";

type Hash = NonNullable<ClusterInfo["hash"]>;
type HashKv = NonNullable<ClusterInfo["hashKv"]>;

export function hashMethod(cluster: ClusterInfo, hashOfAll: Hash): Method {
  return unary(etcdserverpb.MaintenanceService.Hash, async () => {
    const hash = await hashOfAll();
    return { header: headerOf(cluster.header()), hash };
  });
}

/** Members of one cluster answer the same for the same revision, and so does etcd after the same writes; corruption checks compare it. */
export function hashKvMethod(cluster: ClusterInfo, hashKv: HashKv): Method {
  return unary(etcdserverpb.MaintenanceService.HashKV, async ({ revision }) => {
    const { compactRevision, ...answer } = await hashKv(revision as Revision);
    // etcd's word for "never compacted".
    return { header: headerOf(cluster.header()), ...answer, compactRevision: compactRevision || -1 };
  });
}
