import {
  deepEqual,
  dns1123SubdomainErrors,
  type FieldError,
  field,
  formatTime,
  type KubeObject,
  parseQuantity,
  quantityValue,
} from "../../../apimachinery/index.ts";
import { internalForm } from "../../../schema/index.ts";
import { changesOf } from "../../rules/changes.ts";
import { complaints, immutable } from "../../rules/values.ts";
import type { Strategy } from "../../strategy.ts";
import { age, nameOf } from "../../tables/cells.ts";
import { validateNodeSelector } from "../pod/scheduling.ts";
import type { NodeSelector } from "../pod/types.ts";
import { accessModesCell, validateAccessModes, volumeModes } from "./access.ts";
import type { VolumeSource } from "./driver-rules.ts";
import { sourceNames, validateVolumeSource } from "./sources.ts";

/** core/v1 PersistentVolume: a piece of storage that somebody has made. */
export interface PersistentVolume extends KubeObject {
  spec: PersistentVolumeSpec;
  status?: PersistentVolumeStatus;
}

export interface PersistentVolumeSpec extends VolumeSource {
  readonly capacity?: Record<string, string>;
  readonly accessModes?: string[] | null;
  readonly claimRef?: { namespace?: string; name?: string };
  readonly persistentVolumeReclaimPolicy?: string;
  readonly storageClassName?: string;
  readonly volumeMode?: string;
  readonly nodeAffinity?: { required?: NodeSelector };
  readonly volumeAttributesClassName?: string;
}

interface PersistentVolumeStatus {
  phase?: string;
  reason?: string;
  lastPhaseTransitionTime?: string;
}

export const classAnnotation = "volume.beta.kubernetes.io/storage-class";
const mountAnnotation = "volume.beta.kubernetes.io/mount-options";
const reclaimPolicies = ["Delete", "Recycle", "Retain"];

/** Sources whose drivers take mount options from an annotation. */
const takeMountAnnotation = [
  "gcePersistentDisk",
  "awsElasticBlockStore",
  "glusterfs",
  "nfs",
  "rbd",
  "quobyte",
  "iscsi",
  "cinder",
  "cephfs",
  "azureFile",
  "vsphereVolume",
  "azureDisk",
  "photonPersistentDisk",
];

const withoutDriver: Readonly<Record<string, string>> = {
  cephfs: "deprecated in v1.28, non-functional in v1.31+",
  photonPersistentDisk: "deprecated in v1.11, non-functional in v1.16+",
  scaleIO: "deprecated in v1.16, non-functional in v1.22+",
  storageos: "deprecated in v1.22, non-functional in v1.25+",
  glusterfs: "deprecated in v1.25, non-functional in v1.26+",
  rbd: "deprecated in v1.28, non-functional in v1.31+",
};

export const persistentVolumeStrategy: Strategy<PersistentVolume> = {
  namespaced: false,
  metadataOnUpdate: ["object", "object"],
  returnDeletedObject: true,
  prepareForCreate: (volume, { now }) => {
    volume.status = { phase: "Pending", lastPhaseTransitionTime: formatTime(now) };
    return volume;
  },
  prepareForUpdate: (next, old) => {
    if (old.status === undefined) delete next.status;
    else next.status = old.status;
    return next;
  },
  validate: validateVolume,
  validateUpdate: (next, old) => [
    ...validateVolume(next),
    ...validateSpec(next.spec),
    ...validateSameSource(next.spec, old.spec),
    ...immutable("volumeMode", next.spec.volumeMode, old.spec.volumeMode),
    ...validateSameAffinity(next.spec, old.spec),
    ...validateKeepsClass(next.spec, old.spec),
  ],
  warnings,
  warningsOnUpdate: warnings,
  resetFields: [["status"]],
  status: {
    prepareForUpdate: (next, old, { now }) => {
      next.spec = old.spec;
      next.status = withTransition(next.status ?? {}, old.status ?? {}, now);
      return next;
    },
    resetFields: [["spec"]],
  },
  tableRow: (volume, now) => [...cells(volume), age(volume, now), volume.spec.volumeMode ?? "<unset>"],
};

function cells(volume: PersistentVolume): string[] {
  const { metadata, spec, status } = volume;
  const { claimRef } = spec;
  return [
    nameOf(volume),
    spec.capacity?.["storage"] ?? "0",
    accessModesCell(spec.accessModes),
    spec.persistentVolumeReclaimPolicy ?? "",
    metadata.deletionTimestamp === undefined ? (status?.phase ?? "") : "Terminating",
    claimRef === undefined ? "" : `${claimRef.namespace ?? ""}/${claimRef.name ?? ""}`,
    metadata.annotations?.[classAnnotation] ?? spec.storageClassName ?? "",
    spec.volumeAttributesClassName ?? "<unset>",
    status?.reason ?? "",
  ];
}

