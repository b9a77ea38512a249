import {
  deepEqual,
  dns1035LabelErrors,
  dns1123SubdomainErrors,
  type FieldError,
  field,
  type KubeObject,
  qualifiedNameErrors,
} from "../../apimachinery/index.ts";
import type { CelType } from "../../cel/index.ts";
import { validateConditions } from "../rules/conditions.ts";
import { countWanted } from "../rules/replicas.ts";
import { statusMetadata } from "../rules/status-metadata.ts";
import type { Strategy } from "../strategy.ts";
import { age, nameOf } from "../tables/cells.ts";
import { Expressions, type MatchCondition, validateMatchConditions } from "./expressions.ts";
import { type MatchResources, validateMatchResources } from "./match-resources.ts";

/** admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy. */
interface Policy extends KubeObject {
  spec: PolicySpec;
  status?: { conditions?: unknown[] };
}

interface PolicySpec {
  paramKind?: { apiVersion?: string; kind?: string };
  matchConstraints?: MatchResources;
  validations?: Validation[];
  failurePolicy?: string;
  auditAnnotations?: { key?: string; valueExpression?: string }[];
  matchConditions?: MatchCondition[];
  variables?: { name?: string; expression?: string }[];
}

interface Validation {
  expression?: string;
  message?: string;
  messageExpression?: string;
  reason?: string;
}

const failurePolicies = ["Fail", "Ignore"];
const reasons = ["Forbidden", "Invalid", "RequestEntityTooLarge"];
const auditAnnotationsMax = 20;
const annotationExpressionBytesMax = 5 * 1024;
const identifier = /^[_a-zA-Z][_a-zA-Z0-9]*$/;
const reserved: ReadonlySet<string> = new Set(
  (
    "true false null in as break const continue else for function if import let loop package namespace " +
    "return var void while"
  ).split(" "),
);

export function policyStrategy(): Strategy<Policy> {
  const expressions = new Expressions();
  const load = async (): Promise<undefined> => {
    await expressions.load();
    return undefined;
  };
  return {
    namespaced: false,
    metadataOnUpdate: ["object"],
    anyFinalizer: true,
    allowUnconditionalUpdate: false,
    prepareForCreate: (policy) => {
      policy.status = {};
      policy.metadata.generation = 1;
      return policy;
    },
    prepareForUpdate: (next, old) => {
      next.status = old.status ?? {};
      return countWanted(next, old);
    },
    beginCreate: load,
    beginUpdate: load,
    validate: (policy) => validate(policy, undefined, expressions),
    validateUpdate: (next, old) => validate(next, old, expressions),
    resetFields: [["status"]],
    status: {
      prepareForUpdate: (next, old) => ({ ...next, spec: old.spec, metadata: statusMetadata(next, old) }),
      validateUpdate: (next) => validateConditions(next.status?.conditions ?? [], "status.conditions"),
      allowUnconditionalUpdate: false,
      resetFields: [["metadata"], ["spec"]],
    },
    tableRow: (policy, now) => [
      nameOf(policy),
      policy.spec.validations?.length ?? 0,
      policy.spec.paramKind === undefined
        ? "<unset>"
        : `${policy.spec.paramKind.apiVersion}/${policy.spec.paramKind.kind}`,
      age(policy, now),
    ],
  };
}

function validate(policy: Policy, old: Policy | undefined, expressions: Expressions): FieldError[] {
  const { spec } = policy;
  const errors: FieldError[] = [];
  const { failurePolicy, paramKind, matchConstraints } = spec;
  if (failurePolicy === undefined) errors.push(field.required("spec.failurePolicy", ""));
  else if (!failurePolicies.includes(failurePolicy)) {
    errors.push(field.notSupported("spec.failurePolicy", failurePolicy, failurePolicies));
  }
  if (paramKind !== undefined) errors.push(...validateParamKind(paramKind, "spec.paramKind"));
  if (matchConstraints === undefined) errors.push(field.required("spec.matchConstraints", ""));
  else {
    errors.push(...validateMatchResources(matchConstraints, "spec.matchConstraints"));
    if ((matchConstraints.resourceRules ?? []).length === 0) {
      errors.push(field.required("spec.matchConstraints.resourceRules", ""));
    }
  }
  const params = paramKind !== undefined;
  if (old === undefined || !deepEqual(spec.matchConditions, old.spec.matchConditions)) {
    const conditions = spec.matchConditions ?? [];
    errors.push(...validateMatchConditions(conditions, "spec.matchConditions", { expressions, params }));
  }
  return [...errors, ...new PolicyExpressions(policy, expressions, params).validate()];
}

/** Variables see those above them; validations and annotations see all. */
class PolicyExpressions {
  readonly #policy: Policy;
  readonly #expressions: Expressions;
  readonly #params: boolean;
  #variables: Readonly<Record<string, CelType>> | undefined;

  constructor(policy: Policy, expressions: Expressions, params: boolean) {
    this.#policy = policy;
    this.#expressions = expressions;
    this.#params = params;
  }

