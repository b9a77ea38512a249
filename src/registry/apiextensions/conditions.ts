import { type FieldError, field } from "../../apimachinery/index.ts";
import { approvalOf, isProtectedGroup } from "./approval.ts";
import { hasBadBundle } from "./conversion-rules.ts";
import { structuralProblems } from "./structural-rules.ts";
import { type CustomResourceDefinition, condition, type DefinitionCondition } from "./types.ts";

type NextCondition = Omit<DefinitionCondition, "lastTransitionTime">;

const approvalReasons = {
  approved: "ApprovedAnnotation",
  bypassed: "UnapprovedAnnotation",
  missing: "MissingAnnotation",
  invalid: "InvalidAnnotation",
} as const;

/** Of a CRD whose names are accepted and that is not established yet. */
export function establishedCondition({ spec }: CustomResourceDefinition): NextCondition {
  return hasBadBundle(spec.conversion)
    ? {
        type: "Established",
        status: "False",
        reason: "InvalidCABundle",
        message: "The conversion webhook CABundle is invalid",
      }
    : {
        type: "Established",
        status: "True",
        reason: "InitialNamesAccepted",
        message: "the initial names have been accepted",
      };
}

/** Of a CRD in a group of the Kubernetes community: whether somebody there approved it. */
export function approvalCondition(definition: CustomResourceDefinition): NextCondition | undefined {
  if (!isProtectedGroup(definition.spec.group)) return undefined;
  const { state, reason } = approvalOf(definition);
  return {
    type: "KubernetesAPIApprovalPolicyConformant",
    status: state === "approved" ? "True" : "False",
    reason: approvalReasons[state],
    message: reason,
  };
}

/** Of a CRD that came into the store when schemas need not be structural yet; new ones are refused. */
export function structureCondition(definition: CustomResourceDefinition): NextCondition | undefined {
  const problems: FieldError[] = definition.spec.versions.flatMap(({ schema }, index) =>
    schema?.openAPIV3Schema === undefined
      ? []
      : structuralProblems(schema.openAPIV3Schema, `spec.versions[${index}].schema.openAPIV3Schema`),
  );
  if (definition.spec.preserveUnknownFields === true)
    problems.unshift(field.invalid("spec.preserveUnknownFields", true, "must be false"));
  if (problems.length === 0) {
    if (condition(definition, "NonStructuralSchema") === undefined) return undefined;
    return { type: "NonStructuralSchema", status: "False", reason: "NoViolations", message: "" };
  }
  return {
    type: "NonStructuralSchema",
    status: "True",
    reason: "Violations",
    message: field.aggregateMessages(problems.map(field.fieldErrorText)),
  };
}
