import type { KubeObject } from "../apimachinery/index.ts";
import type { ResourceList } from "./resource-list.ts";

/** One scope of a quota: core/v1 ScopedResourceSelectorRequirement. */
export interface Scope {
  readonly scopeName: string;
  readonly operator: string;
  readonly values?: readonly string[];
}

/** What may be counted. */
interface CountedRequest {
  readonly operation: "CREATE" | "UPDATE" | "DELETE" | "CONNECT";
  readonly subresource: string;
  readonly object: KubeObject;
  readonly old: KubeObject | undefined;
}

/** How objects of one resource count: upstream's quota/v1 Evaluator. */
export interface Evaluator {
  /** Whether a request may change what is used. */
  handles(request: CountedRequest): boolean;
  /** Of these names those that this resource has to do with. */
  matching(names: readonly string[]): readonly string[];
  /** What an object uses. `now`: milliseconds. */
  usage(object: KubeObject, now: number): ResourceList;
  /** Whether an object is in a scope. */
  inScope(scope: Scope, object: KubeObject): boolean;
  /** Why an object cannot be counted against these names: it does not say what it takes. */
  complaint?(names: readonly string[], object: KubeObject): string | undefined;
}