  validate(): FieldError[] {
    const { variables = [], validations = [], auditAnnotations = [] } = this.#policy.spec;
    const errors = variables.flatMap((variable, i) => this.#variable(variable, `spec.variables[${i}]`));
    if (validations.length === 0 && auditAnnotations.length === 0) {
      const rule = "validations or auditAnnotations must contain at least one item";
      errors.push(field.required("spec.validations", rule), field.required("spec.auditAnnotations", rule));
      return errors;
    }
    validations.forEach((validation, i) => {
      errors.push(...this.#validation(validation, `spec.validations[${i}]`));
    });
    if (auditAnnotations.length > auditAnnotationsMax) {
      const rule = `must not have more than ${auditAnnotationsMax} auditAnnotations`;
      errors.push(field.invalid("spec.auditAnnotations", auditAnnotations, rule));
    }
    const keys = new Set<string>();
    auditAnnotations.forEach((annotation, i) => {
      const path = `spec.auditAnnotations[${i}]`;
      const { key = "" } = annotation;
      errors.push(...this.#annotation(annotation, path));
      if (keys.has(key)) errors.push(field.duplicate(`${path}.key`, key));
      keys.add(key);
    });
    return errors;
  }

  #names(authorizer: boolean) {
    const variables = this.#variables;
    return { params: this.#params, authorizer, ...(variables === undefined ? {} : { variables }) };
  }

  #variable(
    { name = "", expression = "" }: { name?: string; expression?: string },
    path: string,
  ): FieldError[] {
    const errors: FieldError[] = [];
    if (name.trim() === "") errors.push(field.required(`${path}.name`, "name is not specified"));
    else if (!identifier.test(name) || reserved.has(name)) {
      errors.push(field.invalid(`${path}.name`, name, "must be a valid CEL identifier"));
    }
    this.#variables ??= {};
    if (expression.trim() === "") {
      return [...errors, field.required(`${path}.expression`, "expression is not specified")];
    }
    const checked = this.#expressions.check(expression, this.#names(true), []);
    if ("problem" in checked) {
      // Of what is not known nothing more is told.
      this.#variables = { ...this.#variables, [name]: this.#expressions.types.dyn };
      return [...errors, field.invalid(`${path}.expression`, expression, checked.problem)];
    }
    this.#variables = { ...this.#variables, [name]: checked.type };
    return errors;
  }

  #validation(validation: Validation, path: string): FieldError[] {
    const { expression = "", message = "", messageExpression = "", reason } = validation;
    const { bool, string } = this.#expressions.types;
    const errors: FieldError[] = [];
    if (expression.trim() === "") {
      errors.push(field.required(`${path}.expression`, "expression is not specified"));
    } else {
      errors.push(...this.#expressions.errors(`${path}.expression`, expression, this.#names(true), [bool]));
    }
    const at = `${path}.messageExpression`;
    if (messageExpression !== "" && messageExpression.trim() === "") {
      errors.push(field.invalid(at, messageExpression, "must be non-empty if specified"));
    } else if (messageExpression !== "") {
      errors.push(...this.#expressions.errors(at, messageExpression, this.#names(false), [string]));
    }
    if (message !== "" && message.trim() === "") {
      errors.push(field.invalid(`${path}.message`, message, "must be non-empty if specified"));
    } else if (/[\n\r]/.test(message.trim())) {
      errors.push(field.invalid(`${path}.message`, message, "must not contain line breaks"));
    }
    if (reason !== undefined && !reasons.includes(reason)) {
      errors.push(field.notSupported(`${path}.reason`, reason, reasons));
    }
    return errors;
  }

  #annotation(
    { key = "", valueExpression = "" }: { key?: string; valueExpression?: string },
    path: string,
  ): FieldError[] {
    const errors: FieldError[] = [];
    const { name = "" } = this.#policy.metadata;
    if (name === "") {
      errors.push(field.invalid(`${path}.key`, key, "requires metadata.name be non-empty"));
    } else {
      const qualified = `${name}/${key}`;
      for (const text of qualifiedNameErrors(qualified)) {
        errors.push(field.invalid(`${path}.key`, qualified, text));
      }
    }
    const at = `${path}.valueExpression`;
    const trimmed = valueExpression.trim();
    if (trimmed === "") return [...errors, field.required(at, "valueExpression is not specified")];
    if (Buffer.byteLength(trimmed) > annotationExpressionBytesMax) {
      const rule = `must not exceed ${annotationExpressionBytesMax} bytes in length`;
      return [...errors, field.required(at, rule)];
    }
    const { string, null: nothing } = this.#expressions.types;
    return [...errors, ...this.#expressions.errors(at, trimmed, this.#names(true), [string, nothing])];
  }
}

function validateParamKind(
  { apiVersion = "", kind = "" }: NonNullable<PolicySpec["paramKind"]>,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  const at = `${path}.apiVersion`;
  const parts = apiVersion === "/" ? ["", ""] : apiVersion.split("/");
  if (apiVersion === "") errors.push(field.required(at, ""));
  else if (parts.length > 2) {
    errors.push(field.invalid(at, apiVersion, `unexpected GroupVersion string: ${apiVersion}`));
  } else {
    const version = parts.at(-1) ?? "";
    const group = parts.length === 2 ? (parts[0] ?? "") : "";
    const groupProblems = group === "" ? [] : dns1123SubdomainErrors(group);
    if (groupProblems.length > 0) errors.push(field.invalid(at, group, groupProblems.join(",")));
    const versionProblems = dns1035LabelErrors(version);
    if (version === "") errors.push(field.invalid(at, apiVersion, "version must be specified"));
    else if (versionProblems.length > 0) errors.push(field.invalid(at, version, versionProblems.join(",")));
  }
  const kindProblems = dns1035LabelErrors(kind.toLowerCase());
  if (kind === "") errors.push(field.required(`${path}.kind`, ""));
  else if (kindProblems.length > 0) {
    const rule = `may have mixed case, but should otherwise match: ${kindProblems.join(",")}`;
    errors.push(field.invalid(`${path}.kind`, kind, rule));
  }
  return errors;
}
