/** Resources behind verbs: one generic store, and a Strategy per resource. */
export { compareVersions } from "./apiextensions/version-order.ts";
export type { ApiService, ApiServiceCondition } from "./apiregistration/api-service.ts";
export { customPriority, localPriority } from "./apiregistration/priorities.ts";
export type { RequestContext } from "./context.ts";
export { flowControlDefaults } from "./flowcontrol/bootstrap.ts";
export type {
  FlowNonResourceRule,
  FlowResourceRule,
  FlowRules,
  FlowSchema,
  FlowSubject,
  PriorityLevelConfiguration,
} from "./flowcontrol/types.ts";
export { fieldManagerRequest, trackFields } from "./managed-fields.ts";
export type {
  Access,
  ComponentHealth,
  ConversionWebhook,
  DeleteOptions,
  ListQuery,
  NextObject,
  Registry,
  ResourceHandler,
  Validate,
  Verb,
} from "./ports.ts";
export { createRegistry } from "./registry.ts";
export { selectionPredicate } from "./selection.ts";
export { isServed } from "./served.ts";
export { apiVersionOf } from "./store-parts.ts";
export type { Strategy } from "./strategy.ts";
export { transientObject } from "./transient.ts";
