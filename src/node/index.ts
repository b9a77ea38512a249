/** What stands on a machine and makes pods true there: as processes (`process`), or only by saying so (`hollow`). */
export { directoryProvisioner } from "./agent/storage.ts";
export {
  createHollowNodes,
  type HollowNode,
  type HollowNodeOptions,
  type HollowNodes,
  type HollowNodesOptions,
} from "./hollow/index.ts";
export {
  type ClusterDns,
  type ProcessNode,
  type ProcessNodeOptions,
  startProcessNode,
} from "./process/index.ts";
