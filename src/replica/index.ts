/** One member of the cluster: a kv whose writes a quorum has on disk before anybody hears of them. */
export type { Alarm } from "./alarms.ts";
export { type AutoCompactionPolicy, startAutoCompaction } from "./auto-compaction.ts";
export type { PeerTls, ReplicaConfig } from "./config.ts";
export { hashHistory } from "./hash-history.ts";
export { hasStarted, identityOf } from "./identity.ts";
export { inspectDirectory } from "./inspect.ts";
export type { Member } from "./membership.ts";
export { openReplica } from "./open.ts";
export type { ReplicaParts } from "./parts.ts";
export type { Past } from "./past.ts";
export type { Replica } from "./replica.ts";
export { restoreReplica } from "./restore.ts";
export type { ReplicaStatus } from "./status.ts";
