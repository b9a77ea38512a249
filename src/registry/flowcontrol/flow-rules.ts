import { dns1123SubdomainErrors, type FieldError, field, nameIsDnsLabel } from "../../apimachinery/index.ts";
import { complaints } from "../rules/values.ts";
import type { FlowNonResourceRule, FlowResourceRule, FlowRules, FlowSubject } from "./types.ts";

/** Whose requests, and which: upstream's pkg/apis/flowcontrol/validation. */

const all = "*";
const subjectKinds = ["Group", "ServiceAccount", "User"];
const verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"];

export function validateFlowRules(rules: FlowRules, path: string): FieldError[] {
  const { resourceRules = [], nonResourceRules = [] } = rules;
  const subjects = rules.subjects ?? [];
  const errors = subjects.flatMap((subject, i) => validateSubject(subject, `${path}.subjects[${i}]`));
  if (subjects.length === 0) {
    errors.push(field.required(`${path}.subjects`, "subjects must contain at least one value"));
  }
  if (resourceRules.length === 0 && nonResourceRules.length === 0) {
    const rule = "at least one of resourceRules and nonResourceRules has to be non-empty";
    errors.push(field.required(path, rule));
  }
  return [
    ...errors,
    ...resourceRules.flatMap((rule, i) => validateResourceRule(rule, `${path}.resourceRules[${i}]`)),
    ...nonResourceRules.flatMap((rule, i) => validateNonResourceRule(rule, `${path}.nonResourceRules[${i}]`)),
  ];
}

type SubjectField = "serviceAccount" | "user" | "group";

const fieldOfKind: Readonly<Record<string, SubjectField>> = {
  ServiceAccount: "serviceAccount",
  User: "user",
  Group: "group",
};

function validateSubject(subject: FlowSubject, path: string): FieldError[] {
  const { kind = "" } = subject;
  const wanted = Object.hasOwn(fieldOfKind, kind) ? fieldOfKind[kind] : undefined;
  if (wanted === undefined) return [field.notSupported(`${path}.kind`, kind, subjectKinds)];
  const errors = validateSubjectName(subject, wanted, kind, path);
  for (const [otherKind, other] of Object.entries(fieldOfKind)) {
    if (other === wanted || subject[other] === undefined) continue;
    const rule = `${other} is forbidden when subject kind is not '${otherKind}'`;
    errors.push(field.forbidden(`${path}.${other}`, rule));
  }
  return errors;
}

function validateSubjectName(
  subject: FlowSubject,
  wanted: SubjectField,
  kind: string,
  path: string,
): FieldError[] {
  const at = `${path}.${wanted}`;
  const named = subject[wanted];
  if (named === undefined)
    return [field.required(at, `${wanted} is required when subject kind is '${kind}'`)];
  const { name = "" } = named;
  const errors: FieldError[] = [];
  if (name === "") errors.push(field.required(`${at}.name`, ""));
  if (wanted !== "serviceAccount") return errors;
  if (name !== "" && name !== all) {
    errors.push(...complaints(`${at}.name`, name, dns1123SubdomainErrors(name)));
  }
  const namespace = subject.serviceAccount?.namespace ?? "";
  if (namespace === "") {
    errors.push(field.required(`${at}.namespace`, "must specify namespace for service account"));
  } else errors.push(...complaints(`${at}.namespace`, namespace, nameIsDnsLabel(namespace, false)));
  return errors;
}

function validateVerbs(values: readonly string[], path: string): FieldError[] {
  if (values.length === 0) return [field.required(path, "verbs must contain at least one value")];
  if (values.includes(all)) {
    if (values.length === 1) return [];
    return [field.invalid(path, values, "if '*' is present, must not specify other verbs")];
  }
  return values.every((verb) => verbs.includes(verb)) ? [] : [field.notSupported(path, values, verbs)];
}

/** Every value, or some; `what` as the text names them. */
function validateSome(
  values: readonly string[],
  path: string,
  texts: { readonly none: string; readonly others: string },
): FieldError[] {
  if (values.length === 0) return [field.required(path, texts.none)];
  if (values.length === 1 || !values.includes(all)) return [];
  return [field.invalid(path, values, `if '*' is present, must not specify other ${texts.others}`)];
}

function validateResourceRule(rule: FlowResourceRule, path: string): FieldError[] {
  const { clusterScope = false } = rule;
  const namespaces = rule.namespaces ?? [];
  const errors = [
    ...validateVerbs(rule.verbs ?? [], `${path}.verbs`),
    ...validateSome(rule.apiGroups ?? [], `${path}.apiGroups`, {
      none: "resource rules must supply at least one api group",
      others: "api groups",
    }),
    ...validateSome(rule.resources ?? [], `${path}.resources`, {
      none: "resource rules must supply at least one resource",
      others: "resources",
    }),
  ];
  if (namespaces.length === 0 && clusterScope) return errors;
  errors.push(
    ...validateSome(namespaces, `${path}.namespaces`, {
      none: "resource rules that are not cluster scoped must supply at least one namespace",
      others: "namespaces",
    }),
  );
  if (namespaces.includes(all)) return errors;
  for (const [i, namespace] of namespaces.entries()) {
    const texts = nameIsDnsLabel(namespace, false).map(
      (text) => `each member of this list must be '*' or a DNS-1123 label; ${text}`,
    );
    errors.push(...complaints(`${path}.namespaces[${i}]`, namespace, texts));
  }
  return errors;
}

function validateNonResourceRule(rule: FlowNonResourceRule, path: string): FieldError[] {
  const nonResourceURLs = rule.nonResourceURLs ?? [];
  const at = `${path}.nonResourceURLs`;
  const errors = [
    ...validateVerbs(rule.verbs ?? [], `${path}.verbs`),
    ...validateSome(nonResourceURLs, at, {
      none: "nonResourceURLs must contain at least one value",
      others: "non-resource URLs",
    }),
  ];
  if (nonResourceURLs.includes(all)) return errors;
  for (const [i, url] of nonResourceURLs.entries()) {
    const problem = pathProblem(url);
    if (problem !== undefined) errors.push(field.invalid(`${at}[${i}]`, url, problem));
  }
  return errors;
}

function pathProblem(path: string): string | undefined {
  if (path === "") return "must not be empty";
  if (path === "/") return undefined;
  if (!path.startsWith("/")) return "must start with slash";
  if (path.includes(" ")) return "must not contain white-space";
  if (path.includes("//")) return "must not contain double slash";
  const star = path.indexOf(all);
  if (star !== -1 && (star !== path.length - 1 || !path.endsWith("/*"))) {
    return "wildcard can only do suffix matching";
  }
  return undefined;
}
