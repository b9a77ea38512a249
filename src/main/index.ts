/** Configuration, certificates, and the assembly of a whole member. */

export { kubernetesVersion } from "../apiserver/index.ts";
export { type AuthorizationMode, authorizationModes, signingAlgs } from "../auth/index.ts";
export { nodeCidrMaskSize } from "../controllers/index.ts";
export { type Address, listenOrFree } from "../member/index.ts";
export { adminConnection, adminKubeconfig } from "./access/admin.ts";
export {
  type ApiPki,
  ensurePki,
  ensureServingCertificate,
  exportStoreClient,
  type Pki,
} from "./certificates/pki.ts";
export { firstAddress, tenthAddress } from "./cidr.ts";
export type { ApiConfig, ExternalStore, MemberStore, ServedSwitch, ServerConfig } from "./config.ts";
export { type AccessConfig, standardAccess } from "./config.ts";
export { startHollowNodes } from "./nodes/hollow-nodes.ts";
export {
  claimPodNetworks,
  claimPodRange,
  loopbackPodRanges,
  networkPodRanges,
  type PodClaim,
} from "./nodes/pod-claim.ts";
export { type ClusterDns, startProcessNodes } from "./nodes/process-nodes.ts";
export { type ApiServer, type Server, startApiServer, startServer } from "./server.ts";
export { type SeedEntry, seedPlaceholders } from "./start-objects/seed.ts";
export { keepDnsService } from "./traffic/dns-service.ts";
export {
  claimServiceRange,
  loopbackServiceRanges,
  routeHere,
  type ServiceRange,
} from "./traffic/service-range.ts";
export { createStatusServer } from "./traffic/status-server.ts";
export { type RunningTraffic, startTraffic, type TrafficConfig } from "./traffic/traffic.ts";
