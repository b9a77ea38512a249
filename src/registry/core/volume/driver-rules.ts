import {
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  type FieldError,
  field,
  nameIsDnsLabel,
  rangeError,
} from "../../../apimachinery/index.ts";
import { complaints } from "../../rules/values.ts";
import { withoutBacksteps } from "./paths.ts";

/**
 * What each driver's source needs, whether it stands in a pod or is a PersistentVolume. Fields that only one of the two has are
 * checked where they are given; where both have one and the rules differ, a rule is made for each.
 */
export type VolumeSource = Readonly<Record<string, unknown>>;
export type SourceCheck = (source: VolumeSource, path: string) => FieldError[];

/** A source's check, what its own errors call it and what the error of a second source calls it, where that is not its name. */
export interface SourceRule {
  readonly check: SourceCheck;
  readonly told?: string;
  readonly refused?: string;
  /** Looked at even where another source stands before it. */
  readonly mayFollow?: boolean;
}

const text = (source: VolumeSource, name: string): string => (source[name] as string | undefined) ?? "";

/** Texts and lists that must not be empty. */
export function needs(...names: readonly string[]): SourceCheck {
  return (source, path) =>
    names.flatMap((name) => {
      const value = source[name] as { readonly length: number } | null | undefined;
      return (value?.length ?? 0) === 0 ? [field.required(`${path}.${name}`, "")] : [];
    });
}

/** Each check's errors, in order. */
function all(...checks: readonly SourceCheck[]): SourceCheck {
  return (source, path) => checks.flatMap((check) => check(source, path));
}

/** A number of a byte. Upstream's text about partitions says that they start at 1, though 0 stands for the whole disk. */
function byte(name: string, toldMin: number): SourceCheck {
  return (source, path) => {
    const value = (source[name] as number | undefined) ?? 0;
    return value < 0 || value > 255
      ? [field.invalid(`${path}.${name}`, value, rangeError(toldMin, 255))]
      : [];
  };
}

const lun = byte("lun", 0);
const partition = byte("partition", 1);

/** A reference to a secret that names it, and its namespace where the volume has none of its own. */
function secretNamed(...fields: readonly string[]): SourceCheck {
  return (source, path) => {
    const reference = source["secretRef"] as VolumeSource | undefined;
    return reference === undefined ? [] : needs(...fields)(reference, `${path}.secretRef`);
  };
}

