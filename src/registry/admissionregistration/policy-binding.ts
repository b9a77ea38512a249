import {
  dns1123SubdomainErrors,
  type FieldError,
  field,
  goLabelSelector,
  type KubeObject,
  type LabelSelector,
  pathSegmentErrors,
  validateLabelSelector,
} from "../../apimachinery/index.ts";
import { countWanted } from "../rules/replicas.ts";
import type { Strategy } from "../strategy.ts";
import { age, nameOf } from "../tables/cells.ts";
import { type MatchResources, validateMatchResources } from "./match-resources.ts";

/** admissionregistration.k8s.io/v1 ValidatingAdmissionPolicyBinding. */
interface PolicyBinding extends KubeObject {
  spec: {
    policyName?: string;
    paramRef?: ParamRef;
    matchResources?: MatchResources;
    validationActions?: string[];
  };
}

interface ParamRef {
  name?: string;
  namespace?: string;
  selector?: LabelSelector;
  parameterNotFoundAction?: string;
}

const actions = ["Audit", "Deny", "Warn"];
const notFoundActions = ["Deny", "Allow"];

export const policyBindingStrategy: Strategy<PolicyBinding> = {
  namespaced: false,
  metadataOnUpdate: ["object"],
  anyFinalizer: true,
  allowUnconditionalUpdate: false,
  prepareForCreate: (binding) => {
    binding.metadata.generation = 1;
    return binding;
  },
  prepareForUpdate: (next, old) => countWanted(next, old),
  validate: (binding) => validate(binding),
  validateUpdate: (next) => validate(next),
  tableRow: (binding, now) => [
    nameOf(binding),
    binding.spec.policyName ?? "",
    paramCell(binding.spec.paramRef),
    age(binding, now),
  ],
};

function paramCell(ref: ParamRef | undefined): string {
  if (ref === undefined) return "<unset>";
  if (ref.name) return `${ref.namespace || "*"}/${ref.name}`;
  return ref.selector === undefined ? "<unset>" : goLabelSelector(ref.selector);
}

function validate({ spec }: PolicyBinding): FieldError[] {
  const errors: FieldError[] = [];
  const { policyName = "", paramRef, matchResources } = spec;
  if (policyName === "") errors.push(field.required("spec.policyName", ""));
  else {
    for (const text of dns1123SubdomainErrors(policyName)) {
      errors.push(field.invalid("spec.policyName", policyName, text));
    }
  }
  if (paramRef !== undefined) errors.push(...validateParamRef(paramRef, "spec.paramRef"));
  if (matchResources !== undefined) {
    errors.push(...validateMatchResources(matchResources, "spec.matchResources"));
  }
  return [...errors, ...validateActions(spec.validationActions ?? [], "spec.validationActions")];
}

function validateParamRef(ref: ParamRef, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { name = "", selector, parameterNotFoundAction: action = "" } = ref;
  const both = "name and selector are mutually exclusive";
  if (name !== "") {
    for (const text of pathSegmentErrors(name)) errors.push(field.invalid(`${path}.name`, name, text));
    if (selector !== undefined) errors.push(field.forbidden(`${path}.name`, both));
  }
  if (selector !== undefined) {
    errors.push(...validateLabelSelector(selector, `${path}.selector`));
    if (name !== "") errors.push(field.forbidden(`${path}.selector`, both));
  }
  if (name === "" && selector === undefined) {
    errors.push(field.required(path, "one of name or selector must be specified"));
  }
  const at = `${path}.parameterNotFoundAction`;
  if (action === "") errors.push(field.required(at, ""));
  else if (!notFoundActions.includes(action)) errors.push(field.notSupported(at, action, notFoundActions));
  return errors;
}

function validateActions(given: readonly string[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  given.forEach((action, i) => {
    if (!actions.includes(action)) errors.push(field.notSupported(`${path}[${i}]`, action, actions));
    if (seen.has(action)) errors.push(field.duplicate(`${path}[${i}]`, action));
    seen.add(action);
  });
  if (seen.has("Deny") && seen.has("Warn")) {
    const rule =
      "must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)";
    errors.push(field.invalid(path, given, rule));
  }
  if (seen.size === 0) errors.push(field.required(path, "at least one validation action is required"));
  return errors;
}
