import {
  deepEqual,
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  type FieldError,
  field,
  ipErrors,
  type KubeObject,
  labelValueErrors,
  parseIp,
  qualifiedNameErrors,
} from "../../apimachinery/index.ts";
import { validateNonSpecialIp } from "../rules/ip.ts";
import { complaints, immutable, oneOf, protocols } from "../rules/values.ts";
import { ofAnyKind, type StrategySource } from "../strategies.ts";
import { age, nameOf } from "../tables/cells.ts";

interface Endpoint {
  addresses?: string[] | null;
  deprecatedTopology?: Record<string, string>;
  hints?: { forZones?: { name?: string }[]; forNodes?: { name?: string }[] };
  hostname?: string;
  nodeName?: string;
}

interface EndpointPort {
  name?: string;
  protocol?: string;
  port?: number;
  appProtocol?: string;
}

interface EndpointSlice extends KubeObject {
  addressType?: string;
  endpoints?: Endpoint[] | null;
  ports?: EndpointPort[] | null;
}

const hostnameLabel = "kubernetes.io/hostname";
const addressTypes = ["FQDN", "IPv4", "IPv6"];
const endpointsMax = 1_000;
const addressesMax = 100;
const portsMax = 20_000;
/** Shown in a Table cell before "+ N more...". */
const shownMax = 3;

export const endpointSliceStrategy: StrategySource = ({ flags: { localPodCidr } }) =>
  ofAnyKind<EndpointSlice>({
    namespaced: true,
    metadataOnUpdate: ["object"],
    prepareForCreate: (slice) => {
      dropTopology(slice);
      slice.metadata.generation = 1;
      return slice;
    },
    prepareForUpdate: (next, old) => {
      const { metadata, ...content } = next;
      const { metadata: oldMetadata, ...oldContent } = old;
      const changed =
        !deepEqual(content, oldContent) || !deepEqual(metadata.labels ?? {}, oldMetadata.labels ?? {});
      metadata.generation = (oldMetadata.generation ?? 0) + (changed ? 1 : 0);
      if (!deepEqual(next.endpoints ?? [], old.endpoints ?? [])) dropTopology(next, old);
      return next;
    },
    validate: (slice) => validateSlice(slice, localPodCidr),
    validateUpdate: (next, old) => [
      ...validateSlice(next, localPodCidr),
      ...immutable("addressType", next.addressType, old.addressType),
    ],
    warnings: deprecations,
    warningsOnUpdate: deprecations,
    tableRow: (slice, now) => [
      nameOf(slice),
      slice.addressType ?? "",
      shortList((slice.ports ?? []).map(({ port }) => (port === undefined ? "*" : String(port)))),
      shortList((slice.endpoints ?? []).flatMap(({ addresses }) => addresses ?? [])),
      age(slice, now),
    ],
  });

function deprecations({ addressType }: EndpointSlice): string[] {
  return addressType === "FQDN" ? ["spec.addressType: FQDN endpoints are deprecated"] : [];
}

function validateSlice(slice: EndpointSlice, localPodCidr: string | undefined): FieldError[] {
  const addressType = slice.addressType ?? "";
  return [
    ...oneOf("addressType", addressType, addressTypes),
    ...validatePorts(slice.ports ?? []),
    ...validateEndpoints(slice.endpoints ?? [], addressType, localPodCidr),
  ];
}

function validateEndpoints(
  endpoints: readonly Endpoint[],
  addressType: string,
  localPodCidr: string | undefined,
): FieldError[] {
  if (endpoints.length > endpointsMax) return [field.tooMany("endpoints", endpoints.length, endpointsMax)];
  return endpoints.flatMap((endpoint, i) => {
    const path = `endpoints[${i}]`;
    const { addresses, nodeName, hostname } = endpoint;
    const errors = validateAddresses(addresses ?? [], {
      addressType,
      path: `${path}.addresses`,
      localPodCidr,
    });
    if (nodeName !== undefined) {
      errors.push(...complaints(`${path}.nodeName`, nodeName, dns1123SubdomainErrors(nodeName)));
    }
    if (hostname !== undefined)
      errors.push(...complaints(`${path}.hostname`, hostname, dns1123LabelErrors(hostname)));
    errors.push(...validateHints(endpoint, `${path}.hints`));
    return errors;
  });
}