/** `name` of a CSI driver, as far as its name may go. */
export function validateDriverName(name: string, path: string): FieldError[] {
  if (name === "") return [field.required(path, "")];
  const errors = name.length > 63 ? [field.tooLong(path, 63)] : [];
  return [...errors, ...complaints(path, name, dns1123SubdomainErrors(name.toLowerCase()))];
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

/** A path that must be given and must not lead up. */
export function validateNodePath(source: VolumeSource, path: string): FieldError[] {
  const value = text(source, "path");
  return value === "" ? [field.required(`${path}.path`, "")] : withoutBacksteps(value, `${path}.path`);
}

function validateHostPath(source: VolumeSource, path: string): FieldError[] {
  const errors = validateNodePath(source, path);
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

const initiators: Readonly<Record<string, RegExp>> = {
  iqn: /^iqn\.\d{4}-\d{2}\.([A-Za-z0-9-.]+)(:[^,;*&$|\s]+)$/,
  eui: /^eui\.[A-Za-z0-9]{16}$/,
  naa: /^naa\.[A-Za-z0-9]{32}$/,
};

function validateInitiator(value: string, path: string, otherKind: string): FieldError[] {
  const pattern = initiators[value.slice(0, 3)];
  if (pattern === undefined) return [field.invalid(path, value, otherKind)];
  return pattern.test(value) ? [] : [field.invalid(path, value, "must be valid format")];
}

function iscsi(otherKind: string, secret: SourceCheck): SourceCheck {
  return (source, path) => {
    const errors = needs("targetPortal")(source, path);
    const iqn = text(source, "iqn");
    errors.push(
      ...(iqn === ""
        ? [field.required(`${path}.iqn`, "")]
        : validateInitiator(iqn, `${path}.iqn`, otherKind)),
      ...lun(source, path),
    );
    const asksForSecret = source["chapAuthDiscovery"] === true || source["chapAuthSession"] === true;
    if (asksForSecret && source["secretRef"] === undefined)
      errors.push(field.required(`${path}.secretRef`, ""));
    errors.push(...secret(source, path));
    const initiator = source["initiatorName"] as string | undefined;
    if (initiator !== undefined)
      errors.push(...validateInitiator(initiator, `${path}.initiatorname`, otherKind));
    return errors;
  };
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
  return has("targetWWNs") ? [...errors, ...lun(source, path)] : errors;
}

function validateFlocker(source: VolumeSource, path: string): FieldError[] {
  const name = text(source, "datasetName");
  const uuid = text(source, "datasetUUID");
  const errors: FieldError[] = [];
  if (name === "" && uuid === "")
    errors.push(field.required(path, "one of datasetName and datasetUUID is required"));
  if (name !== "" && uuid !== "")
    errors.push(
      field.invalid(path, "resource", "datasetName and datasetUUID can not be specified simultaneously"),
    );
  if (name.includes("/")) errors.push(field.invalid(`${path}.datasetName`, name, "must not contain '/'"));
  return errors;
}

const pairsRule = "must be a host:port pair or multiple pairs separated by commas";
const isHostAndPort = (pair: string): boolean => /^(?:[^:[\]]*|\[[^[\]]*\]):[^:[\]]*$/.test(pair);

function validateQuobyte(source: VolumeSource, path: string): FieldError[] {
  const registry = text(source, "registry");
  const at = `${path}.registry`;
  const errors: FieldError[] = [];
  if (registry === "") errors.push(field.required(at, pairsRule));
  else if (text(source, "tenant").length >= 65) {
    const rule = "must be a UUID and may not exceed a length of 64 characters";
    errors.push(field.required(`${path}.tenant`, rule));
  } else {
    const wrong = registry.split(",").filter((pair) => !isHostAndPort(pair));
    errors.push(...wrong.map(() => field.invalid(at, registry, pairsRule)));
  }
  return [...errors, ...needs("volume")(source, path)];
}

const cachingModes = ["None", "ReadOnly", "ReadWrite"];
const diskKinds = ["Dedicated", "Managed", "Shared"];
const managedDisk =
  "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}";
const blobDisk = "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd";

function validateAzureDisk(source: VolumeSource, path: string): FieldError[] {
  const errors = needs("diskName", "diskURI")(source, path);
  const { cachingMode, kind } = source as { cachingMode?: string; kind?: string };
  const uri = text(source, "diskURI");
  if (cachingMode !== undefined && !cachingModes.includes(cachingMode))
    errors.push(field.notSupported(`${path}.cachingMode`, cachingMode, cachingModes));
  if (kind === undefined) return errors;
  if (!diskKinds.includes(kind)) errors.push(field.notSupported(`${path}.kind`, kind, diskKinds));
  const [start, shown] = kind === "Managed" ? ["/subscriptions/", managedDisk] : ["https://", blobDisk];
  return uri.startsWith(start) ? errors : [...errors, field.notSupported(`${path}.diskURI`, uri, [shown])];
}

function validateFlexVolume(source: VolumeSource, path: string): FieldError[] {
  const options = (source["options"] as Readonly<Record<string, string>> | undefined) ?? {};
  const reserved = Object.keys(options).filter((key) =>
    /\.(?:kubernetes|k8s)\.io$/.test(`.${(key.split("/", 1)[0] ?? "").toLowerCase()}`),
  );
  return [
    ...needs("driver")(source, path),
    ...reserved.map((key) =>
      field.invalid(`${path}.options[${key}]`, key, "kubernetes.io and k8s.io namespaces are reserved"),
    ),
  ];
}

function validateStorageOs(source: VolumeSource, path: string): FieldError[] {
  const name = text(source, "volumeName");
  const namespace = text(source, "volumeNamespace");
  const errors = needs("volumeName")(source, path);
  if (name !== "") errors.push(...complaints(`${path}.volumeName`, name, dns1123LabelErrors(name)));
  if (namespace !== "")
    errors.push(...complaints(`${path}.volumeNamespace`, namespace, dns1123LabelErrors(namespace)));
  return errors;
}

function validateEndpointsNamespace(source: VolumeSource, path: string): FieldError[] {
  const namespace = source["endpointsNamespace"] as string | undefined;
  if (namespace === undefined) return [];
  const at = `${path}.endpointsNamespace`;
  const rule = "if the endpointnamespace is set, it must be a valid namespace name";
  return namespace === ""
    ? [field.invalid(at, namespace, rule)]
    : complaints(at, namespace, nameIsDnsLabel(namespace, false));
}

function validateSecretNamespace(source: VolumeSource, path: string): FieldError[] {
  const namespace = source["secretNamespace"] as string | null | undefined;
  return namespace === "" ? [field.required(`${path}.secretNamespace`, "")] : [];
}

const cephfs = { check: needs("monitors"), refused: "cephFS" };

/** Drivers whose rules are the same in a pod and in a PersistentVolume. */
export const sharedRules = {
  hostPath: { check: validateHostPath },
  gcePersistentDisk: { check: all(needs("pdName"), partition), told: "persistentDisk" },
  awsElasticBlockStore: { check: all(needs("volumeID"), partition) },
  flocker: { check: validateFlocker },
  nfs: { check: validateNfs },
  rbd: { check: needs("monitors", "image") },
  quobyte: { check: validateQuobyte },
  cephfs,
  fc: { check: validateFc },
  vsphereVolume: { check: needs("volumePath") },
  photonPersistentDisk: { check: needs("pdID") },
  portworxVolume: { check: needs("volumeID") },
  azureDisk: { check: validateAzureDisk },
  scaleIO: { check: needs("gateway", "system", "volumeName") },
  flexVolume: { check: validateFlexVolume },
  glusterfs: { check: all(needs("endpoints", "path"), validateEndpointsNamespace) },
  azureFile: { check: all(needs("secretName", "shareName"), validateSecretNamespace) },
} satisfies Record<string, SourceRule>;

/** A pod's secrets stand beside it. */
export const podRules = {
  iscsi: { check: iscsi("must be valid format starting with iqn, eui, or naa", () => []) },
  cinder: { check: all(needs("volumeID"), secretNamed("name")) },
  storageos: { check: all(validateStorageOs, secretNamed("name")) },
} satisfies Record<string, SourceRule>;

/** A PersistentVolume has no namespace of its own. */
export const volumeRules = {
  iscsi: { check: iscsi("must be valid format", secretNamed("name")) },
  cinder: { check: all(needs("volumeID"), secretNamed("name", "namespace")) },
  storageos: { check: all(validateStorageOs, secretNamed("name", "namespace")) },
} satisfies Record<string, SourceRule>;

/**
 * The errors of the first of `rules`' sources that `given` has; every further one is refused.
 */
export function validateOneSource(
  rules: Readonly<Record<string, SourceRule>>,
  given: VolumeSource,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  let found = false;
  for (const [name, { check, told = name, refused = name, mayFollow = false }] of Object.entries(rules)) {
    const source = given[name] as VolumeSource | undefined;
    if (source === undefined) continue;
    if (found && !mayFollow)
      errors.push(field.forbidden(`${path}.${refused}`, "may not specify more than 1 volume type"));
    else errors.push(...check(source, `${path}.${told}`));
    found = true;
  }
  return found ? errors : [field.required(path, "must specify a volume type")];
}