/** When the phase changed is noted unless the client knows better. */
function withTransition(
  next: PersistentVolumeStatus,
  old: PersistentVolumeStatus,
  now: number,
): PersistentVolumeStatus {
  const time = next.lastPhaseTransitionTime;
  if (next.phase !== old.phase) {
    const isTold = time !== undefined && time !== old.lastPhaseTransitionTime;
    return isTold ? next : { ...next, lastPhaseTransitionTime: formatTime(now) };
  }
  if (time !== undefined || old.lastPhaseTransitionTime === undefined) return next;
  return { ...next, lastPhaseTransitionTime: old.lastPhaseTransitionTime };
}

function validateVolume(volume: PersistentVolume): FieldError[] {
  const { metadata, spec } = volume;
  const errors = validateSpec(spec);
  const takes = takeMountAnnotation.some((name) => spec[name] !== undefined);
  if (metadata.annotations?.[mountAnnotation] !== undefined && !takes) {
    const path = `metadata.annotations.${mountAnnotation}`;
    errors.push(field.forbidden(path, "may not specify mount options for this volume type"));
  }
  return errors;
}

function validateSpec(spec: PersistentVolumeSpec): FieldError[] {
  const { persistentVolumeReclaimPolicy: policy = "", storageClassName = "", volumeMode } = spec;
  const errors = validateAccessModes(spec.accessModes, "spec.accessModes", "");
  errors.push(...validateCapacity(spec.capacity, "spec.capacity"));
  if (policy !== "" && !reclaimPolicies.includes(policy))
    errors.push(field.notSupported("spec.persistentVolumeReclaimPolicy", policy, reclaimPolicies));
  errors.push(...validateAffinity(spec.nodeAffinity, "spec.nodeAffinity"));
  errors.push(...validateVolumeSource(spec, "spec", spec.nodeAffinity !== undefined));
  if (isRootHostPath(spec) && policy === "Recycle") {
    const rule = "may not be 'recycle' for a hostPath mount of '/'";
    errors.push(field.forbidden("spec.persistentVolumeReclaimPolicy", rule));
  }
  if (storageClassName !== "")
    errors.push(
      ...complaints("spec.storageClassName", storageClassName, dns1123SubdomainErrors(storageClassName)),
    );
  if (volumeMode !== undefined && !volumeModes.includes(volumeMode))
    errors.push(field.notSupported("spec.volumeMode", volumeMode, volumeModes));
  return [...errors, ...validateAttributesClass(spec)];
}

/**
 * A volume that stands in a VolumeAttachment instead of being an object: of a CSI driver, without what only a claim needs.
 * `path` without a dot at its end.
 */
export function validateInlineVolume(spec: PersistentVolumeSpec, path: string): FieldError[] {
  const rule = "may not be specified in the context of inline volumes";
  const errors: FieldError[] = [];
  if (spec.claimRef !== undefined) errors.push(field.forbidden(`${path}.claimRef`, rule));
  if (Object.keys(spec.capacity ?? {}).length > 0) errors.push(field.forbidden(`${path}.capacity`, rule));
  if (spec.csi === undefined)
    errors.push(field.required(`${path}.csi`, "has to be specified in the context of inline volumes"));
  errors.push(...validateAccessModes(spec.accessModes, `${path}.accessModes`, ""));
  const only = (name: string, value: string | undefined, allowed: string, text: string): void => {
    if (value === undefined || value === allowed) return;
    errors.push(field.forbidden(`${path}.${name}`, `${text} ${allowed} in the context of inline volumes`));
  };
  only("persistentVolumeReclaimPolicy", spec.persistentVolumeReclaimPolicy, "Retain", "may only be");
  if (spec.nodeAffinity !== undefined) errors.push(field.forbidden(`${path}.nodeAffinity`, rule));
  errors.push(...validateVolumeSource(spec, path, false));
  if (spec.storageClassName !== undefined && spec.storageClassName !== "")
    errors.push(field.forbidden(`${path}.storageClassName`, rule));
  only("volumeMode", spec.volumeMode, "Filesystem", "may not specify volumeMode other than");
  return errors;
}

function isRootHostPath({ hostPath }: PersistentVolumeSpec): boolean {
  const path = (hostPath as { path?: string } | undefined)?.path;
  return path !== undefined && path !== "" && /^[/.]+$/.test(path);
}

function validateCapacity(given: PersistentVolumeSpec["capacity"], path: string): FieldError[] {
  const capacity = given ?? {};
  const names = Object.keys(capacity);
  const errors = names.length === 0 ? [field.required(path, "")] : [];
  if (capacity["storage"] === undefined || names.length > 1) {
    errors.push(field.notSupported(path, given ?? null, ["storage"]));
  }
  for (const [name, amount] of Object.entries(capacity)) {
    const at = `${path}[${name}]`;
    const value = quantityValue(parseQuantity(amount));
    if (value < 0n) errors.push(field.invalid(at, Number(value), "must be a valid resource quantity"));
    if (parseQuantity(amount).nano <= 0n) errors.push(field.invalid(at, amount, "must be greater than zero"));
  }
  return errors;
}

