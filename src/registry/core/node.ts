import {
  deepEqual,
  type FieldError,
  field,
  type KubeObject,
  parseCidr,
  parseQuantity,
} from "../../apimachinery/index.ts";
import { validateCidr } from "../rules/ip.ts";
import { isCounted } from "../rules/resource-names.ts";
import { nonNegativeQuantity } from "../rules/values.ts";
import type { Strategy, UpdateRules } from "../strategy.ts";
import { age, nameOf, none, unknown } from "../tables/cells.ts";
import { type Taint, validateTaints } from "./taints.ts";

interface NodeAddress {
  type: string;
  address: string;
}

interface Node extends KubeObject {
  spec?: {
    podCIDR?: string;
    podCIDRs?: string[];
    providerID?: string;
    unschedulable?: boolean;
    taints?: Taint[];
    externalID?: string;
    configSource?: object;
  };
  status?: {
    addresses?: NodeAddress[];
    conditions?: { type: string; status: string }[];
    capacity?: Record<string, string>;
    allocatable?: Record<string, string>;
    declaredFeatures?: string[];
    nodeInfo?: {
      kubeletVersion?: string;
      osImage?: string;
      kernelVersion?: string;
      containerRuntimeVersion?: string;
    };
  };
}

/** Metadata and status; a kubelet reports labels together with its status. */
const statusRules: UpdateRules<Node> = {
  prepareForUpdate: (next, old) => withSpecOf(next, old),
  validateUpdate: validateNodeUpdate,
  resetFields: [["spec"]],
};

function deprecations({ spec }: Node): string[] {
  return spec?.externalID ? ["spec.externalID: this field is deprecated, and is unused by Kubernetes"] : [];
}

/** A kubelet registers its node with the status that it has: nothing is cleared at creation. */
export const nodeStrategy: Strategy<Node> = {
  namespaced: false,
  metadataOnUpdate: ["object", "changes"],
  prepareForCreate: alignPodCidrs,
  prepareForUpdate: (next, old) => {
    alignPodCidrs(next);
    if (old.status === undefined) delete next.status;
    else next.status = old.status;
    return next;
  },
  validate: validateNode,
  // Upstream looks at some of it twice.
  validateUpdate: (next, old) => [...validateNode(next), ...validateNodeUpdate(next, old)],
  warnings: deprecations,
  warningsOnUpdate: deprecations,
  selectableFields: { "spec.unschedulable": (node) => String(node.spec?.unschedulable ?? false) },
  status: statusRules,
  resetFields: [["status"]],
  tableRow: (node, now) => {
    const info = node.status?.nodeInfo;
    return [
      nameOf(node),
      statusCell(node),
      rolesCell(node),
      age(node, now),
      info?.kubeletVersion ?? "",
      addressCell(node, "InternalIP"),
      addressCell(node, "ExternalIP"),
      info?.osImage || unknown,
      info?.kernelVersion || unknown,
      info?.containerRuntimeVersion || unknown,
    ];
  },
};

function withSpecOf(next: Node, old: Node): Node {
  if (old.spec === undefined) delete next.spec;
  else next.spec = old.spec;
  return next;
}

/** `podCIDR` is the first of `podCIDRs`; whoever writes only the old field means both. */
function alignPodCidrs(node: Node): Node {
  const { spec } = node;
  // The kubelet's configuration by the API is gone since 1.24.
  delete spec?.configSource;
  if (spec?.podCIDR && spec.podCIDR !== spec.podCIDRs?.[0]) spec.podCIDRs = [spec.podCIDR];
  return node;
}

function validateNode(node: Node): FieldError[] {
  const podCidrs = node.spec?.podCIDRs ?? [];
  const errors = [
    ...validateTaints(node.spec?.taints ?? [], "metadata.taints"),
    ...validateAmounts(node),
    ...validateFeatures(node.status?.declaredFeatures ?? []),
  ];
  podCidrs.forEach((cidr, i) => void errors.push(...validateCidr(`spec.podCIDRs[${i}]`, cidr)));
  if (podCidrs.length > 1) {
    const families = new Set(podCidrs.map((cidr) => parseCidr(cidr)?.family));
    if (podCidrs.length > 2 || families.size !== 2) {
      errors.push(
        field.invalid("spec.podCIDRs", podCidrs, "may specify no more than one CIDR for each IP family"),
      );
    }
  }
  return errors;
}

