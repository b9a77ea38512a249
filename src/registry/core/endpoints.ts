import {
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  type FieldError,
  field,
  ipErrors,
  type KubeObject,
  portNumberErrors,
  qualifiedNameErrors,
} from "../../apimachinery/index.ts";
import { validateNonSpecialIp } from "../rules/ip.ts";
import { complaints, oneOf, protocols } from "../rules/values.ts";
import { ofAnyKind, type StrategySource } from "../strategies.ts";
import { age, nameOf, none } from "../tables/cells.ts";

interface EndpointAddress {
  ip: string;
  hostname?: string;
  nodeName?: string;
}

interface EndpointPort {
  name?: string;
  port: number;
  protocol?: string;
  appProtocol?: string;
}

interface EndpointSubset {
  addresses?: EndpointAddress[];
  notReadyAddresses?: EndpointAddress[];
  ports?: EndpointPort[];
}

interface Endpoints extends KubeObject {
  subsets?: EndpointSubset[];
}

const deprecated = "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice";
/** Addresses shown in a Table cell before "+ N more...". */
const shownMax = 3;

export const endpointsStrategy: StrategySource = ({ flags: { localPodCidr } }) =>
  ofAnyKind<Endpoints>({
    namespaced: true,
    metadataOnUpdate: ["changes", "object"],
    deprecation: deprecated,
    allowCreateOnUpdate: true,
    validate: ({ subsets }) => validateSubsets(subsets ?? [], localPodCidr),
    validateUpdate: ({ subsets }) => validateSubsets(subsets ?? [], localPodCidr),
    tableRow: (endpoints, now) => [
      nameOf(endpoints),
      formatSubsets(endpoints.subsets ?? []),
      age(endpoints, now),
    ],
  });

function validateSubsets(subsets: readonly EndpointSubset[], localPodCidr: string | undefined): FieldError[] {
  return subsets.flatMap((subset, i) => {
    const path = `subsets[${i}]`;
    const { addresses = [], notReadyAddresses = [], ports = [] } = subset;
    const errors: FieldError[] = [];
    // Upstream tolerates ports without addresses nowhere: a subset must say where.
    if (addresses.length === 0 && notReadyAddresses.length === 0) {
      errors.push(field.required(path, "must specify `addresses` or `notReadyAddresses`"));
    }
    addresses.forEach((address, at) => {
      errors.push(...validateAddress(address, `${path}.addresses[${at}]`, localPodCidr));
    });
    notReadyAddresses.forEach((address, at) => {
      errors.push(...validateAddress(address, `${path}.notReadyAddresses[${at}]`, localPodCidr));
    });
    ports.forEach((port, at) => {
      errors.push(...validatePort(port, { nameRequired: ports.length > 1, path: `${path}.ports[${at}]` }));
    });
    return errors;
  });
}

function validateAddress(
  { ip, hostname, nodeName }: EndpointAddress,
  path: string,
  localPodCidr: string | undefined,
): FieldError[] {
  const errors = complaints(`${path}.ip`, ip, ipErrors(ip));
  if (hostname) errors.push(...complaints(`${path}.hostname`, hostname, dns1123LabelErrors(hostname)));
  if (nodeName !== undefined)
    errors.push(...complaints(`${path}.nodeName`, nodeName, dns1123SubdomainErrors(nodeName)));
  return [...errors, ...validateNonSpecialIp(`${path}.ip`, ip, localPodCidr)];
}

function validatePort(
  port: EndpointPort,
  { nameRequired, path }: { nameRequired: boolean; path: string },
): FieldError[] {
  const errors: FieldError[] = [];
  if (port.name) errors.push(...complaints(`${path}.name`, port.name, dns1123LabelErrors(port.name)));
  else if (nameRequired) errors.push(field.required(`${path}.name`, ""));
  errors.push(...complaints(`${path}.port`, port.port, portNumberErrors(port.port)));
  errors.push(...oneOf(`${path}.protocol`, port.protocol, protocols));
  if (port.appProtocol !== undefined) {
    errors.push(
      ...complaints(`${path}.appProtocol`, port.appProtocol, qualifiedNameErrors(port.appProtocol)),
    );
  }
  return errors;
}

/** `ip:port,ip:port + 2 more...` over all subsets and ports. */
function formatSubsets(subsets: readonly EndpointSubset[]): string {
  const shown: string[] = [];
  let count = 0;
  for (const { addresses = [], ports = [] } of subsets) {
    const portNumbers: (number | undefined)[] =
      ports.length === 0 ? [undefined] : ports.map(({ port }) => port);
    for (const port of portNumbers) {
      for (const { ip } of addresses) {
        if (count < shownMax) shown.push(port === undefined ? ip : joinHostPort(ip, port));
        count++;
      }
    }
  }
  if (count === 0) return none;
  return count > shownMax ? `${shown.join(",")} + ${count - shownMax} more...` : shown.join(",");
}

const joinHostPort = (ip: string, port: number): string =>
  ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;
