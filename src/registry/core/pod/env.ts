import {
  configMapKeyErrors,
  dns1123SubdomainErrors,
  envVarNameErrors,
  type FieldError,
  field,
  qualifiedNameErrors,
} from "../../../apimachinery/index.ts";
import { complaints } from "../../rules/values.ts";
import type { EnvFromSource, EnvVar, KeySelector, ObjectFieldSelector } from "./types.ts";

/** Fields of a pod that a container may be told, as the API names them. */
const knownPaths = new Set([
  "metadata.annotations",
  "metadata.labels",
  "metadata.name",
  "metadata.namespace",
  "metadata.uid",
  "spec.nodeName",
  "spec.host",
  "spec.restartPolicy",
  "spec.serviceAccountName",
  "spec.schedulerName",
  "status.phase",
  "status.hostIP",
  "status.hostIPs",
  "status.podIP",
  "status.podIPs",
]);

const envPaths = [
  "metadata.name",
  "metadata.namespace",
  "metadata.uid",
  "spec.nodeName",
  "spec.serviceAccountName",
  "status.hostIP",
  "status.hostIPs",
  "status.podIP",
  "status.podIPs",
];

export const volumePaths = [
  "metadata.annotations",
  "metadata.labels",
  "metadata.name",
  "metadata.namespace",
  "metadata.uid",
];

export function validateEnv(variables: readonly EnvVar[], path: string): FieldError[] {
  return variables.flatMap((variable, i) => {
    const at = `${path}[${i}]`;
    const errors =
      variable.name === ""
        ? [field.required(`${at}.name`, "")]
        : complaints(`${at}.name`, variable.name, envVarNameErrors(variable.name));
    return [...errors, ...validateValueFrom(variable, `${at}.valueFrom`)];
  });
}

function validateValueFrom({ value = "", valueFrom }: EnvVar, path: string): FieldError[] {
  if (valueFrom === undefined) return [];
  const errors: FieldError[] = [];
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = valueFrom;
  if (fieldRef !== undefined) errors.push(...validateFieldRef(fieldRef, envPaths, `${path}.fieldRef`));
  if (resourceFieldRef !== undefined && resourceFieldRef.resource === "") {
    errors.push(field.required(`${path}.resourceFieldRef.resource`, ""));
  }
  if (configMapKeyRef !== undefined)
    errors.push(...validateKeyRef(configMapKeyRef, `${path}.configMapKeyRef`));
  if (secretKeyRef !== undefined) errors.push(...validateKeyRef(secretKeyRef, `${path}.secretKeyRef`));
  const sources = [fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef].filter(
    (source) => source !== undefined,
  ).length;
  if (sources === 0) {
    const choices = "`fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`";
    errors.push(field.invalid(path, "", `must specify one of: ${choices}`));
  } else if (value !== "") {
    errors.push(field.invalid(path, "", "may not be specified when `value` is not empty"));
  } else if (sources > 1) {
    errors.push(field.invalid(path, "", "may not have more than one field specified at a time"));
  }
  return errors;
}

export function validateFieldRef(
  { apiVersion = "", fieldPath }: ObjectFieldSelector,
  supported: readonly string[],
  path: string,
): FieldError[] {
  if (apiVersion === "") return [field.required(`${path}.apiVersion`, "")];
  if (fieldPath === "") return [field.required(`${path}.fieldPath`, "")];
  const subscripted = /^(.*)\['(.*)'\]$/.exec(fieldPath);
  const plain = subscripted?.[1] ?? fieldPath;
  if (!knownPaths.has(plain)) {
    const detail = `error converting fieldPath: field label not supported: ${plain}`;
    return [field.invalid(`${path}.fieldPath`, fieldPath, detail)];
  }
  if (subscripted === null) {
    return supported.includes(plain) ? [] : [field.notSupported(`${path}.fieldPath`, plain, supported)];
  }
  const key = subscripted[2] ?? "";
  if (plain === "metadata.annotations") return complaints(path, key, qualifiedNameErrors(key.toLowerCase()));
  if (plain === "metadata.labels") return complaints(path, key, qualifiedNameErrors(key));
  return [field.invalid(path, plain, "does not support subscript")];
}

function validateKeyRef({ key }: KeySelector, path: string): FieldError[] {
  if (key === "") return [field.required(`${path}.key`, "")];
  return complaints(`${path}.key`, key, configMapKeyErrors(key));
}

export function validateEnvFrom(sources: readonly EnvFromSource[], path: string): FieldError[] {
  return sources.flatMap(({ prefix, configMapRef, secretRef }, i) => {
    const at = `${path}[${i}]`;
    const errors: FieldError[] = [];
    if (prefix) errors.push(...complaints(`${at}.prefix`, prefix, envVarNameErrors(prefix)));
    if (configMapRef !== undefined)
      errors.push(...validateSourceName(configMapRef.name, `${at}.configMapRef.name`));
    if (secretRef !== undefined) errors.push(...validateSourceName(secretRef.name, `${at}.secretRef.name`));
    if (configMapRef === undefined && secretRef === undefined) {
      errors.push(field.invalid(at, "", "must specify one of: `configMapRef` or `secretRef`"));
    } else if (configMapRef !== undefined && secretRef !== undefined) {
      errors.push(field.invalid(at, "", "may not have more than one field specified at a time"));
    }
    return errors;
  });
}

function validateSourceName(name = "", path: string): FieldError[] {
  return name === "" ? [field.required(path, "")] : complaints(path, name, dns1123SubdomainErrors(name));
}