const nanoPerUnit = 1_000_000_000n;

/** What the node has, and what of it pods may ask for. */
function validateAmounts({ status }: Node): FieldError[] {
  return (["capacity", "allocatable"] as const).flatMap((part) =>
    Object.entries(status?.[part] ?? {}).flatMap(([name, amount]) => {
      const path = `status.${part}.${name}`;
      const errors = nonNegativeQuantity(path, amount);
      if (isCounted(name) && parseQuantity(amount).nano % nanoPerUnit !== 0n)
        errors.push(field.invalid(path, amount, "must be an integer"));
      return errors;
    }),
  );
}

const featureCharactersMax = 253;
const featureName = /^[A-Z][a-zA-Z0-9]*(\/[a-zA-Z][a-zA-Z0-9]*)*$/;

/** What the node's agent says it can do: a sorted list. */
function validateFeatures(features: readonly string[]): FieldError[] {
  const path = "status.declaredFeatures";
  return features.flatMap((feature, i) => {
    const errors: FieldError[] = [];
    const says = `invalid feature name ${JSON.stringify(feature)}: `;
    if (Buffer.byteLength(feature) > featureCharactersMax)
      errors.push(
        field.invalid(
          `${path}[${i}]`,
          feature,
          `${says}must be no more than ${featureCharactersMax} characters`,
        ),
      );
    else if (!featureName.test(feature)) {
      const rule =
        "must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes";
      errors.push(field.invalid(`${path}[${i}]`, feature, says + rule));
    }
    const following = features[i + 1];
    if (following === undefined || following > feature) return errors;
    const at = `${path}[${i + 1}]`;
    return [
      ...errors,
      following === feature
        ? field.duplicate(at, following)
        : field.invalid(at, following, "list must be sorted alphabetically"),
    ];
  });
}

function validateNodeUpdate(next: Node, old: Node): FieldError[] {
  const errors = [...validateAmounts(next), ...validateFeatures(next.status?.declaredFeatures ?? [])];
  const seen = new Set<string>();
  next.status?.addresses?.forEach((address, i) => {
    const identity = `${address.type}\0${address.address}`;
    if (seen.has(identity)) {
      errors.push(
        field.duplicate(`status.addresses[${i}]`, { Type: address.type, Address: address.address }),
      );
    }
    seen.add(identity);
  });
  const oldCidrs = old.spec?.podCIDRs ?? [];
  if (oldCidrs.length > 0 && !deepEqual(next.spec?.podCIDRs ?? [], oldCidrs)) {
    errors.push(
      field.forbidden("spec.podCIDRs", 'node updates may not change podCIDR except from "" to valid'),
    );
  }
  if (old.spec?.providerID && next.spec?.providerID !== old.spec.providerID) {
    errors.push(
      field.forbidden("spec.providerID", 'node updates may not change providerID except from "" to valid'),
    );
  }
  errors.push(...validateTaints(next.spec?.taints ?? [], "metadata.taints"));
  if ((next.spec?.externalID ?? "") !== (old.spec?.externalID ?? "")) {
    errors.push(field.forbidden("spec.externalID", "may not be updated"));
  }
  return errors;
}

function statusCell({ spec, status }: Node): string {
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  const words = [ready === undefined ? "Unknown" : ready.status === "True" ? "Ready" : "NotReady"];
  if (spec?.unschedulable === true) words.push("SchedulingDisabled");
  return words.join(",");
}

const rolePrefix = "node-role.kubernetes.io/";

function rolesCell(node: Node): string {
  const roles = new Set<string>();
  for (const [key, value] of Object.entries(node.metadata.labels ?? {})) {
    if (key.startsWith(rolePrefix) && key.length > rolePrefix.length) roles.add(key.slice(rolePrefix.length));
    else if (key === "kubernetes.io/role" && value !== "") roles.add(value);
  }
  return roles.size === 0 ? none : [...roles].sort().join(",");
}

function addressCell({ status }: Node, type: string): string {
  return status?.addresses?.find((address) => address.type === type)?.address ?? none;
}
