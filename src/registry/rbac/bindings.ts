import type { Json } from "../../apimachinery/index.ts";
import type { RoleBinding } from "../../auth/index.ts";
import type { StrategyDeps } from "../strategies.ts";
import type { Strategy } from "../strategy.ts";
import { age, nameOf } from "../tables/cells.ts";
import { grantChecks } from "./roles.ts";
import { validateRbacName, validateRoleRef, validateSameRole, validateSubjects } from "./rules.ts";

/** rbac.authorization.k8s.io/v1 RoleBinding: gives a role to somebody in a namespace. */
export function roleBindingStrategy(deps: StrategyDeps): Strategy<RoleBinding> {
  return bindingStrategy(deps, { namespaced: true, roleKinds: ["Role", "ClusterRole"] });
}

/** rbac.authorization.k8s.io/v1 ClusterRoleBinding: gives a ClusterRole to somebody everywhere. */
export function clusterRoleBindingStrategy(deps: StrategyDeps): Strategy<RoleBinding> {
  return bindingStrategy(deps, { namespaced: false, roleKinds: ["ClusterRole"] });
}

function bindingStrategy(
  { access }: StrategyDeps,
  { namespaced, roleKinds }: { readonly namespaced: boolean; readonly roleKinds: readonly string[] },
): Strategy<RoleBinding> {
  const validate = ({ roleRef, subjects }: RoleBinding) => [
    ...validateRoleRef(roleRef, roleKinds),
    ...validateSubjects(subjects, namespaced),
  ];
  return {
    namespaced,
    metadataOnUpdate: ["changes", "object"],
    allowCreateOnUpdate: true,
    validateName: validateRbacName,
    ...grantChecks(access.grants.binding),
    validate,
    validateUpdate: (next, old) => [...validate(next), ...validateSameRole(next.roleRef, old.roleRef)],
    tableRow: bindingRow,
  };
}

function bindingRow(binding: RoleBinding, now: number): Json[] {
  const subjects = binding.subjects ?? [];
  const named = (kind: string): string =>
    subjects
      .filter((subject) => subject.kind === kind)
      .map(({ name, namespace = "" }) => (kind === "ServiceAccount" ? `${namespace}/${name}` : name))
      .join(", ");
  const { kind, name } = binding.roleRef;
  return [
    nameOf(binding),
    `${kind}/${name}`,
    age(binding, now),
    named("User"),
    named("Group"),
    named("ServiceAccount"),
  ];
}
