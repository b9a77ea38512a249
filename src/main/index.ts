/** Configuration, certificates, and the assembly of a whole member. */

export { type Address, listenOrFree } from "../member/index.ts";
export { adminConnection, adminKubeconfig } from "./admin.ts";
export { firstAddress, tenthAddress } from "./cidr.ts";
export type { ExternalStore, MemberStore, ServerConfig } from "./config.ts";
export { type AccessConfig, standardAccess } from "./config.ts";
export { keepDnsService } from "./dns-service.ts";
export { startHollowNodes } from "./hollow-nodes.ts";
export { ensurePki, exportStoreClient, type Pki } from "./pki.ts";
export { claimPodRange, loopbackPodRanges, type PodClaim } from "./pod-claim.ts";
export { type ClusterDns, startProcessNodes } from "./process-nodes.ts";
export { type SeedEntry, seedPlaceholders } from "./seed.ts";
export { type Server, startServer } from "./server.ts";
export { claimServiceRange, loopbackServiceRanges, type ServiceRange } from "./service-range.ts";
export { createStatusServer } from "./status-server.ts";
export { type RunningTraffic, startTraffic, type TrafficConfig } from "./traffic.ts";
