/** What stands on a machine and makes pods true there. So far: nodes that only say they do. */
export {
  createHollowNodes,
  type HollowNode,
  type HollowNodeOptions,
  type HollowNodes,
  type HollowNodesOptions,
} from "./hollow/index.ts";
