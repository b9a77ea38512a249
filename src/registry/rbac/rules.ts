import { type FieldError, field, nameIsDnsSubdomain, pathSegmentErrors } from "../../apimachinery/index.ts";
import type { PolicyRule, RoleRef, Subject } from "../../auth/index.ts";
import { complaints } from "../rules/values.ts";

/** What the four kinds share: k8s.io/kubernetes/pkg/apis/rbac/validation. */

const group = "rbac.authorization.k8s.io";

/** Names of roles may hold nearly anything: `system:node`, `Admin`. */
export const validateRbacName = (name: string): string[] => pathSegmentErrors(name);

export function validateRules(
  rules: readonly PolicyRule[] | null | undefined,
  namespaced: boolean,
): FieldError[] {
  return (rules ?? []).flatMap((rule, index) => validateRule(rule, namespaced, `rules[${index}]`));
}

function validateRule(rule: PolicyRule, namespaced: boolean, path: string): FieldError[] {
  const { apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  const errors: FieldError[] = [];
  if ((rule.verbs ?? []).length === 0)
    errors.push(field.required(`${path}.verbs`, "verbs must contain at least one value"));
  if (nonResourceURLs.length > 0) {
    const refuse = (why: string): void => {
      errors.push(field.invalid(`${path}.nonResourceURLs`, nonResourceURLs, why));
    };
    if (namespaced) refuse("namespaced rules cannot apply to non-resource URLs");
    if (apiGroups.length > 0 || resources.length > 0 || resourceNames.length > 0)
      refuse("rules cannot apply to both regular resources and non-resource URLs");
    return errors;
  }
  if (apiGroups.length === 0)
    errors.push(field.required(`${path}.apiGroups`, "resource rules must supply at least one api group"));
  if (resources.length === 0)
    errors.push(field.required(`${path}.resources`, "resource rules must supply at least one resource"));
  return errors;
}

/** `kinds`: of roles that may be bound here. */
export function validateRoleRef(roleRef: RoleRef, kinds: readonly string[]): FieldError[] {
  const { apiGroup = "", kind = "", name = "" } = roleRef;
  const errors: FieldError[] = [];
  if (apiGroup !== group) errors.push(field.notSupported("roleRef.apiGroup", apiGroup, [group]));
  if (!kinds.includes(kind)) errors.push(field.notSupported("roleRef.kind", kind, kinds));
  if (name === "") errors.push(field.required("roleRef.name", ""));
  else errors.push(...complaints("roleRef.name", name, validateRbacName(name)));
  return errors;
}

export function validateSubjects(
  subjects: readonly Subject[] | null | undefined,
  namespaced: boolean,
): FieldError[] {
  return (subjects ?? []).flatMap((subject, index) =>
    validateSubject(subject, namespaced, `subjects[${index}]`),
  );
}

function validateSubject(subject: Subject, namespaced: boolean, path: string): FieldError[] {
  const { kind = "", apiGroup = "", name = "", namespace = "" } = subject;
  const errors: FieldError[] = name === "" ? [field.required(`${path}.name`, "")] : [];
  switch (kind) {
    case "ServiceAccount":
      if (name !== "") errors.push(...complaints(`${path}.name`, name, nameIsDnsSubdomain(name, false)));
      if (apiGroup !== "") errors.push(field.notSupported(`${path}.apiGroup`, apiGroup, [""]));
      if (!namespaced && namespace === "") errors.push(field.required(`${path}.namespace`, ""));
      return errors;
    case "User":
    case "Group":
      if (apiGroup !== group) errors.push(field.notSupported(`${path}.apiGroup`, apiGroup, [group]));
      return errors;
    default:
      return [...errors, field.notSupported(`${path}.kind`, kind, ["ServiceAccount", "User", "Group"])];
  }
}

/** A binding is of one role for good: who may change its subjects could else give away more than the one role. */
export function validateSameRole(next: RoleRef, old: RoleRef): FieldError[] {
  const { apiGroup = "", kind = "", name = "" } = next;
  if (apiGroup === (old.apiGroup ?? "") && kind === (old.kind ?? "") && name === (old.name ?? "")) return [];
  // Upstream prints its internal form.
  const shown = { APIGroup: apiGroup, Kind: kind, Name: name };
  return [field.invalid("roleRef", shown, "cannot change roleRef")];
}
