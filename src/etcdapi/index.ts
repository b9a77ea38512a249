/** etcd's v3 API (https://etcd.io/docs/v3.6/learning/api/) on the Kv port, over whatever carries its streams. */
export { apiVersion } from "./api-version.ts";
export { isPeerUrl } from "./cluster/peer-urls.ts";
export { createEtcdApi, type EtcdApi, type EtcdApiOptions } from "./etcd-api.ts";
export { type SnapshotStatus, snapshotStatus } from "./maintenance/snapshot-status.ts";
export { readStoredLog, type StoredEntry, type StoredLog } from "./maintenance/stored-log.ts";
export { readStoredSnapshot, type StoredSnapshot } from "./maintenance/stored-snapshot.ts";
export type { ClusterAlarm, ClusterInfo, ClusterMember, MemberStatus } from "./ports.ts";
