import { type FieldError, field } from "../../apimachinery/index.ts";
import type { CustomResourceDefinition } from "./types.ts";

const annotation = "api-approved.kubernetes.io";
const review = "see https://github.com/kubernetes/enhancements/pull/1111";

export interface Approval {
  readonly state: "approved" | "bypassed" | "missing" | "invalid";
  /** As it is told in errors and conditions. */
  readonly reason: string;
}

/** Groups of the Kubernetes community: whoever defines a kind there says where it was approved. */
export function isProtectedGroup(group: string): boolean {
  return ["k8s.io", "kubernetes.io"].some((domain) => group === domain || group.endsWith(`.${domain}`));
}

export function approvalOf({ metadata }: CustomResourceDefinition): Approval {
  const text = metadata.annotations?.[annotation] ?? "";
  const wanted = `protected groups must have approval annotation ${JSON.stringify(annotation)}`;
  if (text === "") return { state: "missing", reason: `${wanted}, ${review}` };
  if (text.startsWith("unapproved"))
    return { state: "bypassed", reason: `not approved: ${JSON.stringify(text)}` };
  if (/^[a-z][a-z0-9+.-]*:\/\/[^/]/i.test(text) && URL.canParse(text))
    return { state: "approved", reason: `approved in ${text}` };
  return {
    state: "invalid",
    reason: `${wanted} with either a URL or a reason starting with "unapproved", ${review}`,
  };
}

/** A state that an update leaves as it was is let be. */
export function approvalProblems(
  definition: CustomResourceDefinition,
  old: CustomResourceDefinition | undefined,
): FieldError[] {
  if (!isProtectedGroup(definition.spec.group ?? "")) return [];
  const { state, reason } = approvalOf(definition);
  if (old !== undefined && approvalOf(old).state === state) return [];
  const path = `metadata.annotations[${annotation}]`;
  if (state === "missing") return [field.required(path, reason)];
  if (state === "invalid")
    return [field.invalid(path, definition.metadata.annotations?.[annotation], reason)];
  return [];
}
