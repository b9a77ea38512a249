import {
  compareQuantities,
  type FieldError,
  field,
  parseQuantity,
  type Quantity,
} from "../../../apimachinery/index.ts";
import { mayOvercommit, validateContainerResourceName } from "../../rules/resource-names.ts";
import { nonNegativeQuantity } from "../../rules/values.ts";
import type { Container, PodSpec, ResourceRequirements } from "./types.ts";

export function validateResources(
  { limits = {}, requests = {} }: ResourceRequirements,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  for (const [name, amount] of Object.entries(limits)) {
    errors.push(...validateAmount(name, amount, `${path}.limits[${name}]`));
  }
  for (const [name, amount] of Object.entries(requests)) {
    errors.push(...validateAmount(name, amount, `${path}.requests[${name}]`));
    errors.push(...validateRequest(name, amount, limits[name], path));
  }
  return errors;
}

function validateAmount(name: string, amount: string, path: string): FieldError[] {
  return [...validateContainerResourceName(name, path), ...nonNegativeQuantity(path, amount)];
}

function validateRequest(
  name: string,
  amount: string,
  limit: string | undefined,
  path: string,
): FieldError[] {
  const requests = `${path}.requests`;
  if (limit === undefined) {
    if (mayOvercommit(name)) return [];
    return [field.required(`${path}.limits`, "Limit must be set for non overcommitable resources")];
  }
  const order = compareQuantities(parseQuantity(amount), parseQuantity(limit));
  if (order !== 0 && !mayOvercommit(name)) {
    return [field.invalid(requests, amount, `must be equal to ${name} limit of ${limit}`)];
  }
  if (order > 0)
    return [field.invalid(requests, amount, `must be less than or equal to ${name} limit of ${limit}`)];
  return [];
}

export type QosClass = "BestEffort" | "Burstable" | "Guaranteed";

/**
 * How well a pod is treated when a node runs out of memory
 * (https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/): Guaranteed asks for exactly what it is limited to, everywhere.
 */
export function qosClassOf(spec: PodSpec): QosClass {
  const containers: Container[] = [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
  let isGuaranteed = true;
  let asksForAnything = false;
  for (const { resources } of containers) {
    for (const name of ["cpu", "memory"]) {
      const limit = amountOf(resources?.limits?.[name]);
      const request = amountOf(resources?.requests?.[name]);
      if (limit !== undefined || request !== undefined) asksForAnything = true;
      if (limit === undefined || request === undefined || compareQuantities(limit, request) !== 0)
        isGuaranteed = false;
    }
  }
  if (!asksForAnything) return "BestEffort";
  return isGuaranteed ? "Guaranteed" : "Burstable";
}

/** Undefined for nothing asked, which zero means too. */
function amountOf(text: string | undefined): Quantity | undefined {
  if (text === undefined) return undefined;
  const quantity = parseQuantity(text);
  return quantity.nano === 0n ? undefined : quantity;
}
