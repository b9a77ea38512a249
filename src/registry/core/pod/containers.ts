import {
  dns1123LabelErrors,
  type FieldError,
  field,
  portNameErrors,
  portNumberErrors,
} from "../../../apimachinery/index.ts";
import { complaints, oneOf, protocols } from "../../rules/values.ts";
import { validateEnv, validateEnvFrom } from "./env.ts";
import { validatePullPolicy } from "./images.ts";
import { type Volumes, validateDevices, validateMounts } from "./mounts.ts";
import { validateProbes } from "./probes.ts";
import { validateResources } from "./resources.ts";
import { validateInitRestartPolicy, validateResizePolicy, validateRestartPolicy } from "./restart-rules.ts";
import { validateContainerSecurity } from "./security.ts";
import type { Container, ContainerPort, PodSpec } from "./types.ts";

const terminationPolicies = ["File", "FallbackToLogsOnError"];

export function validateContainers(spec: PodSpec, volumes: Volumes, path: string): FieldError[] {
  const containers = spec.containers ?? [];
  if (containers.length === 0) return [field.required(path, "")];
  const names = new Set<string>();
  const errors = containers.flatMap((container, i) => {
    const at = `${path}[${i}]`;
    return [
      ...validateCommon(container, spec, volumes, at),
      ...validateUnique(container.name, names, at),
      ...validateProbes(container, spec, at),
      ...validateRestartPolicy(container, at),
    ];
  });
  return [...errors, ...validateHostPorts(containers, path)];
}

/** A container that runs once, or beside the others when its restartPolicy says so. */
export function validateInitContainers(spec: PodSpec, volumes: Volumes, path: string): FieldError[] {
  const names = new Set((spec.containers ?? []).map(({ name }) => name));
  return (spec.initContainers ?? []).flatMap((container, i) => {
    const at = `${path}[${i}]`;
    const runsBeside = container.restartPolicy === "Always";
    return [
      ...validateCommon(container, spec, volumes, at),
      ...validateInitRestartPolicy(container, at),
      ...validateUnique(container.name, names, at),
      ...validateHostPorts([container], path),
      ...(runsBeside ? validateProbes(container, spec, at) : validateRunsOnce(container, at)),
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

/** In the order of upstream's type. */
const ephemeralForbids = [
  "ports",
  "resizePolicy",
  "restartPolicy",
  "restartPolicyRules",
  "livenessProbe",
  "readinessProbe",
  "startupProbe",
  "lifecycle",
] as const;

export function validateEphemeralContainers(spec: PodSpec, volumes: Volumes, path: string): FieldError[] {
  const others = [...(spec.containers ?? []), ...(spec.initContainers ?? [])].map(({ name }) => name);
  const names = new Set(others);
  const rule = "cannot be set for an Ephemeral Container";
  const list = spec.ephemeralContainers ?? [];
  return list.flatMap((container, i) => {
    const at = `${path}[${i}]`;
    const { targetContainerName: target, resources, volumeMounts = [] } = container;
    const errors = [
      ...validateCommon(container, spec, volumes, at),
      ...validateUnique(container.name, names, at),
    ];
    if (target && !others.includes(target)) errors.push(field.notFound(`${at}.targetContainerName`, target));
    const given: string[] = ephemeralForbids.filter((name) => container[name] !== undefined);
    if (resources !== undefined && Object.keys(resources).length > 0) given.push("resources");
    errors.push(...given.map((name) => field.forbidden(`${at}.${name}`, rule)));
    volumeMounts.forEach((mount, j) => {
      for (const name of ["subPath", "subPathExpr"] as const)
        if (mount[name]) errors.push(field.forbidden(`${at}.volumeMounts[${j}].${name}`, rule));
    });
    return errors;
  });
}

function validateUnique(name: string, names: Set<string>, path: string): FieldError[] {
  if (names.has(name)) return [field.duplicate(`${path}.name`, name)];
  if (name !== "") names.add(name);
  return [];
}

function validateCommon(container: Container, spec: PodSpec, volumes: Volumes, path: string): FieldError[] {
  const { name, image = "", terminationMessagePolicy } = container;
  const claims = (spec.resourceClaims ?? []).map((claim) => claim.name);
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
  errors.push(...validateDevices(container, volumes, path));
  errors.push(...validatePullPolicy(container.imagePullPolicy, `${path}.imagePullPolicy`));
  errors.push(...validateResources(container.resources ?? {}, `${path}.resources`, claims));
  errors.push(...validateResizePolicy(container, spec.restartPolicy, `${path}.resizePolicy`));
  const hasHostUsers = spec.hostUsers !== false;
  errors.push(
    ...validateContainerSecurity(container.securityContext, `${path}.securityContext`, hasHostUsers),
  );
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