const hintsMax = 8;

/** For whom an endpoint is meant: each zone and each node once. */
function validateHints({ hints = {} }: Endpoint, path: string): FieldError[] {
  const check = (list: "forZones" | "forNodes", nameErrors: (name: string) => string[]): FieldError[] => {
    const targets = hints[list] ?? [];
    if (targets.length > hintsMax) return [field.tooMany(`${path}.${list}`, targets.length, hintsMax)];
    const seen = new Set<string>();
    return targets.flatMap(({ name = "" }, i) => {
      const at = `${path}.${list}[${i}].name`;
      const errors = seen.has(name) ? [field.duplicate(at, name)] : [];
      seen.add(name);
      return [...errors, ...complaints(at, name, nameErrors(name))];
    });
  };
  return [...check("forZones", labelValueErrors), ...check("forNodes", dns1123SubdomainErrors)];
}

/** Written by clients of v1beta1 only. */
/** Where the endpoint is has fields of its own; what says so in the former way is taken as the node only where `old` said so too. */
function dropTopology(slice: EndpointSlice, old?: EndpointSlice): void {
  const known = new Set(
    (old?.endpoints ?? []).map(({ deprecatedTopology }) => deprecatedTopology?.[hostnameLabel]),
  );
  for (const endpoint of slice.endpoints ?? []) {
    const node = endpoint.deprecatedTopology?.[hostnameLabel];
    const isNode = node !== undefined && known.has(node) && dns1123SubdomainErrors(node).length === 0;
    if (endpoint.nodeName === undefined && isNode) endpoint.nodeName = node;
    delete endpoint.deprecatedTopology;
  }
}

function validateAddresses(
  addresses: readonly string[],
  options: { addressType: string; path: string; localPodCidr: string | undefined },
): FieldError[] {
  const { addressType, path, localPodCidr } = options;
  if (addresses.length === 0) return [field.required(path, "must contain at least 1 address")];
  if (addresses.length > addressesMax) return [field.tooMany(path, addresses.length, addressesMax)];
  return addresses.flatMap((address, i) => {
    const at = `${path}[${i}]`;
    if (addressType === "FQDN") return validateFqdn(address, at);
    if (addressType !== "IPv4" && addressType !== "IPv6") return [];
    const errors = complaints(at, address, ipErrors(address));
    const family = parseIp(address)?.family;
    if (family !== undefined && `IPv${family}` !== addressType) {
      errors.push(field.invalid(path, address, `must be an ${addressType} address`));
    }
    if (family === undefined) return errors;
    return [...errors, ...validateNonSpecialIp(at, address, localPodCidr)];
  });
}

function validateFqdn(address: string, path: string): FieldError[] {
  if (address === "") return [field.required(path, "")];
  const name = address.replace(/\.$/, "");
  const errors = complaints(path, name, dns1123SubdomainErrors(name));
  if (errors.length > 0) return errors;
  if (name.split(".").length >= 2) return [];
  return [field.invalid(path, name, "should be a domain with at least two segments separated by dots")];
}

function validatePorts(ports: readonly EndpointPort[]): FieldError[] {
  if (ports.length > portsMax) return [field.tooMany("ports", ports.length, portsMax)];
  const names = new Set<string>();
  return ports.flatMap(({ name = "", protocol, appProtocol }, i) => {
    const path = `ports[${i}]`;
    const errors: FieldError[] = [];
    if (name !== "") errors.push(...complaints(`${path}.name`, name, dns1123LabelErrors(name)));
    if (names.has(name)) errors.push(field.duplicate(`${path}.name`, name));
    names.add(name);
    if (protocol === undefined) errors.push(field.required(`${path}.protocol`, ""));
    else if (!protocols.some((known) => known === protocol))
      errors.push(field.notSupported(`${path}.protocol`, protocol, protocols));
    if (appProtocol !== undefined) {
      errors.push(...complaints(`${path}.appProtocol`, appProtocol, qualifiedNameErrors(appProtocol)));
    }
    return errors;
  });
}

function shortList(items: readonly string[]): string {
  if (items.length === 0) return "<unset>";
  const shown = items.slice(0, shownMax).join(",");
  return items.length > shownMax ? `${shown} + ${items.length - shownMax} more...` : shown;
}
