import {
  type FieldError,
  field,
  type LabelSelector,
  usableSelector,
  validateLabelSelector,
} from "../../apimachinery/index.ts";
import type { Role } from "../../auth/index.ts";
import type { RequestContext } from "../context.ts";
import type { StrategyDeps } from "../strategies.ts";
import type { Strategy } from "../strategy.ts";
import { validateRbacName, validateRules } from "./rules.ts";

interface ClusterRole extends Role {
  aggregationRule?: { clusterRoleSelectors?: LabelSelector[] };
}

/** rbac.authorization.k8s.io/v1 Role: permissions in a namespace. */
export function roleStrategy({ access }: StrategyDeps): Strategy<Role> {
  return {
    namespaced: true,
    metadataOnUpdate: ["changes", "object"],
    allowCreateOnUpdate: true,
    validateName: validateRbacName,
    ...grantChecks(access.grants.role),
    validate: (role) => validateRules(role.rules, true),
    validateUpdate: (next) => validateRules(next.rules, true),
  };
}

/** rbac.authorization.k8s.io/v1 ClusterRole: permissions everywhere, or a set of them for bindings to choose. */
export function clusterRoleStrategy({ access }: StrategyDeps): Strategy<ClusterRole> {
  return {
    namespaced: false,
    metadataOnUpdate: ["object", "changes"],
    allowCreateOnUpdate: true,
    validateName: validateRbacName,
    ...grantChecks(access.grants.role),
    validate: validateClusterRole,
    validateUpdate: validateClusterRole,
  };
}

/** Before the kind's own rules: upstream refuses an escalation first. */
export function grantChecks<T>(
  check: (object: T, old: T | undefined, writer: RequestContext) => Promise<void>,
): {
  beginCreate(object: T, context: RequestContext): Promise<undefined>;
  beginUpdate(next: T, old: T, context: RequestContext): Promise<undefined>;
} {
  return {
    async beginCreate(object, context) {
      await check(object, undefined, context);
      return undefined;
    },
    async beginUpdate(next, old, context) {
      await check(next, old, context);
      return undefined;
    },
  };
}

function validateClusterRole({ rules, aggregationRule }: ClusterRole): FieldError[] {
  const errors = validateRules(rules, false);
  if (aggregationRule === undefined) return errors;
  const path = "aggregationRule.clusterRoleSelectors";
  const selectors = aggregationRule.clusterRoleSelectors ?? [];
  if (selectors.length === 0) {
    const rule = "at least one clusterRoleSelector required if aggregationRule is non-nil";
    errors.push(field.required(path, rule));
  }
  for (const [index, selector] of selectors.entries()) {
    const at = `${path}[${index}]`;
    errors.push(...validateLabelSelector(selector, at));
    // Upstream prints what became of the selector, which is nothing.
    if (usableSelector(selector) === undefined)
      errors.push(field.invalid(at, null, "invalid label selector."));
  }
  return errors;
}
