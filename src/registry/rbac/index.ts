import { ofAnyKind, type ServedVersion } from "../strategies.ts";
import { clusterRoleBindingStrategy, roleBindingStrategy } from "./bindings.ts";
import { clusterRoleStrategy, roleStrategy } from "./roles.ts";

/** rbac.authorization.k8s.io/v1. */
export const rbacV1: ServedVersion = {
  group: "rbac.authorization.k8s.io",
  version: "v1",
  resources: {
    clusterrolebindings: (deps) => ofAnyKind(clusterRoleBindingStrategy(deps)),
    clusterroles: (deps) => ofAnyKind(clusterRoleStrategy(deps)),
    rolebindings: (deps) => ofAnyKind(roleBindingStrategy(deps)),
    roles: (deps) => ofAnyKind(roleStrategy(deps)),
  },
};
