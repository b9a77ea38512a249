import {
  dns1123LabelErrors,
  type FieldError,
  field,
  type LabelSelector,
  labelValueErrors,
  nameIsDnsSubdomain,
  qualifiedNameErrors,
  validateLabelSelector,
} from "../../../apimachinery/index.ts";
import { complaints } from "../../rules/values.ts";
import { taintEffects } from "../taints.ts";
import type {
  Affinity,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinity,
  PodAffinityTerm,
  PodSpec,
  Toleration,
  TopologySpreadConstraint,
} from "./types.ts";

/** Where a pod may run: affinity, tolerations, spreading, gates. */

export function validateTolerations(tolerations: readonly Toleration[], path: string): FieldError[] {
  return tolerations.flatMap((toleration, i) => {
    const at = `${path}[${i}]`;
    const { key = "", operator = "", value = "", effect = "", tolerationSeconds } = toleration;
    const errors: FieldError[] = [];
    if (key !== "") errors.push(...complaints(`${at}.key`, key, qualifiedNameErrors(key)));
    else if (operator !== "Exists") {
      const detail =
        'operator must be Exists when `key` is empty, which means "match all values and all keys"';
      errors.push(field.invalid(`${at}.operator`, operator, detail));
    }
    if (tolerationSeconds !== undefined && effect !== "NoExecute") {
      const detail = "effect must be 'NoExecute' when `tolerationSeconds` is set";
      errors.push(field.invalid(`${at}.effect`, effect, detail));
    }
    errors.push(...validateTolerationValue(operator, value, `${at}.operator`));
    if (effect !== "" && !taintEffects.some((known) => known === effect)) {
      errors.push(field.notSupported(`${at}.effect`, effect, taintEffects));
    }
    return errors;
  });
}

function validateTolerationValue(operator: string, value: string, path: string): FieldError[] {
  if (operator === "" || operator === "Equal") {
    const malformed = labelValueErrors(value);
    return malformed.length === 0 ? [] : [field.invalid(path, value, malformed.join(";"))];
  }
  if (operator === "Exists") {
    return value === ""
      ? []
      : [field.invalid(path, value, "value must be empty when `operator` is 'Exists'")];
  }
  const isComparison = operator === "Lt" || operator === "Gt";
  return [field.notSupported(path, operator, ["Equal", "Exists", ...(isComparison ? ["Lt", "Gt"] : [])])];
}

const unsatisfiable = ["DoNotSchedule", "ScheduleAnyway"];

const aboveZero = (path: string, value: number): FieldError[] =>
  value > 0 ? [] : [field.invalid(path, value, "must be greater than zero")];
const inclusionPolicies = ["Honor", "Ignore"];

interface LabelKeys {
  readonly matchLabelKeys?: readonly string[];
  readonly mismatchLabelKeys?: readonly string[];
  readonly labelSelector?: LabelSelector;
}

/** Labels of the new pod itself that the others must share, or must not; `path` of what has them. */
function validateLabelKeys(
  { matchLabelKeys = [], mismatchLabelKeys = [], labelSelector }: LabelKeys,
  path: string,
): FieldError[] {
  const each = (keys: readonly string[], at: string): FieldError[] => {
    if (keys.length === 0) return [];
    if (labelSelector === undefined)
      return [field.forbidden(at, "must not be specified when labelSelector is not set")];
    return keys.flatMap((key, i) => complaints(`${at}[${i}]`, key, qualifiedNameErrors(key)));
  };
  const errors = [
    ...each(matchLabelKeys, `${path}.matchLabelKeys`),
    ...each(mismatchLabelKeys, `${path}.mismatchLabelKeys`),
  ];
  // What matchLabelKeys stand for was added to the selector at its end: a key that was there before says it twice.
  const selected = new Set(Object.keys(labelSelector?.matchLabels ?? {}));
  for (const { key } of labelSelector?.matchExpressions ?? []) {
    const i = matchLabelKeys.lastIndexOf(key);
    if (i >= 0 && selected.has(key))
      errors.push(field.invalid(`${path}[${i}]`, key, "exists in both matchLabelKeys and labelSelector"));
    selected.add(key);
  }
  matchLabelKeys.forEach((key, i) => {
    if (!mismatchLabelKeys.includes(key)) return;
    const rule = "exists in both matchLabelKeys and mismatchLabelKeys";
    errors.push(field.invalid(`${path}.matchLabelKeys[${i}]`, key, rule));
  });
  return errors;
}

