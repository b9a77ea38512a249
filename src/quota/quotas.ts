import type { KubeObject } from "../apimachinery/index.ts";
import type { Evaluator, Scope } from "./evaluator.ts";

/** core/v1 ResourceQuota, as far as counting goes. */
export interface ResourceQuota extends KubeObject {
  spec?: {
    readonly hard?: Readonly<Record<string, string>>;
    readonly scopes?: readonly string[];
    readonly scopeSelector?: { readonly matchExpressions?: readonly Scope[] };
  };
  status?: {
    readonly hard?: Readonly<Record<string, string>>;
    readonly used?: Readonly<Record<string, string>>;
  };
}

/** All scopes of a quota in their long form. */
function scopesOf({ spec }: ResourceQuota): readonly Scope[] {
  return [
    ...(spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: "Exists" })),
    ...(spec?.scopeSelector?.matchExpressions ?? []),
  ];
}

/** Whether an object is one that a quota counts, by its scopes. */
export function inAllScopes(quota: ResourceQuota, evaluator: Evaluator, object: KubeObject): boolean {
  return scopesOf(quota).every((scope) => evaluator.inScope(scope, object));
}
