import {
  compareQuantities,
  dns1123LabelErrors,
  type FieldError,
  field,
  parseQuantity,
  type Quantity,
} from "../../../apimachinery/index.ts";
import { podResources, writeResources } from "../../../quota/index.ts";
import {
  isCounted,
  mayOvercommit,
  validateContainerResourceName,
  validatePodResourceName,
} from "../../rules/resource-names.ts";
import { complaints, nonNegativeQuantity } from "../../rules/values.ts";
import type { Container, PodSpec, ResourceRequirements } from "./types.ts";

/** `claims`: names of the pod's resource claims. */
export function validateResources(
  resources: ResourceRequirements,
  path: string,
  claims: readonly string[],
): FieldError[] {
  return validateAmounts(resources, path, claims, validateContainerResourceName);
}

/** What the pod as a whole asks for, which its containers cannot exceed together. */
export function validatePodResources(spec: PodSpec, specPath: string): FieldError[] {
  if (spec.resources === undefined) return [];
  const path = `${specPath}.resources`;
  if (spec.os?.name === "windows") return [field.forbidden(path, "may not be set for a windows pod")];
  const claims = (spec.resourceClaims ?? []).map(({ name }) => name);
  const errors =
    spec.resources.claims === undefined
      ? []
      : [field.forbidden(`${path}.claims`, "claims may not be set for Resources at pod-level")];
  return [
    ...errors,
    ...validateAmounts(spec.resources, path, claims, validatePodResourceName),
    ...validateFits(spec, path),
  ];
}

type NameCheck = (name: string, path: string) => FieldError[];

function validateAmounts(
  { limits = {}, requests = {}, claims = [] }: ResourceRequirements,
  path: string,
  podClaims: readonly string[],
  checkName: NameCheck,
): FieldError[] {
  const errors: FieldError[] = [];
  for (const [name, amount] of Object.entries(limits)) {
    errors.push(...validateAmount(name, amount, `${path}.limits[${name}]`, checkName));
  }
  for (const [name, amount] of Object.entries(requests)) {
    errors.push(...validateAmount(name, amount, `${path}.requests[${name}]`, checkName));
    errors.push(...validateRequest(name, amount, limits[name], path));
  }
  const names = [...Object.keys(limits), ...Object.keys(requests)];
  if (names.some((name) => name.startsWith(hugePages)) && !names.includes("cpu") && !names.includes("memory"))
    errors.push(field.forbidden(path, "HugePages require cpu or memory"));
  return [...errors, ...validateClaims(claims, podClaims, `${path}.claims`)];
}

function validateAmount(name: string, amount: string, path: string, checkName: NameCheck): FieldError[] {
  const errors = [...checkName(name, path), ...nonNegativeQuantity(path, amount)];
  if (isCounted(name) && parseQuantity(amount).nano % 1_000_000_000n !== 0n)
    errors.push(field.invalid(path, amount, "must be an integer"));
  if (name.startsWith(hugePages) && !isWholePages(name, amount))
    errors.push(field.invalid(path, amount, `${amount} is not positive integer multiple of ${name}`));
  return errors;
}

const hugePages = "hugepages-";

function isWholePages(name: string, amount: string): boolean {
  try {
    const page = parseQuantity(name.slice(hugePages.length)).nano;
    return page > 0n && parseQuantity(amount).nano % page === 0n;
  } catch {
    // Its name does not say how large a page is.
    return false;
  }
}

type Claims = NonNullable<ResourceRequirements["claims"]>;

/** A claim is used as a whole once, or each of its requests once. */
function validateClaims(claims: Claims, podClaims: readonly string[], path: string): FieldError[] {
  const seen = new Set<string>();
  return claims.flatMap(({ name, request = "" }, i) => {
    const at = `${path}[${i}]`;
    if (name === "") return [field.required(at, "")];
    const errors: FieldError[] = [];
    if (seen.has(name)) errors.push(field.duplicate(at, name));
    else {
      const key = request === "" ? name : `${name}/${request}`;
      if (request !== "") errors.push(...complaints(`${at}.request`, request, dns1123LabelErrors(request)));
      if (seen.has(key)) errors.push(field.duplicate(at, key));
      else if (request === "") {
        const parts = [...seen].filter((other) => other.startsWith(`${name}/`));
        errors.push(...parts.map(() => field.duplicate(at, name)));
      }
      seen.add(key);
    }
    if (podClaims.includes(name)) return errors;
    const known = podClaims.filter((claim) => claim !== "");
    const listed = known.length === 0 ? " which is empty" : `: ${known.toSorted().join(", ")}`;
    const detail = `must be one of the names in pod.spec.resourceClaims${listed}`;
    return [...errors, { ...field.notFound(at, name), detail }];
  });
}

/** What the containers ask for together is within what the pod asks for; each container's limit is within the pod's. */
function validateFits(spec: PodSpec, path: string): FieldError[] {
  const { requests = {}, limits = {} } = spec.resources ?? {};
  const { containers, initContainers = [] } = spec;
  const total = writeResources(podResources({ containers, initContainers }, "requests", { overhead: false }));
  const exceeds = (amount: string, bound: string): boolean =>
    compareQuantities(parseQuantity(amount), parseQuantity(bound)) > 0;
  const errors = Object.entries(requests).flatMap(([name, amount]) => {
    const needed = total[name];
    if (needed === undefined || !exceeds(needed, amount)) return [];
    const rule = `must be greater than or equal to aggregate container requests of ${needed}`;
    return [field.invalid(`${path}.requests[${name}]`, amount, rule)];
  });
  const outOfLimit = (containers ?? []).flatMap(({ resources }, i) =>
    Object.entries(resources?.limits ?? {}).flatMap(([name, amount]) => {
      const limit = limits[name];
      if (limit === undefined || !exceeds(amount, limit)) return [];
      const rule = `must be less than or equal to pod limits of ${limit}`;
      return [field.invalid(`${path}.containers[${i}][${name}].limits`, amount, rule)];
    }),
  );
  return [...errors, ...outOfLimit];
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
  // What the pod says of itself counts, whatever its containers say.
  const containers: Pick<Container, "resources">[] =
    spec.resources !== undefined ? [spec] : [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
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
