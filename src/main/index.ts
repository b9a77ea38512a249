/** Configuration, certificates, and the assembly of a whole member. */

export { kubernetesVersion } from "../apiserver/index.ts";
export { type AuthorizationMode, authorizationModes, signingAlgs } from "../auth/index.ts";
export { nodeCidrMaskSize } from "../controllers/index.ts";
export { type Address, listenOrFree } from "../member/index.ts";
export { adminConnection, adminKubeconfig } from "./admin.ts";
export { firstAddress, tenthAddress } from "./cidr.ts";
export type { ApiConfig, ExternalStore, MemberStore, ServerConfig } from "./config.ts";
export { type AccessConfig, standardAccess } from "./config.ts";
export { keepDnsService } from "./dns-service.ts";
export { startHollowNodes } from "./hollow-nodes.ts";
export { type ApiPki, ensurePki, ensureServingCertificate, exportStoreClient, type Pki } from "./pki.ts";
export {
  claimPodNetworks,
  claimPodRange,
  loopbackPodRanges,
  networkPodRanges,
  type PodClaim,
} from "./pod-claim.ts";
export { type ClusterDns, startProcessNodes } from "./process-nodes.ts";
export { type SeedEntry, seedPlaceholders } from "./seed.ts";
export { type ApiServer, type Server, startApiServer, startServer } from "./server.ts";
export { claimServiceRange, loopbackServiceRanges, routeHere, type ServiceRange } from "./service-range.ts";
export { createStatusServer } from "./status-server.ts";
export { type RunningTraffic, startTraffic, type TrafficConfig } from "./traffic.ts";
