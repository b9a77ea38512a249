import { dns1123SubdomainErrors, type FieldError, field } from "../../apimachinery/index.ts";
import { complaints } from "../rules/values.ts";
import {
  validateConfigs,
  validateItems,
  validateLabelName,
  validateQualifiedName,
  validateSelectors,
  validateSet,
} from "./device-rules.ts";
import type { ClaimSpec, DeviceConstraint, DeviceRequest, ExactRequest } from "./types.ts";

const requestsMax = 32;
const alternativesMax = 8;
const constraintsMax = 32;

/** Names that a claim's parts may call its requests by: `gpu`, and `gpu/large` for one of several alternatives. */
export type RequestNames = ReadonlySet<string>;

export function requestNamesOf({ devices = {} }: ClaimSpec): RequestNames {
  const names = new Set<string>();
  for (const { name = "", firstAvailable = [] } of devices.requests ?? []) {
    names.add(name);
    for (const alternative of firstAvailable) names.add(`${name}/${alternative.name ?? ""}`);
  }
  return names;
}

export function validateClaimSpec(spec: ClaimSpec, path: string): FieldError[] {
  const { constraints = [], config = [] } = spec.devices ?? {};
  // A list without a default is null where it is left out.
  const requests = spec.devices?.requests ?? [];
  const names = requestNamesOf(spec);
  const at = `${path}.devices`;
  return [
    ...validateSet(requests, requestsMax, `${at}.requests`, ({ name = "" }) => name, validateRequest),
    ...validateItems(constraints, constraintsMax, `${at}.constraints`, (constraint, each) =>
      validateConstraint(constraint, names, each),
    ),
    ...validateConfigs(config, `${at}.config`, ({ requests: used = [] }, each) =>
      validateRequestRefs(used, names, `${each}.requests`),
    ),
  ];
}

const oneOfTwo = "exactly one of `exactly` or `firstAvailable` is required";

function validateRequest(request: DeviceRequest, path: string): FieldError[] {
  const { name = "", exactly, firstAvailable = [] } = request;
  const errors = validateLabelName(name, `${path}.name`);
  const several = firstAvailable.length > 0;
  if (exactly === undefined && !several) return [...errors, field.required(path, oneOfTwo)];
  if (exactly !== undefined && several) {
    return [...errors, field.invalid(path, null, `${oneOfTwo}, but multiple fields are set`)];
  }
  if (exactly !== undefined) return [...errors, ...validateWanted(exactly, `${path}.exactly`)];
  const at = `${path}.firstAvailable`;
  return [
    ...errors,
    ...validateSet(
      firstAvailable,
      alternativesMax,
      at,
      (each) => each.name ?? "",
      (each, one) => [...validateLabelName(each.name ?? "", `${one}.name`), ...validateWanted(each, one)],
    ),
  ];
}

function validateWanted(wanted: ExactRequest, path: string): FieldError[] {
  const { deviceClassName = "", selectors = [], allocationMode = "", count = 0 } = wanted;
  const at = `${path}.deviceClassName`;
  const errors =
    deviceClassName === ""
      ? [field.required(at, "")]
      : complaints(at, deviceClassName, dns1123SubdomainErrors(deviceClassName));
  errors.push(...validateSelectors(selectors, `${path}.selectors`));
  switch (allocationMode) {
    case "All":
      if (count === 0) return errors;
      return [
        ...errors,
        field.invalid(`${path}.count`, count, "must not be specified when allocationMode is 'All'"),
      ];
    case "ExactCount":
      if (count > 0) return errors;
      return [...errors, field.invalid(`${path}.count`, count, "must be greater than zero")];
    default:
      return [...errors, field.notSupported(`${path}.allocationMode`, allocationMode, ["All", "ExactCount"])];
  }
}

function validateConstraint(
  { requests = [], matchAttribute }: DeviceConstraint,
  names: RequestNames,
  path: string,
): FieldError[] {
  const errors = validateRequestRefs(requests, names, `${path}.requests`);
  const at = `${path}.matchAttribute`;
  if (matchAttribute === undefined) return [...errors, field.required(at, "")];
  errors.push(...validateQualifiedName(matchAttribute, at));
  if (!matchAttribute.includes("/")) {
    const rule = "a fully qualified name must be a domain and a name separated by a slash";
    errors.push(field.invalid(at, matchAttribute, rule));
  }
  return errors;
}

export function validateRequestRefs(
  refs: readonly string[],
  names: RequestNames,
  path: string,
): FieldError[] {
  return validateSet(refs, requestsMax, path, String, (ref, at) => validateRequestRef(ref, names, at));
}

const noSuchRequest =
  "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";

export function validateRequestRef(ref: string, names: RequestNames, path: string): FieldError[] {
  const parts = ref.split("/");
  if (parts.length > 2) return [field.invalid(path, ref, noSuchRequest)];
  const errors = parts.flatMap((part) => validateLabelName(part, path));
  return names.has(ref) ? errors : [...errors, field.invalid(path, ref, noSuchRequest)];
}
