import {
  type FieldError,
  field,
  formatLabelSelector,
  type IntOrString,
  type KubeObject,
  type LabelSelector,
  parseCidr,
  portNumberErrors,
  validateLabelSelector,
} from "../../apimachinery/index.ts";
import { validatePortReference } from "../core/pod/probes.ts";
import { validateCidr } from "../rules/ip.ts";
import { countWanted } from "../rules/replicas.ts";
import { complaints } from "../rules/values.ts";
import type { Strategy } from "../strategy.ts";
import { age, nameOf } from "../tables/cells.ts";

interface NetworkPolicy extends KubeObject {
  spec: {
    podSelector?: LabelSelector;
    ingress?: { ports?: PolicyPort[]; from?: Peer[] }[];
    egress?: { ports?: PolicyPort[]; to?: Peer[] }[];
    policyTypes?: string[];
  };
}

interface PolicyPort {
  protocol?: string;
  port?: IntOrString;
  endPort?: number;
}

interface Peer {
  podSelector?: LabelSelector;
  namespaceSelector?: LabelSelector;
  ipBlock?: { cidr?: string; except?: string[] };
}

const noCidrs: ReadonlySet<string> = new Set();

/** Which traffic pods may have; network plugins enforce it. */
export const networkPolicyStrategy: Strategy<NetworkPolicy> = {
  namespaced: true,
  metadataOnUpdate: ["object", "changes"],
  prepareForCreate: (policy) => {
    policy.metadata.generation = 1;
    return policy;
  },
  prepareForUpdate: (next, old) => countWanted(next, old),
  validate: (policy) => validatePolicy(policy, noCidrs),
  // Twice, as upstream.
  validateUpdate: (next, old) => [
    ...validatePolicy(next, cidrsOf(old)),
    ...validatePolicy(next, cidrsOf(old)),
  ],
  tableRow: (policy, now) => [nameOf(policy), formatLabelSelector(policy.spec.podSelector), age(policy, now)],
};

/** Every range that a policy names: an update may keep what was once taken. */
function cidrsOf({ spec }: NetworkPolicy): ReadonlySet<string> {
  const peers = [
    ...(spec.ingress ?? []).flatMap(({ from = [] }) => from),
    ...(spec.egress ?? []).flatMap(({ to = [] }) => to),
  ];
  return new Set(peers.flatMap(({ ipBlock }) => [ipBlock?.cidr ?? "", ...(ipBlock?.except ?? [])]));
}

const policyTypes = ["Ingress", "Egress"];

function validatePolicy({ spec }: NetworkPolicy, known: ReadonlySet<string>): FieldError[] {
  const errors = validateLabelSelector(spec.podSelector, "spec.podSelector");
  spec.ingress?.forEach(({ ports, from }, i) => {
    errors.push(...validateRule(ports, { name: "from", peers: from }, `spec.ingress[${i}]`, known));
  });
  spec.egress?.forEach(({ ports, to }, i) => {
    errors.push(...validateRule(ports, { name: "to", peers: to }, `spec.egress[${i}]`, known));
  });
  const types = spec.policyTypes ?? [];
  if (types.length > policyTypes.length) {
    errors.push(field.invalid("spec.policyTypes", types, "may not specify more than two policyTypes"));
    return errors;
  }
  types.forEach((type, i) => {
    if (policyTypes.includes(type)) return;
    errors.push(field.notSupported(`spec.policyTypes[${i}]`, type, policyTypes));
  });
  return errors;
}

function validateRule(
  ports: readonly PolicyPort[] = [],
  { name, peers = [] }: { name: string; peers: readonly Peer[] | undefined },
  path: string,
  known: ReadonlySet<string>,
): FieldError[] {
  return [
    ...ports.flatMap((port, i) => validatePort(port, `${path}.ports[${i}]`)),
    ...peers.flatMap((peer, i) => validatePeer(peer, `${path}.${name}[${i}]`, known)),
  ];
}

const policyProtocols = ["TCP", "UDP", "SCTP"];

function validatePort({ protocol, port, endPort }: PolicyPort, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (protocol !== undefined && !policyProtocols.includes(protocol)) {
    errors.push(field.notSupported(`${path}.protocol`, protocol, policyProtocols));
  }
  const at = `${path}.endPort`;
  if (port === undefined) {
    if (endPort !== undefined) {
      errors.push(field.invalid(at, endPort, "may not be specified when `port` is not specified"));
    }
    return errors;
  }
  if (typeof port === "string" && endPort !== undefined) {
    errors.push(field.invalid(at, endPort, "may not be specified when `port` is non-numeric"));
  }
  errors.push(...validatePortReference(port, `${path}.port`));
  if (typeof port === "number" && endPort !== undefined) {
    if (endPort < port) errors.push(field.invalid(at, port, "must be greater than or equal to `port`"));
    errors.push(...complaints(at, endPort, portNumberErrors(endPort)));
  }
  return errors;
}

function validatePeer(peer: Peer, path: string, known: ReadonlySet<string>): FieldError[] {
  const { podSelector, namespaceSelector, ipBlock } = peer;
  const errors = [
    ...validateLabelSelector(podSelector, `${path}.podSelector`),
    ...validateLabelSelector(namespaceSelector, `${path}.namespaceSelector`),
  ];
  const hasSelector = podSelector !== undefined || namespaceSelector !== undefined;
  if (ipBlock !== undefined) {
    errors.push(...validateIpBlock(ipBlock, `${path}.ipBlock`, known));
    if (hasSelector) errors.push(field.forbidden(path, "may not specify both ipBlock and another peer"));
  } else if (!hasSelector) errors.push(field.required(path, "must specify a peer"));
  return errors;
}

function validateIpBlock(
  { cidr = "", except = [] }: NonNullable<Peer["ipBlock"]>,
  path: string,
  known: ReadonlySet<string>,
): FieldError[] {
  if (cidr === "") return [field.required(`${path}.cidr`, "")];
  const check = (at: string, text: string): FieldError[] =>
    known.has(text) && text !== "" ? [] : validateCidr(at, text);
  const errors = check(`${path}.cidr`, cidr);
  const range = parseCidr(cidr);
  if (range === undefined) return errors;
  except.forEach((text, i) => {
    const at = `${path}.except[${i}]`;
    errors.push(...check(at, text));
    const part = parseCidr(text);
    if (part === undefined) return;
    const inside = part.family === range.family && part.base >= range.base && part.base <= range.last;
    if (!inside || range.prefixLength >= part.prefixLength) {
      errors.push(field.invalid(at, text, "must be a strict subset of `cidr`"));
    }
  });
  return errors;
}
