import {
  configMapKeyErrors,
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  envVarNameErrors,
  type FieldError,
  field,
  qualifiedNameErrors,
} from "../../../apimachinery/index.ts";
import { complaints } from "../../rules/values.ts";
import { withoutBacksteps } from "../volume/paths.ts";
import type { EnvFromSource, EnvVar, KeySelector, PodSpec } from "./types.ts";
import type { ObjectFieldSelector, ResourceFieldSelector } from "./volume-types.ts";

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
  if (resourceFieldRef !== undefined)
    errors.push(...validateResourceRef(resourceFieldRef, `${path}.resourceFieldRef`, false));
  if (configMapKeyRef !== undefined)
    errors.push(...validateKeyRef(configMapKeyRef, `${path}.configMapKeyRef`));
  if (secretKeyRef !== undefined) errors.push(...validateKeyRef(secretKeyRef, `${path}.secretKeyRef`));
  if (fileKeyRef !== undefined) errors.push(...validateFileRef(fileKeyRef, `${path}.fileKeyRef`));
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
  if (apiVersion !== "v1") {
    const detail = `error converting fieldPath: unsupported pod version: ${apiVersion}`;
    return [field.invalid(`${path}.fieldPath`, fieldPath, detail)];
  }
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

function validateKeyRef({ name = "", key }: KeySelector, path: string): FieldError[] {
  const errors = complaints(`${path}.name`, name, dns1123SubdomainErrors(name));
  if (key === "") return [...errors, field.required(`${path}.key`, "")];
  return [...errors, ...complaints(`${path}.key`, key, configMapKeyErrors(key))];
}

type FileRef = NonNullable<NonNullable<EnvVar["valueFrom"]>["fileKeyRef"]>;

function validateFileRef({ key, volumeName, path: file }: FileRef, path: string): FieldError[] {
  const ask = (name: string, value: string, check: (at: string) => FieldError[]): FieldError[] =>
    value === "" ? [field.required(`${path}.${name}`, "")] : check(`${path}.${name}`);
  return [
    ...ask("key", key, (at) => complaints(at, key, envVarNameErrors(key))),
    ...ask("volumeName", volumeName, (at) => complaints(at, volumeName, dns1123LabelErrors(volumeName))),
    ...ask("path", file, (at) => withoutBacksteps(file, at)),
  ];
}

/** Files with variables are read from emptyDir volumes only. */
export function validateFileVolumes(spec: PodSpec, path: string): FieldError[] {
  const volumes = new Map((spec.volumes ?? []).map((volume) => [volume.name, volume]));
  return (["initContainers", "containers", "ephemeralContainers"] as const).flatMap((list) =>
    (spec[list] ?? []).flatMap(({ env = [] }, i) =>
      env.flatMap(({ valueFrom }, j) => {
        const volumeName = valueFrom?.fileKeyRef?.volumeName;
        if (volumeName === undefined) return [];
        const at = `${path}.${list}[${i}].env[${j}].valueFrom.fileKeyRef.volumeName`;
        const volume = volumes.get(volumeName);
        if (volume === undefined) return [field.notFound(at, volumeName)];
        if (volume.emptyDir !== undefined) return [];
        return [field.invalid(at, volumeName, "referenced volume must be of type emptyDir")];
      }),
    ),
  );
}

const resourcePaths = [
  "limits.cpu",
  "limits.ephemeral-storage",
  "limits.memory",
  "requests.cpu",
  "requests.ephemeral-storage",
  "requests.memory",
];
const hugePages = /^(?:limits|requests)\.hugepages-/;
const cpuDivisors = ["1m", "1"];
const byteDivisors = ["1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"];

/** How much of a resource a container may use; a volume has to say which container's (`isOfVolume`). */
export function validateResourceRef(
  { containerName = "", resource, divisor = "0" }: ResourceFieldSelector,
  path: string,
  isOfVolume: boolean,
): FieldError[] {
  const errors: FieldError[] = [];
  const at = `${path}.resource`;
  if (isOfVolume && containerName === "") errors.push(field.required(`${path}.containerName`, ""));
  else if (resource === "") errors.push(field.required(at, ""));
  else if (!resourcePaths.includes(resource) && !hugePages.test(resource))
    errors.push(field.notSupported(at, resource, resourcePaths));
  return [...errors, ...validateDivisor(resource, divisor, `${path}.divisor`)];
}

function validateDivisor(resource: string, divisor: string, path: string): FieldError[] {
  if (divisor === "0") return [];
  const refuse = (supported: readonly string[], name: string): FieldError[] => {
    if (supported.includes(divisor)) return [];
    const listed = supported.join(name === "cpu" ? " and " : ", ");
    const rule = `only divisor's values ${listed} are supported with the ${name} resource`;
    return [field.invalid(path, resource, rule)];
  };
  if (hugePages.test(resource)) return refuse(byteDivisors, "hugepages");
  switch (resource.slice(resource.indexOf(".") + 1)) {
    case "cpu":
      return refuse(cpuDivisors, "cpu");
    case "memory":
      return refuse(byteDivisors, "memory");
    case "ephemeral-storage":
      return refuse(byteDivisors, "local ephemeral storage");
    default:
      return [];
  }
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
      errors.push(field.invalid(path, "", "must specify one of: `configMapRef` or `secretRef`"));
    } else if (configMapRef !== undefined && secretRef !== undefined) {
      errors.push(field.invalid(path, "", "may not have more than one field specified at a time"));
    }
    return errors;
  });
}

function validateSourceName(name = "", path: string): FieldError[] {
  return name === "" ? [field.required(path, "")] : complaints(path, name, dns1123SubdomainErrors(name));
}
