import {
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  type FieldError,
  field,
} from "../../../apimachinery/index.ts";
import { complaints } from "../../rules/values.ts";
import {
  needs,
  type SourceRule,
  sharedRules,
  type VolumeSource,
  validateDriverName,
  validateNodePath,
  validateOneSource,
  volumeRules,
} from "./driver-rules.ts";

/** Where a PersistentVolume comes from. */

function secretReference(reference: unknown, path: string): FieldError[] {
  if (reference === undefined) return [];
  const { name = "", namespace = "" } = reference as { name?: string; namespace?: string };
  const at = `${path}.name`;
  const inside = `${path}.namespace`;
  return [
    ...(name === "" ? [field.required(at, "")] : complaints(at, name, dns1123SubdomainErrors(name))),
    ...(namespace === ""
      ? [field.required(inside, "")]
      : complaints(inside, namespace, dns1123LabelErrors(namespace))),
  ];
}

const csiSecrets = [
  "controllerPublishSecretRef",
  "controllerExpandSecretRef",
  "nodePublishSecretRef",
  "nodeExpandSecretRef",
];

function validateCsi(source: VolumeSource, path: string): FieldError[] {
  return [
    ...validateDriverName((source["driver"] as string | undefined) ?? "", `${path}.driver`),
    ...needs("volumeHandle")(source, path),
    ...csiSecrets.flatMap((name) => secretReference(source[name], `${path}.${name}`)),
  ];
}

/** The sources in the order in which upstream looks at them. */
const rules: Readonly<Record<string, SourceRule>> = {
  hostPath: sharedRules.hostPath,
  gcePersistentDisk: sharedRules.gcePersistentDisk,
  awsElasticBlockStore: sharedRules.awsElasticBlockStore,
  glusterfs: sharedRules.glusterfs,
  flocker: sharedRules.flocker,
  nfs: sharedRules.nfs,
  rbd: sharedRules.rbd,
  quobyte: sharedRules.quobyte,
  cephfs: sharedRules.cephfs,
  iscsi: volumeRules.iscsi,
  cinder: volumeRules.cinder,
  fc: sharedRules.fc,
  // Upstream does not mind what stood before it.
  flexVolume: { ...sharedRules.flexVolume, mayFollow: true },
  azureFile: sharedRules.azureFile,
  vsphereVolume: sharedRules.vsphereVolume,
  photonPersistentDisk: sharedRules.photonPersistentDisk,
  portworxVolume: sharedRules.portworxVolume,
  azureDisk: sharedRules.azureDisk,
  scaleIO: sharedRules.scaleIO,
  local: { check: validateNodePath },
  storageos: volumeRules.storageos,
  csi: { check: validateCsi },
};

export const sourceNames: readonly string[] = Object.keys(rules);

/** Exactly one source, and that in order; what is local is somewhere. */
export function validateVolumeSource(
  spec: VolumeSource,
  path: string,
  hasNodeAffinity: boolean,
): FieldError[] {
  const errors = validateOneSource(rules, spec, path);
  const first = sourceNames.find((name) => spec[name] !== undefined);
  if (first === "local" && !hasNodeAffinity)
    errors.push(field.required(`${path}.nodeAffinity`, "Local volume requires node affinity"));
  return errors;
}
