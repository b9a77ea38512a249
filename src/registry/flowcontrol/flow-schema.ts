import { deepEqual, dns1123SubdomainErrors, type FieldError, field } from "../../apimachinery/index.ts";
import { complaints } from "../rules/values.ts";
import type { Strategy } from "../strategy.ts";
import { age, nameOf, none } from "../tables/cells.ts";
import { mandatoryFlowSchemas } from "./bootstrap.ts";
import { validateFlowRules } from "./flow-rules.ts";
import { keptRules } from "./kept-rules.ts";
import { type FlowSchema, validateFlowStatus } from "./types.ts";

const precedenceMax = 10_000;
const distinguisherMethods = ["ByNamespace", "ByUser"];

/**
 * Which requests belong to which priority level. Answers name both; how many requests run at once, this server bounds for all of them
 * together, and for none apart.
 */
export const flowSchemaStrategy: Strategy<FlowSchema> = {
  namespaced: false,
  metadataOnUpdate: ["object"],
  ...keptRules(),
  validate,
  validateUpdate: (next) => validate(next),
  tableRow: (schema, now) => {
    const { priorityLevelConfiguration, matchingPrecedence = 0, distinguisherMethod } = schema.spec;
    const dangling = schema.status?.conditions?.find(({ type }) => type === "Dangling");
    return [
      nameOf(schema),
      priorityLevelConfiguration?.name ?? "",
      matchingPrecedence,
      distinguisherMethod?.type ?? none,
      age(schema, now),
      dangling?.status ?? "?",
    ];
  },
  // As requests meet them.
  tableOrder: (a, b) =>
    (a.spec.matchingPrecedence ?? 0) - (b.spec.matchingPrecedence ?? 0) || (nameOf(a) < nameOf(b) ? -1 : 1),
};

function validate(schema: FlowSchema): FieldError[] {
  const name = nameOf(schema);
  const errors = validateSpec(name, schema.spec);
  const mandatory = mandatoryFlowSchemas.find(({ metadata }) => metadata.name === name);
  if (mandatory !== undefined && !deepEqual(schema.spec, mandatory.spec)) {
    errors.push(field.invalid("spec", schema.spec, `spec of '${name}' must equal the fixed value`));
  }
  return [...errors, ...validateFlowStatus(schema)];
}

function validateSpec(name: string, spec: FlowSchema["spec"]): FieldError[] {
  const { matchingPrecedence = 0, distinguisherMethod, priorityLevelConfiguration, rules = [] } = spec;
  const errors: FieldError[] = [];
  const precedence = (rule: string) =>
    errors.push(field.invalid("spec.matchingPrecedence", matchingPrecedence, rule));
  if (matchingPrecedence <= 0) precedence("must be a positive value");
  if (matchingPrecedence > precedenceMax) precedence(`must not be greater than ${precedenceMax}`);
  if (matchingPrecedence === 1 && name !== "exempt") {
    precedence("only the schema named 'exempt' may have matchingPrecedence 1");
  }
  if (distinguisherMethod !== undefined && !distinguisherMethods.includes(distinguisherMethod.type ?? "")) {
    // Upstream prints its internal form.
    const shown = { Type: distinguisherMethod.type ?? "" };
    errors.push(field.notSupported("spec.distinguisherMethod.type", shown, distinguisherMethods));
  }
  const level = priorityLevelConfiguration?.name ?? "";
  const at = "spec.priorityLevelConfiguration.name";
  if (level === "") errors.push(field.required(at, "must reference a priority level"));
  else errors.push(...complaints(at, level, dns1123SubdomainErrors(level)));
  return [...errors, ...rules.flatMap((rule, i) => validateFlowRules(rule, `spec.rules[${i}]`))];
}
