/** What objects use of a namespace's resources, and how that counts against its quotas: for admission and for the controller. */
export type { Evaluator } from "./evaluator.ts";
export { evaluatorFor } from "./evaluators.ts";
export { type Container, type PodSpec, podResources } from "./pod-resources.ts";
export { inAllScopes, type ResourceQuota } from "./quotas.ts";
export {
  addResources,
  excess,
  mask,
  type ResourceList,
  readResources,
  withoutZeros,
  writeResources,
  zero,
} from "./resource-list.ts";