export function validateSpread(constraints: readonly TopologySpreadConstraint[], path: string): FieldError[] {
  return constraints.flatMap((constraint, i) => {
    const at = `${path}[${i}]`;
    const { maxSkew, topologyKey = "", whenUnsatisfiable = "", minDomains } = constraint;
    const errors = aboveZero(`${at}.maxSkew`, maxSkew);
    if (topologyKey === "") errors.push(field.required(`${at}.topologyKey`, "can not be empty"));
    if (!unsatisfiable.includes(whenUnsatisfiable)) {
      errors.push(field.notSupported(`${at}.whenUnsatisfiable`, whenUnsatisfiable, unsatisfiable));
    }
    const repeats = (other: TopologySpreadConstraint): boolean =>
      other.topologyKey === topologyKey && other.whenUnsatisfiable === whenUnsatisfiable;
    if (constraints.slice(i + 1).some(repeats)) {
      const shown = `{${topologyKey}, ${whenUnsatisfiable}}`;
      errors.push(field.duplicate(`${at}.{topologyKey, whenUnsatisfiable}`, shown));
    }
    if (minDomains !== undefined) {
      errors.push(...aboveZero(`${at}.minDomains`, minDomains));
      if (whenUnsatisfiable !== "DoNotSchedule") {
        const rule = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`;
        errors.push(field.invalid(`${at}.minDomains`, minDomains, rule));
      }
    }
    for (const name of ["nodeAffinityPolicy", "nodeTaintsPolicy"] as const) {
      const policy = constraint[name];
      if (policy !== undefined && !inclusionPolicies.includes(policy))
        errors.push(field.notSupported(`${at}.${name}`, policy, inclusionPolicies));
    }
    return [
      ...errors,
      ...validateLabelKeys(constraint, at),
      ...validateLabelSelector(constraint.labelSelector, `${at}.labelSelector`),
    ];
  });
}

export function validateGates(spec: PodSpec, path: string): FieldError[] {
  const readiness = (spec.readinessGates ?? []).flatMap(({ conditionType }, i) =>
    complaints(
      `${path}.readinessGates[${i}].conditionType`,
      conditionType,
      qualifiedNameErrors(conditionType),
    ),
  );
  const names = new Set<string>();
  const scheduling = (spec.schedulingGates ?? []).flatMap(({ name }, i) => {
    const at = `${path}.schedulingGates[${i}]`;
    const errors = complaints(at, name, qualifiedNameErrors(name));
    if (names.has(name)) errors.push(field.duplicate(at, name));
    names.add(name);
    return errors;
  });
  return [...readiness, ...scheduling];
}

export function validateAffinity(affinity: Affinity | undefined, path: string): FieldError[] {
  if (affinity === undefined) return [];
  return [
    ...validateNodeAffinity(affinity.nodeAffinity, `${path}.nodeAffinity`),
    ...validatePodAffinity(affinity.podAffinity, `${path}.podAffinity`),
    ...validatePodAffinity(affinity.podAntiAffinity, `${path}.podAntiAffinity`),
  ];
}

const required = "requiredDuringSchedulingIgnoredDuringExecution";
const preferred = "preferredDuringSchedulingIgnoredDuringExecution";

function validateNodeAffinity(affinity: Affinity["nodeAffinity"], path: string): FieldError[] {
  const errors: FieldError[] = [];
  const needed = affinity?.[required];
  if (needed !== undefined) {
    errors.push(...validateNodeSelector(needed, `${path}.${required}`));
  }
  affinity?.[preferred]?.forEach(({ weight, preference }, i) => {
    const at = `${path}.${preferred}[${i}]`;
    errors.push(...validateWeight(weight, `${at}.weight`));
    errors.push(...validateNodeTerm(preference, `${at}.preference`, { anyValues: true }));
  });
  return errors;
}

export function validateNodeSelector({ nodeSelectorTerms }: NodeSelector, path: string): FieldError[] {
  const at = `${path}.nodeSelectorTerms`;
  const terms = nodeSelectorTerms ?? [];
  if (terms.length === 0) return [field.required(at, "must have at least one node selector term")];
  return terms.flatMap((term, i) => validateNodeTerm(term, `${at}[${i}]`));
}

function validateWeight(weight: number, path: string): FieldError[] {
  return weight > 0 && weight <= 100 ? [] : [field.invalid(path, weight, "must be in the range 1-100")];
}

/** `anyValues`: a mere wish may name values that no label has. */
function validateNodeTerm(
  { matchExpressions, matchFields }: NodeSelectorTerm,
  path: string,
  { anyValues }: { readonly anyValues: boolean } = { anyValues: false },
): FieldError[] {
  const expressions = (matchExpressions ?? []).flatMap((requirement, i) => {
    const at = `${path}.matchExpressions[${i}]`;
    const { key, values = [] } = requirement;
    return [
      ...validateNodeValues(requirement, at),
      ...complaints(`${at}.key`, key, qualifiedNameErrors(key)),
      ...(anyValues
        ? []
        : values.flatMap((value, j) => complaints(`${at}.values[${j}]`, value, labelValueErrors(value)))),
    ];
  });
  const fields = (matchFields ?? []).flatMap((requirement, i) =>
    validateNodeField(requirement, `${path}.matchFields[${i}]`),
  );
  return [...expressions, ...fields];
}

/** Nodes can be named, one at a time. */
function validateNodeField(
  { key, operator, values = [] }: NodeSelectorRequirement,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (operator !== "In" && operator !== "NotIn")
    errors.push(field.invalid(`${path}.operator`, operator, "not a valid selector operator"));
  else if (values.length !== 1) {
    const rule = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
    errors.push(field.required(`${path}.values`, rule));
  }
  if (key !== "metadata.name")
    return [...errors, field.invalid(`${path}.key`, key, "not a valid field selector key")];
  return [
    ...errors,
    ...values.flatMap((value, j) =>
      complaints(`${path}.values[${j}]`, value, nameIsDnsSubdomain(value, false)),
    ),
  ];
}

function validateNodeValues({ operator, values = [] }: NodeSelectorRequirement, path: string): FieldError[] {
  const at = `${path}.values`;
  switch (operator) {
    case "In":
    case "NotIn":
      if (values.length > 0) return [];
      return [field.required(at, "must be specified when `operator` is 'In' or 'NotIn'")];
    case "Exists":
    case "DoesNotExist":
      if (values.length === 0) return [];
      return [field.forbidden(at, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")];
    case "Gt":
    case "Lt":
      if (values.length === 1) return [];
      return [field.required(at, "must be specified single value when `operator` is 'Lt' or 'Gt'")];
    default:
      return [field.invalid(`${path}.operator`, operator, "not a valid selector operator")];
  }
}

function validatePodAffinity(affinity: PodAffinity | undefined, path: string): FieldError[] {
  const needed = (affinity?.[required] ?? []).flatMap((term, i) =>
    validatePodTerm(term, `${path}.${required}[${i}]`),
  );
  const wished = (affinity?.[preferred] ?? []).flatMap(({ weight, podAffinityTerm }, i) => {
    const at = `${path}.${preferred}[${i}]`;
    return [
      ...validateWeight(weight, `${at}.weight`),
      ...validatePodTerm(podAffinityTerm, `${at}.podAffinityTerm`),
    ];
  });
  return [...needed, ...wished];
}

function validatePodTerm(term: PodAffinityTerm, path: string): FieldError[] {
  const { topologyKey = "" } = term;
  const errors = [
    ...validateLabelSelector(term.labelSelector, `${path}.labelSelector`),
    ...validateLabelSelector(term.namespaceSelector, `${path}.namespaceSelector`),
  ];
  for (const name of term.namespaces ?? []) {
    errors.push(...complaints(`${path}.namespace`, name, dns1123LabelErrors(name)));
  }
  errors.push(...validateLabelKeys(term, path));
  if (topologyKey === "") errors.push(field.required(`${path}.topologyKey`, "can not be empty"));
  return [...errors, ...complaints(`${path}.topologyKey`, topologyKey, qualifiedNameErrors(topologyKey))];
}