function validateAffinity(affinity: PersistentVolumeSpec["nodeAffinity"], path: string): FieldError[] {
  if (affinity === undefined) return [];
  if (affinity.required !== undefined) return validateNodeSelector(affinity.required, `${path}.required`);
  return [field.required(`${path}.required`, "must specify required node constraints")];
}

function validateAttributesClass({
  volumeAttributesClassName: name,
  csi,
}: PersistentVolumeSpec): FieldError[] {
  if (name === undefined) return [];
  const path = "spec.volumeAttributesClassName";
  const errors =
    name === ""
      ? [field.required(path, "an empty string is disallowed")]
      : complaints(path, name, dns1123SubdomainErrors(name));
  if (csi === undefined)
    errors.push(field.required("spec.csi", "has to be specified when using volumeAttributesClassName"));
  return errors;
}

/** A secret for growing the volume may be added later. */
function validateSameSource(next: PersistentVolumeSpec, old: PersistentVolumeSpec): FieldError[] {
  const sourceOf = (spec: PersistentVolumeSpec): VolumeSource =>
    Object.fromEntries(sourceNames.flatMap((name) => (spec[name] === undefined ? [] : [[name, spec[name]]])));
  const before = sourceOf(old);
  let after = sourceOf(next);
  const { controllerExpandSecretRef: had } = (before["csi"] ?? {}) as VolumeSource;
  if (before["csi"] !== undefined && after["csi"] !== undefined && had === undefined) {
    const { controllerExpandSecretRef: _, ...rest } = after["csi"] as VolumeSource;
    after = { ...after, csi: rest };
  }
  if (deepEqual(after, before)) return [];
  const rule = "spec.persistentvolumesource is immutable after creation";
  const changes = changesOf("PersistentVolumeSource", after, before);
  return [field.forbidden("spec.persistentvolumesource", `${rule}\n${changes}`)];
}

/** Labels of a node that have got another name. */
const renamedLabels: Readonly<Record<string, string>> = {
  "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
  "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
  "beta.kubernetes.io/os": "kubernetes.io/os",
  "beta.kubernetes.io/arch": "kubernetes.io/arch",
  "beta.kubernetes.io/instance-type": "node.kubernetes.io/instance-type",
};

/** What was, with the new names where `next` has them. Upstream takes no name for the new name of a label that has none. */
function withNewLabels(
  old: NonNullable<PersistentVolumeSpec["nodeAffinity"]>,
  next: PersistentVolumeSpec["nodeAffinity"],
): NonNullable<PersistentVolumeSpec["nodeAffinity"]> {
  const terms = old.required?.nodeSelectorTerms;
  if (!terms) return old;
  const renamed = terms.map((term, i) => {
    const rename = (list: "matchExpressions" | "matchFields") =>
      term[list]?.map((requirement, j) => {
        const key = next?.required?.nodeSelectorTerms?.[i]?.[list]?.[j]?.key ?? "";
        return (renamedLabels[requirement.key ?? ""] ?? "") === key ? { ...requirement, key } : requirement;
      });
    const [matchExpressions, matchFields] = [rename("matchExpressions"), rename("matchFields")];
    return { ...term, ...(matchExpressions && { matchExpressions }), ...(matchFields && { matchFields }) };
  });
  return { ...old, required: { ...old.required, nodeSelectorTerms: renamed } };
}

function validateSameAffinity(next: PersistentVolumeSpec, old: PersistentVolumeSpec): FieldError[] {
  if (old.nodeAffinity === undefined) return [];
  if (deepEqual(next.nodeAffinity, withNewLabels(old.nodeAffinity, next.nodeAffinity))) return [];
  const rule = "field is immutable, except for updating from beta label to GA";
  const shown = next.nodeAffinity && internalForm("VolumeNodeAffinity", next.nodeAffinity);
  return [field.invalid("nodeAffinity", shown ?? null, rule)];
}

function validateKeepsClass(next: PersistentVolumeSpec, old: PersistentVolumeSpec): FieldError[] {
  if (old.volumeAttributesClassName === undefined || next.volumeAttributesClassName !== undefined) return [];
  return [field.forbidden("spec.volumeAttributesClassName", "update from non-nil value to nil is forbidden")];
}

function warnings({ metadata, spec }: PersistentVolume): string[] {
  const annotated = (name: string, text: string): string[] =>
    metadata.annotations?.[name] === undefined ? [] : [`metadata.annotations[${name}]: ${text}`];
  const found = [
    ...annotated(classAnnotation, 'deprecated since v1.8; use "storageClassName" attribute instead'),
    ...annotated(mountAnnotation, 'deprecated since v1.31; use "mountOptions" attribute instead'),
  ];
  if (spec.persistentVolumeReclaimPolicy === "Recycle") {
    const advice = "Instead, the recommended approach is to use dynamic provisioning.";
    found.push(`spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. ${advice}`);
  }
  for (const [name, text] of Object.entries(withoutDriver)) {
    if (spec[name] !== undefined) found.push(`spec.${name === "storageos" ? "storageOS" : name}: ${text}`);
  }
  return found;
}
