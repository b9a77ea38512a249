import type { AbacPolicies } from "./abac.ts";
import { type AccessRequest, type Authorizer, type Decision, mastersGroup } from "./access.ts";
import type { NodeAuthorizer } from "./node/authorizer.ts";
import type { RbacPolicy } from "./rbac/policy.ts";

/** Ways to decide, by upstream's names of `--authorization-mode`. */
export const authorizationModes = ["ABAC", "AlwaysAllow", "AlwaysDeny", "Node", "RBAC"] as const;
export type AuthorizationMode = (typeof authorizationModes)[number];

const allowed: Decision = { allowed: true, reason: "" };
const everythingForbidden: Decision = { allowed: false, reason: "Everything is forbidden." };

/**
 * system:masters may do everything; of others the first mode that allows something, or denies it, decides. `modes`: Node and RBAC by default, what a
 * node needs for its pods and then roles, as kubeadm has it; others than upstream's own are authorizers themselves.
 */
export function createAuthorizer(deps: {
  readonly modes?: readonly (AuthorizationMode | Authorizer)[];
  readonly rbac: RbacPolicy;
  readonly nodes?: NodeAuthorizer;
  readonly abac?: AbacPolicies | undefined;
}): Authorizer {
  const { modes = ["Node", "RBAC"], rbac, nodes, abac } = deps;
  const authorizers: Readonly<Record<AuthorizationMode, Authorizer["authorize"] | undefined>> = {
    ABAC: abac && ((request) => abac.authorize(request)),
    AlwaysAllow: () => allowed,
    AlwaysDeny: () => everythingForbidden,
    Node: nodes && ((request) => nodes.authorize(request) ?? noOpinion),
    RBAC: (request) => rbac.authorize(request),
  };
  const asked = modes.flatMap((mode) =>
    typeof mode === "string"
      ? (authorizers[mode] ?? [])
      : (request: AccessRequest) => mode.authorize(request),
  );
  return {
    authorize(request) {
      return request.user.groups.includes(mastersGroup) ? allowed : ask(asked, 0, request, noOpinion);
    },
  };
}

const noOpinion: Decision = { allowed: false, reason: "" };

/** One after the other, from the given one on: what can be said at once must not wait for a turn of the loop. */
function ask(
  authorizers: readonly Authorizer["authorize"][],
  from: number,
  request: AccessRequest,
  before: Decision,
): Decision | Promise<Decision> {
  const authorize = authorizers[from];
  if (authorize === undefined) return before;
  const go = (decision: Decision) =>
    decision.allowed || decision.denied === true
      ? decision
      : ask(authorizers, from + 1, request, both(before, decision));
  const decision = authorize(request);
  return decision instanceof Promise ? decision.then(go) : go(decision);
}

/** With the reasons, and the errors, of both where both had one. */
function both(first: Decision, last: Decision): Decision {
  const joined = (one = "", other = ""): string => [one, other].filter((text) => text !== "").join("\n");
  const error = joined(first.error, last.error);
  return { allowed: false, reason: joined(first.reason, last.reason), ...(error === "" ? {} : { error }) };
}
