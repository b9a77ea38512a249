import {
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  type FieldError,
  field,
  rangeError,
} from "../../../apimachinery/index.ts";
import { complaints } from "../../rules/values.ts";

/** Where a volume comes from: one of the fields below. Those of drivers that only cloud vendors have are checked for what they need. */
export type VolumeSource = Readonly<Record<string, unknown>>;

type Check = (source: VolumeSource, path: string) => FieldError[];

const text = (source: VolumeSource, name: string): string => (source[name] as string | undefined) ?? "";

/** Texts and lists that must not be empty. */
function needs(...names: readonly string[]): Check {
  return (source, path) =>
    names.flatMap((name) => {
      const value = source[name] as { readonly length: number } | undefined;
      return value === undefined || value.length === 0 ? [field.required(`${path}.${name}`, "")] : [];
    });
}

const withPartition =
  (name: string): Check =>
  (source, path) => {
    const partition = (source["partition"] as number | undefined) ?? 0;
    const errors = needs(name)(source, path);
    if (partition < 0 || partition > 255)
      errors.push(field.invalid(`${path}.partition`, partition, rangeError(0, 255)));
    return errors;
  };

/** `name` of a CSI driver, as far as its name may go. */
export function validateDriverName(name: string, path: string): FieldError[] {
  if (name === "") return [field.required(path, "")];
  const errors = name.length > 63 ? [field.tooLong(path, 63)] : [];
  return [...errors, ...complaints(path, name, dns1123SubdomainErrors(name.toLowerCase()))];
}

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
    ...validateDriverName(text(source, "driver"), `${path}.driver`),
    ...needs("volumeHandle")(source, path),
    ...csiSecrets.flatMap((name) => secretReference(source[name], `${path}.${name}`)),
  ];
}

const hostPathTypes = [
  "",
  "BlockDevice",
  "CharDevice",
  "Directory",
  "DirectoryOrCreate",
  "File",
  "FileOrCreate",
  "Socket",
];

function validatePath(source: VolumeSource, path: string): FieldError[] {
  const value = text(source, "path");
  if (value === "") return [field.required(`${path}.path`, "")];
  return value.split("/").includes("..")
    ? [field.invalid(`${path}.path`, value, "must not contain '..'")]
    : [];
}

function validateHostPath(source: VolumeSource, path: string): FieldError[] {
  const errors = validatePath(source, path);
  const type = text(source, "type");
  if (text(source, "path") === "" || hostPathTypes.includes(type)) return errors;
  return [...errors, field.notSupported(`${path}.type`, type, hostPathTypes)];
}

function validateNfs(source: VolumeSource, path: string): FieldError[] {
  const errors = needs("server", "path")(source, path);
  const value = text(source, "path");
  if (!value.startsWith("/")) errors.push(field.invalid(`${path}.path`, value, "must be an absolute path"));
  return errors;
}

const initiators = [
  /^iqn\.\d{4}-\d{2}\.([A-Za-z0-9-.]+)(:[^,;*&$|\s]+)$/,
  /^eui\.[A-Za-z0-9]{16}$/,
  /^naa\.[A-Za-z0-9]{32}$/,
];

function validateIscsi(source: VolumeSource, path: string): FieldError[] {
  const errors = needs("targetPortal", "iqn")(source, path);
  const iqn = text(source, "iqn");
  if (iqn !== "" && !initiators.some((pattern) => pattern.test(iqn)))
    errors.push(field.invalid(`${path}.iqn`, iqn, "must be valid format"));
  const lun = (source["lun"] as number | undefined) ?? 0;
  if (lun < 0 || lun > 255) errors.push(field.invalid(`${path}.lun`, lun, rangeError(0, 255)));
  return errors;
}

function validateFc(source: VolumeSource, path: string): FieldError[] {
  const has = (name: string): boolean => ((source[name] as unknown[] | undefined)?.length ?? 0) > 0;
  const at = `${path}.targetWWNs`;
  if (!has("targetWWNs") && !has("wwids"))
    return [field.required(at, "must specify either targetWWNs or wwids, but not both")];
  const errors: FieldError[] = [];
  if (has("targetWWNs") && has("wwids"))
    errors.push(
      field.invalid(at, source["targetWWNs"], "targetWWNs and wwids can not be specified simultaneously"),
    );
  if (has("targetWWNs") && source["lun"] === undefined)
    errors.push(field.required(`${path}.lun`, "lun is required if targetWWNs is specified"));
  return errors;
}

function validateFlocker(source: VolumeSource, path: string): FieldError[] {
  const name = text(source, "datasetName");
  const uuid = text(source, "datasetUUID");
  if (name === "" && uuid === "")
    return [field.required(path, "one of datasetName and datasetUUID is required")];
  if (name === "" || uuid === "") return [];
  return [field.invalid(path, "resource", "datasetName and datasetUUID can not be specified simultaneously")];
}

/** The sources in the order in which upstream looks at them, and what it calls them in its texts where that differs. */
const sources: Readonly<Record<string, { readonly check: Check; readonly path?: string }>> = {
  hostPath: { check: validateHostPath },
  gcePersistentDisk: { check: withPartition("pdName"), path: "persistentDisk" },
  awsElasticBlockStore: { check: withPartition("volumeID") },
  glusterfs: { check: needs("endpoints", "path") },
  flocker: { check: validateFlocker },
  nfs: { check: validateNfs },
  rbd: { check: needs("monitors", "image") },
  quobyte: { check: needs("registry", "volume") },
  cephfs: { check: needs("monitors") },
  iscsi: { check: validateIscsi },
  cinder: { check: needs("volumeID") },
  fc: { check: validateFc },
  flexVolume: { check: needs("driver") },
  azureFile: { check: needs("secretName", "shareName") },
  vsphereVolume: { check: needs("volumePath") },
  photonPersistentDisk: { check: needs("pdID") },
  portworxVolume: { check: needs("volumeID") },
  azureDisk: { check: needs("diskName", "diskURI") },
  scaleIO: { check: needs("gateway", "system", "volumeName") },
  local: { check: validatePath },
  storageos: { check: needs("volumeName") },
  csi: { check: validateCsi },
};

export const sourceNames: readonly string[] = Object.keys(sources);

/** Exactly one source, and that in order. */
export function validateVolumeSource(
  spec: VolumeSource,
  path: string,
  hasNodeAffinity: boolean,
): FieldError[] {
  const errors: FieldError[] = [];
  let found = false;
  for (const [name, { check, path: told = name }] of Object.entries(sources)) {
    const source = spec[name] as VolumeSource | undefined;
    if (source === undefined) continue;
    if (found) errors.push(field.forbidden(`${path}.${name}`, "may not specify more than 1 volume type"));
    else {
      errors.push(...check(source, `${path}.${told}`));
      if (name === "local" && !hasNodeAffinity)
        errors.push(field.required(`${path}.nodeAffinity`, "Local volume requires node affinity"));
    }
    found = true;
  }
  return found ? errors : [...errors, field.required(path, "must specify a volume type")];
}
