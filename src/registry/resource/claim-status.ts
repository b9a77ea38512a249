import {
  deepEqual,
  type FieldError,
  field,
  formatIp,
  type IpAddress,
  parseCidr,
  parseIp,
} from "../../apimachinery/index.ts";
import { validateNodeSelector } from "../core/pod/scheduling.ts";
import { validateDriverName } from "../core/volume/driver-rules.ts";
import { validateConditions } from "../rules/conditions.ts";
import { fieldIsImmutable, oneOf } from "../rules/values.ts";
import { type RequestNames, requestNamesOf, validateRequestRef, validateRequestRefs } from "./claim-spec.ts";
import {
  validateConfigs,
  validateItems,
  validateLabelName,
  validatePool,
  validateRaw,
  validateSet,
} from "./device-rules.ts";
import type { AllocatedDevice, Allocation, ClaimStatus, DeviceId, ResourceClaim } from "./types.ts";

const consumersMax = 256;
const resultsMax = 32;
/** Those of the class and of the claim. */
const configsMax = 64;
const conditionsMax = 8;
const dataBytesMax = 10 * 1024;
const addressesMax = 16;

/** What was allocated, and for whom: written by a scheduler and the drivers. */
export function validateClaimStatus(next: ResourceClaim, old: ResourceClaim): FieldError[] {
  const { allocation, reservedFor = [], devices = [] } = next.status ?? {};
  const before = old.status ?? {};
  const allocated = new Set((allocation?.devices?.results ?? []).map(idOf));
  const errors = [
    ...validateSet(reservedFor, consumersMax, "status.reservedFor", ({ uid = "" }) => uid, validateConsumer),
    ...validateSet(devices, Number.POSITIVE_INFINITY, "status.devices", idOf, (device, at) =>
      validateDevice(device, allocated, at),
    ),
  ];
  if (reservedFor.length > 0) errors.push(...validateReservation(next, before));
  if (allocation === undefined) return errors;
  if (before.allocation === undefined) {
    return [...errors, ...validateAllocation(allocation, requestNamesOf(next.spec), "status.allocation")];
  }
  if (deepEqual(allocation, before.allocation)) return errors;
  return [...errors, field.invalid("status.allocation", allocation, fieldIsImmutable)];
}

const idOf = ({ driver = "", pool = "", device = "" }: DeviceId): string => `${driver}/${pool}/${device}`;

function validateReservation({ metadata, status = {} }: ResourceClaim, old: ClaimStatus): FieldError[] {
  const path = "status.reservedFor";
  if (status.allocation === undefined) {
    return [field.forbidden(path, "may not be specified when `allocated` is not set")];
  }
  if (metadata.deletionTimestamp === undefined) return [];
  const known = old.reservedFor ?? [];
  const added = (status.reservedFor ?? []).some((one) => !known.some((other) => deepEqual(one, other)));
  const rule = "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set";
  return added ? [field.forbidden(path, rule)] : [];
}

function validateConsumer(
  consumer: NonNullable<ClaimStatus["reservedFor"]>[number],
  path: string,
): FieldError[] {
  return (["resource", "name", "uid"] as const).flatMap((part) =>
    consumer[part] ? [] : [field.required(`${path}.${part}`, "")],
  );
}

function validateDevice(device: AllocatedDevice, allocated: ReadonlySet<string>, path: string): FieldError[] {
  const { conditions = [], data, networkData } = device;
  const errors = validateId(device, path);
  if (!allocated.has(idOf(device))) {
    errors.push(field.invalid(path, idOf(device), "must be an allocated device in the claim"));
  }
  if (conditions.length > conditionsMax) {
    errors.push(field.tooMany(`${path}.conditions`, conditions.length, conditionsMax));
  }
  errors.push(...validateConditions(conditions, `${path}.conditions`));
  if (data !== undefined) errors.push(...validateRaw(data, `${path}.data`, dataBytesMax));
  for (const [part, bytesMax] of [
    ["interfaceName", 256],
    ["hardwareAddress", 128],
  ] as const) {
    if (Buffer.byteLength(networkData?.[part] ?? "") > bytesMax) {
      errors.push(field.tooLong(`${path}.networkData.${part}`, bytesMax));
    }
  }
  const ips = networkData?.ips ?? [];
  return [
    ...errors,
    ...validateSet(ips, addressesMax, `${path}.networkData.ips`, (address) => address, validateAddress),
  ];
}

/** An address and the network that it is in. */
function validateAddress(text: string, path: string): FieldError[] {
  if (parseCidr(text) === undefined) {
    const rule = "must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)";
    return [field.invalid(path, text, rule)];
  }
  const [address = "", prefix = ""] = text.split("/");
  const canonical = `${formatIp(parseIp(address) as IpAddress)}/${prefix}`;
  return canonical === text ? [] : [field.invalid(path, text, `must be in canonical form ("${canonical}")`)];
}

function validateId({ driver = "", pool = "", device = "" }: DeviceId, path: string): FieldError[] {
  return [
    ...validateDriverName(driver, `${path}.driver`),
    ...validatePool(pool, `${path}.pool`),
    ...validateLabelName(device, `${path}.device`),
  ];
}

function validateAllocation(
  { devices = {}, nodeSelector }: Allocation,
  names: RequestNames,
  path: string,
): FieldError[] {
  const { results = [], config = [] } = devices;
  const sources = ["FromClaim", "FromClass"];
  return [
    ...validateItems(results, resultsMax, `${path}.devices.results`, (result, at) => [
      ...validateRequestRef(result.request ?? "", names, `${at}.request`),
      ...validateId(result, at),
    ]),
    ...validateConfigs(
      config,
      `${path}.devices.config`,
      ({ source, requests = [] }, at) => [
        ...oneOf(`${at}.source`, source, sources),
        ...validateRequestRefs(requests, names, `${at}.requests`),
      ],
      configsMax,
    ),
    ...(nodeSelector === undefined ? [] : validateNodeSelector(nodeSelector, `${path}.nodeSelector`)),
  ];
}
