import {
  configMapKeyErrors,
  dns1123LabelErrors,
  type FieldError,
  field,
  parseQuantity,
} from "../../../apimachinery/index.ts";
import { complaints } from "../../rules/values.ts";
import { validateFieldRef, volumePaths } from "./env.ts";
import type { DownwardFile, KeyToPath, ProjectedSource, Volume } from "./types.ts";

/** Sources in the order in which upstream counts them. */
const sourceNames = [
  "emptyDir",
  "hostPath",
  "gitRepo",
  "gcePersistentDisk",
  "awsElasticBlockStore",
  "secret",
  "nfs",
  "iscsi",
  "glusterfs",
  "persistentVolumeClaim",
  "rbd",
  "cinder",
  "cephfs",
  "flocker",
  "downwardAPI",
  "fc",
  "azureFile",
  "configMap",
  "vsphereVolume",
  "azureDisk",
  "storageos",
  "portworxVolume",
  "scaleIO",
  "quobyte",
  "photonPersistentDisk",
  "projected",
  "csi",
  "ephemeral",
  "image",
] as const;

const modeMax = 0o777;

export function validateVolumes(volumes: readonly Volume[], path: string): FieldError[] {
  const names = new Set<string>();
  return volumes.flatMap((volume, i) => {
    const at = `${path}[${i}]`;
    const errors = validateSource(volume, at);
    const { name } = volume;
    if (name === "") errors.push(field.required(`${at}.name`, ""));
    else errors.push(...complaints(`${at}.name`, name, dns1123LabelErrors(name)));
    if (names.has(name)) errors.push(field.duplicate(`${at}.name`, name));
    names.add(name);
    return errors;
  });
}

function validateSource(volume: Volume, path: string): FieldError[] {
  const given = sourceNames.filter((name) => volume[name] !== undefined);
  const [first, ...others] = given;
  if (first === undefined) return [field.required(path, "must specify a volume type")];
  return [
    ...validateFirst(first, volume, `${path}.${first}`),
    ...others.map((name) => field.forbidden(`${path}.${name}`, "may not specify more than 1 volume type")),
  ];
}

function validateFirst(name: (typeof sourceNames)[number], volume: Volume, path: string): FieldError[] {
  switch (name) {
    case "emptyDir": {
      const limit = volume.emptyDir?.sizeLimit;
      if (limit === undefined || parseQuantity(limit).nano >= 0n) return [];
      return [field.forbidden(`${path}.sizeLimit`, "SizeLimit field must be a valid resource quantity")];
    }
    case "hostPath":
      return needed(volume.hostPath?.path, `${path}.path`, withoutBacksteps);
    case "secret":
      return [
        ...needed(volume.secret?.secretName, `${path}.secretName`),
        ...validateMode(volume.secret?.defaultMode, `${path}.defaultMode`),
        ...validateItems(volume.secret?.items, path),
      ];
    case "configMap":
      return [
        ...needed(volume.configMap?.name, `${path}.name`),
        ...validateMode(volume.configMap?.defaultMode, `${path}.defaultMode`),
        ...validateItems(volume.configMap?.items, path),
      ];
    case "persistentVolumeClaim":
      return needed(volume.persistentVolumeClaim?.claimName, `${path}.claimName`);
    case "nfs":
      return [...needed(volume.nfs?.server, `${path}.server`), ...needed(volume.nfs?.path, `${path}.path`)];
    case "downwardAPI":
      return validateDownward(volume.downwardAPI?.items, path);
    case "projected":
      return validateProjected(volume.projected?.sources ?? [], path);
    case "csi":
      return needed(volume.csi?.driver, `${path}.driver`);
    default:
      return [];
  }
}

function needed(
  value: string | undefined,
  path: string,
  check?: (value: string, path: string) => FieldError[],
): FieldError[] {
  if (value === undefined || value === "") return [field.required(path, "")];
  return check?.(value, path) ?? [];
}

function withoutBacksteps(value: string, path: string): FieldError[] {
  if (!value.split("/").includes("..")) return [];
  return [field.invalid(path, value, "must not contain '..'")];
}

/** A file inside of the volume. */
function localPath(value: string, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (value.startsWith("/")) errors.push(field.invalid(path, value, "must be a relative path"));
  errors.push(...withoutBacksteps(value, path));
  if (value.startsWith("..") && !value.startsWith("../")) {
    errors.push(field.invalid(path, value, "must not start with '..'"));
  }
  return errors;
}

function validateMode(mode: number | undefined, path: string): FieldError[] {
  if (mode === undefined || (mode >= 0 && mode <= modeMax)) return [];
  return [field.invalid(path, mode, "must be a number between 0 and 0777 (octal), both inclusive")];
}

function validateItems(items: readonly KeyToPath[] | undefined, path: string): FieldError[] {
  return (items ?? []).flatMap(({ key, path: file, mode }, i) => {
    const at = `${path}.items[${i}]`;
    return [
      ...needed(key, `${at}.key`, (value, where) => complaints(where, value, configMapKeyErrors(value))),
      ...needed(file, `${at}.path`, localPath),
      ...validateMode(mode, `${at}.mode`),
    ];
  });
}

function validateDownward(items: readonly DownwardFile[] | undefined, path: string): FieldError[] {
  return (items ?? []).flatMap(({ path: file, fieldRef, resourceFieldRef }, i) => {
    const at = `${path}.items[${i}]`;
    const errors = needed(file, `${at}.path`, localPath);
    if (fieldRef !== undefined) {
      errors.push(...validateFieldRef(fieldRef, volumePaths, `${at}.fieldRef`));
      if (resourceFieldRef !== undefined) {
        errors.push(
          field.invalid(
            path,
            "resource",
            "fieldRef and resourceFieldRef can not be specified simultaneously",
          ),
        );
      }
    } else if (resourceFieldRef === undefined) {
      errors.push(field.required(at, "one of fieldRef and resourceFieldRef is required"));
    }
    return errors;
  });
}

function validateProjected(sources: readonly ProjectedSource[], path: string): FieldError[] {
  return sources.flatMap((source, i) => {
    const at = `${path}.sources[${i}]`;
    const kinds = Object.keys(source);
    if (kinds.length > 1) {
      return [field.forbidden(`${at}.${kinds[1]}`, "may not specify more than 1 volume type per source")];
    }
    const { secret, configMap, downwardAPI, serviceAccountToken } = source;
    if (secret !== undefined) {
      return [...needed(secret.name, `${at}.secret.name`), ...validateItems(secret.items, `${at}.secret`)];
    }
    if (configMap !== undefined) {
      return [
        ...needed(configMap.name, `${at}.configMap.name`),
        ...validateItems(configMap.items, `${at}.configMap`),
      ];
    }
    if (downwardAPI !== undefined) return validateDownward(downwardAPI.items, `${at}.downwardAPI`);
    if (serviceAccountToken === undefined) return [];
    return [
      ...needed(serviceAccountToken.path, `${at}.serviceAccountToken.path`, localPath),
      ...validateExpiration(
        serviceAccountToken.expirationSeconds,
        `${at}.serviceAccountToken.expirationSeconds`,
      ),
    ];
  });
}

const tokenSecondsMin = 10 * 60;

function validateExpiration(seconds: number | undefined, path: string): FieldError[] {
  if (seconds === undefined || seconds >= tokenSecondsMin) return [];
  return [field.invalid(path, seconds, "may not specify a duration less than 10 minutes")];
}
