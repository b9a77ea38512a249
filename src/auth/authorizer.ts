import { type Authorizer, type Decision, mastersGroup } from "./access.ts";
import type { RbacPolicy } from "./rbac/policy.ts";

const allowed: Decision = { allowed: true, reason: "" };

/** Upstream's order: system:masters, then roles. */
export function createAuthorizer(deps: { readonly rbac: RbacPolicy }): Authorizer {
  const { rbac } = deps;
  return {
    authorize(request) {
      if (request.user.groups.includes(mastersGroup)) return allowed;
      return rbac.authorize(request);
    },
  };
}
