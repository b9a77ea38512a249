/**
 * The reconcile loops: each watches some kinds through shared informers and drives what is towards what is wanted, through
 * the resource API only. They are idle while nothing changes, may be switched off by name, and of several processes one works.
 */
export { type ControllerSettings, nodeCidrMaskSize } from "./context.ts";
export { podTemplateHash } from "./deployment/pod-template-hash.ts";
export {
  type ControllerManager,
  type ControllerManagerOptions,
  createControllerManager,
  selectControllers,
} from "./manager.ts";
