import {
  dns1123LabelErrors,
  type FieldError,
  field,
  portNameErrors,
  portNumberErrors,
} from "../../../apimachinery/index.ts";
import { complaints, oneOf, protocols } from "../../rules/values.ts";
import { validateEnv, validateEnvFrom } from "./env.ts";
import { validateProbes } from "./probes.ts";
import { validateResources } from "./resources.ts";
import { validateContainerSecurity } from "./security.ts";
import type { Container, ContainerPort, PodSpec } from "./types.ts";

const pullPolicies = ["Always", "IfNotPresent", "Never"];
const terminationPolicies = ["File", "FallbackToLogsOnError"];

/** Names of everything that can be mounted. */
type VolumeNames = ReadonlySet<string>;

export function validateContainers(spec: PodSpec, volumes: VolumeNames, path: string): FieldError[] {
  const containers = spec.containers ?? [];
  if (containers.length === 0) return [field.required(path, "")];
  const names = new Set<string>();
  const errors = containers.flatMap((container, i) => {
    const at = `${path}[${i}]`;
    return [
      ...validateCommon(container, volumes, at),
      ...validateUnique(container.name, names, at),
      ...validateProbes(container, at),
    ];
  });
  return [...errors, ...validateHostPorts(containers, path)];
}

/** A container that runs once, or beside the others when its restartPolicy says so. */
export function validateInitContainers(spec: PodSpec, volumes: VolumeNames, path: string): FieldError[] {
  const names = new Set((spec.containers ?? []).map(({ name }) => name));
  return (spec.initContainers ?? []).flatMap((container, i) => {
    const at = `${path}[${i}]`;
    const runsBeside = container.restartPolicy === "Always";
    return [
      ...validateCommon(container, volumes, at),
      ...validateUnique(container.name, names, at),
      ...validateHostPorts([container], path),
      ...(runsBeside ? validateProbes(container, at) : validateRunsOnce(container, at)),
    ];
  });
}

const runsOnceForbids = ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] as const;

function validateRunsOnce(container: Container, path: string): FieldError[] {
  return runsOnceForbids
    .filter((name) => container[name] !== undefined)
    .map((name) =>
      field.forbidden(`${path}.${name}`, "may not be set for init containers without restartPolicy=Always"),
    );
}

const ephemeralForbids = ["ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle"] as const;

export function validateEphemeralContainers(spec: PodSpec, volumes: VolumeNames, path: string): FieldError[] {
  const names = new Set([...(spec.containers ?? []), ...(spec.initContainers ?? [])].map(({ name }) => name));
  return (spec.ephemeralContainers ?? []).flatMap((container, i) => {
    const at = `${path}[${i}]`;
    const forbidden = ephemeralForbids
      .filter((name) => container[name] !== undefined)
      .map((name) => field.forbidden(`${at}.${name}`, "cannot be set for an Ephemeral Container"));
    return [
      ...validateCommon(container, volumes, at),
      ...validateUnique(container.name, names, at),
      ...forbidden,
    ];
  });
}

function validateUnique(name: string, names: Set<string>, path: string): FieldError[] {
  if (names.has(name)) return [field.duplicate(`${path}.name`, name)];
  if (name !== "") names.add(name);
  return [];
}

function validateCommon(container: Container, volumes: VolumeNames, path: string): FieldError[] {
  const { name, image = "", terminationMessagePolicy, imagePullPolicy } = container;
  const errors =
    name === ""
      ? [field.required(`${path}.name`, "")]
      : complaints(`${path}.name`, name, dns1123LabelErrors(name));
  if (image === "") errors.push(field.required(`${path}.image`, ""));
  errors.push(...oneOf(`${path}.terminationMessagePolicy`, terminationMessagePolicy, terminationPolicies));
  errors.push(...validatePorts(container.ports ?? [], `${path}.ports`));
  errors.push(...validateEnv(container.env ?? [], `${path}.env`));
  errors.push(...validateEnvFrom(container.envFrom ?? [], `${path}.envFrom`));
  errors.push(...validateMounts(container, volumes, path));
  errors.push(...oneOf(`${path}.imagePullPolicy`, imagePullPolicy, pullPolicies));
  errors.push(...validateResources(container.resources ?? {}, `${path}.resources`));
  errors.push(...validateContainerSecurity(container.securityContext, `${path}.securityContext`));
  return errors;
}

function validatePorts(ports: readonly ContainerPort[], path: string): FieldError[] {
  const names = new Set<string>();
  return ports.flatMap(({ name = "", containerPort, hostPort = 0, protocol }, i) => {
    const at = `${path}[${i}]`;
    const errors: FieldError[] = [];
    if (name !== "") {
      const malformed = portNameErrors(name);
      if (malformed.length > 0) errors.push(...complaints(`${at}.name`, name, malformed));
      else if (names.has(name)) errors.push(field.duplicate(`${at}.name`, name));
      else names.add(name);
    }
    if (containerPort === 0) errors.push(field.required(`${at}.containerPort`, ""));
    else errors.push(...complaints(`${at}.containerPort`, containerPort, portNumberErrors(containerPort)));
    if (hostPort !== 0) errors.push(...complaints(`${at}.hostPort`, hostPort, portNumberErrors(hostPort)));
    errors.push(...oneOf(`${at}.protocol`, protocol, protocols));
    return errors;
  });
}

/** Two ports on one address of the node cannot both be had. */
function validateHostPorts(containers: readonly Container[], path: string): FieldError[] {
  const taken = new Set<string>();
  return containers.flatMap((container, i) =>
    (container.ports ?? []).flatMap(({ hostPort = 0, hostIP = "", protocol }, j) => {
      if (hostPort === 0) return [];
      const identity = `${protocol}/${hostIP}/${hostPort}`;
      if (taken.has(identity)) return [field.duplicate(`${path}[${i}].ports[${j}].hostPort`, identity)];
      taken.add(identity);
      return [];
    }),
  );
}

function validateMounts(container: Container, volumes: VolumeNames, path: string): FieldError[] {
  const places = new Set<string>();
  const mounts = (container.volumeMounts ?? []).flatMap(({ name, mountPath }, i) => {
    const at = `${path}.volumeMounts[${i}]`;
    const errors: FieldError[] = [];
    if (name === "") errors.push(field.required(`${at}.name`, ""));
    if (!volumes.has(name)) errors.push(field.notFound(`${at}.name`, name));
    if (mountPath === "") errors.push(field.required(`${at}.mountPath`, ""));
    if (places.has(mountPath)) errors.push(field.invalid(`${at}.mountPath`, mountPath, "must be unique"));
    places.add(mountPath);
    return errors;
  });
  const devices = (container.volumeDevices ?? []).flatMap(({ name, devicePath }, i) => {
    const at = `${path}.volumeDevices[${i}]`;
    const errors: FieldError[] = [];
    if (name === "") errors.push(field.required(`${at}.name`, ""));
    if (devicePath === "") errors.push(field.required(`${at}.devicePath`, ""));
    if (name !== "" && !volumes.has(name)) errors.push(field.notFound(`${at}.name`, name));
    return errors;
  });
  return [...mounts, ...devices];
}
