import { type FieldError, field, pathSegmentErrors } from "../../apimachinery/index.ts";

/** admissionregistration.k8s.io/v1 RuleWithOperations, and its form with names. */
export interface Rule {
  operations?: string[];
  apiGroups?: string[];
  apiVersions?: string[];
  resources?: string[];
  scope?: string;
  resourceNames?: string[];
}

const operations = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
const scopes = ["*", "Cluster", "Namespaced"];

export function validateRule(rule: Rule, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const wanted = (name: string, values: readonly string[], others: string): void => {
    if (values.length === 0) errors.push(field.required(`${path}.${name}`, ""));
    if (values.length > 1 && values.includes("*")) {
      errors.push(
        field.invalid(`${path}.${name}`, values, `if '*' is present, must not specify other ${others}`),
      );
    }
  };
  wanted("operations", rule.operations ?? [], "operations");
  (rule.operations ?? []).forEach((operation, i) => {
    if (!operations.includes(operation)) {
      errors.push(field.notSupported(`${path}.operations[${i}]`, operation, operations));
    }
  });
  wanted("apiGroups", rule.apiGroups ?? [], "API groups");
  wanted("apiVersions", rule.apiVersions ?? [], "API versions");
  (rule.apiVersions ?? []).forEach((version, i) => {
    if (version === "") errors.push(field.required(`${path}.apiVersions[${i}]`, ""));
  });
  errors.push(...validateResources(rule.resources ?? [], `${path}.resources`));
  if (rule.scope !== undefined && !scopes.includes(rule.scope)) {
    errors.push(field.notSupported(`${path}.scope`, rule.scope, scopes));
  }
  return errors;
}

/** A rule of a policy, which may name objects. */
export function validateNamedRule(rule: Rule, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  (rule.resourceNames ?? []).forEach((name, i) => {
    const at = `${path}.resourceNames[${i}]`;
    for (const text of pathSegmentErrors(name)) errors.push(field.invalid(at, name, text));
    if (seen.has(name)) errors.push(field.duplicate(at, name));
    seen.add(name);
  });
  return [...errors, ...validateRule(rule, path)];
}

/** Names with and without subresources and wildcards: none may make another superfluous. */
function validateResources(resources: readonly string[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (resources.length === 0) errors.push(field.required(path, ""));
  const allSubresourcesOf = new Set<string>();
  const subresourceOfAll = new Set<string>();
  let hasBare = false;
  resources.forEach((resource, i) => {
    const at = `${path}[${i}]`;
    if (resource === "") {
      errors.push(field.required(at, ""));
      return;
    }
    const slash = resource.indexOf("/");
    if (slash === -1) {
      hasBare = resource !== "*";
      return;
    }
    const [name, sub] = [resource.slice(0, slash), resource.slice(slash + 1)];
    if (allSubresourcesOf.has(name)) {
      errors.push(field.invalid(at, resource, `if '${name}/*' is present, must not specify ${resource}`));
    }
    if (subresourceOfAll.has(sub)) {
      errors.push(field.invalid(at, resource, `if '*/${sub}' is present, must not specify ${resource}`));
    }
    if (sub === "*") allSubresourcesOf.add(name);
    if (name === "*") subresourceOfAll.add(sub);
  });
  if (resources.length > 1 && resources.includes("*/*")) {
    errors.push(field.invalid(path, resources, "if '*/*' is present, must not specify other resources"));
  }
  if (resources.includes("*") && hasBare) {
    const rule = "if '*' is present, must not specify other resources without subresources";
    errors.push(field.invalid(path, resources, rule));
  }
  return errors;
}
