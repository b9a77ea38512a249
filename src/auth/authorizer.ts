import { type Authorizer, type Decision, mastersGroup } from "./access.ts";
import type { NodeAuthorizer } from "./node/authorizer.ts";
import type { RbacPolicy } from "./rbac/policy.ts";

const allowed: Decision = { allowed: true, reason: "" };

/** Upstream's order with --authorization-mode=Node,RBAC: system:masters, then what a node needs for its pods, then roles. */
export function createAuthorizer(deps: {
  readonly rbac: RbacPolicy;
  readonly nodes?: NodeAuthorizer;
}): Authorizer {
  const { rbac, nodes } = deps;
  return {
    authorize(request) {
      if (request.user.groups.includes(mastersGroup)) return allowed;
      const ofNode = nodes?.authorize(request);
      if (ofNode === undefined) return rbac.authorize(request);
      return ofNode.then((decision) =>
        decision.allowed ? decision : lastWord(decision, rbac.authorize(request)),
      );
    },
  };
}

/** With the reasons of both where both had one. */
function lastWord(first: Decision, last: Decision): Decision {
  if (last.allowed || first.reason === "") return last;
  return { allowed: false, reason: last.reason === "" ? first.reason : `${first.reason}\n${last.reason}` };
}
