import type { Header } from "../kv/index.ts";
import type { Draft, etcdserverpb } from "../wire/index.ts";

export function headerOf(header: Header): Draft<etcdserverpb.ResponseHeader> {
  return {
    clusterId: header.clusterId,
    memberId: header.memberId,
    revision: header.revision,
    raftTerm: header.term,
  };
}

/** Of answers about the cluster: etcd leaves the revision out. */
export function clusterHeader(header: Header): Draft<etcdserverpb.ResponseHeader> {
  return { clusterId: header.clusterId, memberId: header.memberId, raftTerm: header.term };
}
