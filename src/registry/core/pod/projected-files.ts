import {
  type FieldError,
  field,
  type LabelSelector,
  validateLabelSelector,
} from "../../../apimachinery/index.ts";
import { needs } from "../volume/driver-rules.ts";
import { localPath } from "../volume/paths.ts";
import { validateFieldRef, validateResourceRef, volumePaths } from "./env.ts";
import type { DownwardFile, KeyToPath, ProjectedSource } from "./volume-types.ts";

/** Files that the kubelet makes of configuration, secrets and what the pod is. */

const modeMax = 0o777;
const tokenSecondsMin = 10 * 60;
const tokenSecondsMax = 2 ** 32;

export function validateMode(mode: number | undefined, path: string): FieldError[] {
  if (mode === undefined || (mode >= 0 && mode <= modeMax)) return [];
  return [field.invalid(path, mode, "must be a number between 0 and 0777 (octal), both inclusive")];
}

export function validateItems(items: readonly KeyToPath[] | undefined, path: string): FieldError[] {
  return (items ?? []).flatMap((item, i) => {
    const at = `${path}.items[${i}]`;
    return [
      ...needs("key", "path")({ ...item }, at),
      ...localPath(item.path ?? "", `${at}.path`),
      ...validateMode(item.mode, `${at}.mode`),
    ];
  });
}

/** Upstream counts these files not: their errors are all about `path`. */
export function validateDownward(items: readonly DownwardFile[] | undefined, path: string): FieldError[] {
  return (items ?? []).flatMap(({ path: file = "", fieldRef, resourceFieldRef, mode }) => {
    const errors = file === "" ? [field.required(`${path}.path`, "")] : [];
    errors.push(...localPath(file, `${path}.path`));
    if (fieldRef !== undefined) {
      errors.push(...validateFieldRef(fieldRef, volumePaths, `${path}.fieldRef`));
      if (resourceFieldRef !== undefined) {
        const rule = "fieldRef and resourceFieldRef can not be specified simultaneously";
        errors.push(field.invalid(path, "resource", rule));
      }
    } else if (resourceFieldRef !== undefined)
      errors.push(...validateResourceRef(resourceFieldRef, `${path}.resourceFieldRef`, true));
    else errors.push(field.required(path, "one of fieldRef and resourceFieldRef is required"));
    return [...errors, ...validateMode(mode, `${path}.mode`)];
  });
}

/** Sources that share one directory, so that no two may make the same file. `path`: of the volume. */
export function validateProjected(sources: readonly ProjectedSource[], path: string): FieldError[] {
  const files = new Set<string>();
  const taken = (file: string | undefined, shown: string): FieldError[] => {
    if (!file) return [];
    if (files.has(file)) return [field.invalid(path, shown, "conflicting duplicate paths")];
    files.add(file);
    return [];
  };
  return sources.flatMap((source, i) => {
    const at = `${path}.sources[${i}]`;
    const errors = [
      ...validateKeys(source.secret, `${at}.secret`, taken),
      ...validateKeys(source.configMap, `${at}.configMap`, taken),
    ];
    if (source.downwardAPI !== undefined) {
      for (const file of source.downwardAPI.items ?? []) {
        errors.push(...validateDownward([file], `${at}.downwardAPI`), ...taken(file.path, file.path ?? ""));
      }
    }
    // Upstream's texts about the token's file leave the source out.
    if (source.serviceAccountToken !== undefined)
      errors.push(...validateToken(source.serviceAccountToken, `${at}.serviceAccountToken`, path));
    if (source.clusterTrustBundle !== undefined) {
      const { path: file = "" } = source.clusterTrustBundle;
      errors.push(...validateTrustBundle(source.clusterTrustBundle, `${at}.clusterTrustBundle`));
      errors.push(...taken(file, file));
    }
    const count = kinds.filter((kind) => source[kind] !== undefined).length;
    if (count > 1) errors.push(field.forbidden(at, "may not specify more than 1 volume type per source"));
    return errors;
  });
}

const kinds = [
  "secret",
  "configMap",
  "downwardAPI",
  "serviceAccountToken",
  "clusterTrustBundle",
  "podCertificate",
];

type Taken = (file: string | undefined, shown: string) => FieldError[];

function validateKeys(
  source: { name?: string; items?: KeyToPath[] } | undefined,
  path: string,
  taken: Taken,
): FieldError[] {
  if (source === undefined) return [];
  const { name = "", items } = source;
  const errors = name === "" ? [field.required(`${path}.name`, "")] : [];
  errors.push(...validateItems(items, path));
  return [...errors, ...(items ?? []).flatMap((item) => taken(item.path, name))];
}

function validateToken(
  { path: file = "", expirationSeconds = 0 }: NonNullable<ProjectedSource["serviceAccountToken"]>,
  path: string,
  volumePath: string,
): FieldError[] {
  const errors: FieldError[] = [];
  const refuse = (rule: string): void =>
    void errors.push(field.invalid(`${path}.expirationSeconds`, expirationSeconds, rule));
  if (expirationSeconds < tokenSecondsMin) refuse("may not specify a duration less than 10 minutes");
  if (expirationSeconds > tokenSecondsMax) refuse("may not specify a duration larger than 2^32 seconds");
  const at = `${volumePath}.path`;
  return [...errors, ...(file === "" ? [field.required(at, "")] : localPath(file, at))];
}

function validateTrustBundle(
  bundle: NonNullable<ProjectedSource["clusterTrustBundle"]>,
  path: string,
): FieldError[] {
  const { name, signerName, labelSelector, path: file = "" } = bundle;
  const errors: FieldError[] = [];
  if (name !== undefined && signerName !== undefined)
    errors.push(field.invalid(path, bundle, "only one of name and signerName may be used"));
  else if (name !== undefined) {
    if (name === "") errors.push(field.required(`${path}.name`, "must be a valid object name"));
    if (labelSelector !== undefined)
      errors.push(
        field.invalid(
          `${path}.labelSelector`,
          labelSelector,
          "labelSelector must be unset if name is specified",
        ),
      );
  } else if (signerName !== undefined) {
    if (signerName === "") errors.push(field.required(`${path}.signerName`, "must be a valid signer name"));
    errors.push(
      ...validateLabelSelector(labelSelector as LabelSelector | undefined, `${path}.labelSelector`),
    );
  } else errors.push(field.required(path, "either name or signerName must be specified"));
  if (file === "") errors.push(field.required(`${path}.path`, ""));
  return [...errors, ...localPath(file, `${path}.path`)];
}
