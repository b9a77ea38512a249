/** Resources behind verbs: one generic store, and a Strategy per resource. */
export type { RequestContext } from "./context.ts";
export { fieldManagerRequest, trackFields } from "./managed-fields.ts";
export type {
  CreateOptions,
  DeleteOptions,
  DeleteResult,
  ListQuery,
  NextObject,
  Registry,
  RegistryFlags,
  RegistryOptions,
  ResourceHandler,
  StoredResource,
  UpdateOptions,
  Validate,
  Verb,
} from "./ports.ts";
export { createRegistry } from "./registry.ts";
export { selectionPredicate } from "./selection.ts";
export type { ServedVersion, StrategyDeps, StrategySource } from "./strategies.ts";
export type { Finish, ScaleRules, Strategy, UpdateRules } from "./strategy.ts";
export { transientObject } from "./transient.ts";
