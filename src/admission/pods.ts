import type { AdmissionRequest } from "./ports.ts";

/** Whether a request creates a Pod (or, with `updates`, changes one), and not through a subresource. */
export function concernsPod(request: AdmissionRequest, operations: { updates: boolean }): boolean {
  const { resource, subresource, operation } = request;
  if (resource.group !== "" || resource.resource !== "pods" || subresource !== "") return false;
  return operation === "CREATE" || (operations.updates && operation === "UPDATE");
}

/** A mirror of a pod that a node runs on its own account: nothing is added to it. */
export const mirrorAnnotation = "kubernetes.io/config.mirror";

// biome-ignore lint/suspicious/noExplicitAny: a pod's spec; the schema has checked its fields.
export type PodSpec = any;
