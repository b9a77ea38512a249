/** A member that is nothing but the store, and what it shares with members that carry the resource API, too. */
export { inspectDirectory, type ReplicaConfig } from "../replica/index.ts";
export type { Address } from "./address.ts";
export { autoTlsMaterial } from "./auto-tls.ts";
export { certificateRules } from "./certificate-rules.ts";
export type { DiscoveryConfig } from "./discovery.ts";
export { compactBehind, publish } from "./duties.ts";
export { listenOrFree } from "./listen.ts";
export { restoreSnapshot } from "./restore.ts";
export { readRevocationList } from "./revocation-list.ts";
export { serveHttp } from "./serve-http.ts";
export { hashSnapshot, statusOfSnapshot } from "./snapshot-file.ts";
export { type Store, type StoreAddress, type StoreConfig, startStore, type Traffic } from "./store.ts";
