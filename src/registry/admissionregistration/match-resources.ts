import {
  type FieldError,
  field,
  type LabelSelector,
  validateLabelSelector,
} from "../../apimachinery/index.ts";
import { type Rule, validateNamedRule } from "./rules.ts";

/** Which requests a policy or a binding concerns. */
export interface MatchResources {
  namespaceSelector?: LabelSelector;
  objectSelector?: LabelSelector;
  resourceRules?: Rule[];
  excludeResourceRules?: Rule[];
  matchPolicy?: string;
}

const matchPolicies = ["Equivalent", "Exact"];

export function validateMatchResources(match: MatchResources, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { matchPolicy } = match;
  if (matchPolicy === undefined) errors.push(field.required(`${path}.matchPolicy`, ""));
  else if (!matchPolicies.includes(matchPolicy)) {
    errors.push(field.notSupported(`${path}.matchPolicy`, matchPolicy, matchPolicies));
  }
  for (const name of ["namespaceSelector", "objectSelector"] as const) {
    const selector = match[name];
    if (selector === undefined) errors.push(field.required(`${path}.${name}`, ""));
    else errors.push(...validateLabelSelector(selector, `${path}.${name}`));
  }
  for (const name of ["resourceRules", "excludeResourceRules"] as const) {
    (match[name] ?? []).forEach((rule, i) => {
      errors.push(...validateNamedRule(rule, `${path}.${name}[${i}]`));
    });
  }
  return errors;
}
