import { type FieldError, field, rangeError } from "../../../apimachinery/index.ts";
import { oneOf } from "../../rules/values.ts";
import { validateSysctls } from "./sysctls.ts";
import type { ContainerSecurityContext, PodSecurityContext, PodSpec } from "./types.ts";

const idMax = 2 ** 31 - 1;

function validateId(path: string, id: number | undefined): FieldError[] {
  if (id === undefined || (id >= 0 && id <= idMax)) return [];
  return [field.invalid(path, id, rangeError(0, idMax))];
}

type SeccompProfile = NonNullable<PodSecurityContext["seccompProfile"]>;

const seccompTypes = ["Localhost", "RuntimeDefault", "Unconfined"];

function validateSeccomp(profile: SeccompProfile | undefined, path: string): FieldError[] {
  if (profile === undefined) return [];
  const { type, localhostProfile } = profile;
  if (type === "Localhost") {
    return localhostProfile
      ? []
      : [field.required(`${path}.localhostProfile`, "must be set when seccomp type is Localhost")];
  }
  if (!seccompTypes.includes(type)) {
    return [field.notSupported(`${path}.type`, type, ["Localhost", "RuntimeDefault", "Unconfined"])];
  }
  if (localhostProfile === undefined) return [];
  return [
    field.invalid(
      `${path}.localhostProfile`,
      localhostProfile,
      "can only be set when seccomp type is Localhost",
    ),
  ];
}

export function validatePodSecurity(spec: PodSpec, specPath: string): FieldError[] {
  const errors = spec.hostNetwork === true ? validateHostNetwork(spec, specPath) : [];
  const security = spec.securityContext;
  const path = `${specPath}.securityContext`;
  errors.push(...validateId(`${path}.fsGroup`, security?.fsGroup));
  errors.push(...validateId(`${path}.runAsUser`, security?.runAsUser));
  errors.push(...validateId(`${path}.runAsGroup`, security?.runAsGroup));
  security?.supplementalGroups?.forEach(
    (id, i) => void errors.push(...validateId(`${path}.supplementalGroups[${i}]`, id)),
  );
  if (spec.shareProcessNamespace === true && spec.hostPID === true) {
    const detail = "ShareProcessNamespace and HostPID cannot both be enabled";
    errors.push(field.invalid(`${path}.shareProcessNamespace`, true, detail));
  }
  errors.push(...validateSysctls(spec, `${path}.sysctls`));
  if (security?.fsGroupChangePolicy !== undefined) {
    errors.push(
      ...oneOf(`${path}.fsGroupChangePolicy`, security.fsGroupChangePolicy, ["Always", "OnRootMismatch"]),
    );
  }
  return [...errors, ...validateSeccomp(security?.seccompProfile, `${path}.seccompProfile`)];
}

/** On the node's network a container's port is the node's port. */
function validateHostNetwork(spec: PodSpec, specPath: string): FieldError[] {
  return (spec.containers ?? []).flatMap((container, i) =>
    (container.ports ?? []).flatMap(({ containerPort, hostPort = 0 }, j) => {
      if (hostPort === containerPort) return [];
      const path = `${specPath}.containers[${i}].ports[${j}].hostPort`;
      return [field.invalid(path, hostPort, "must match `containerPort` when `hostNetwork` is true")];
    }),
  );
}

export function validateContainerSecurity(
  security: ContainerSecurityContext | undefined,
  path: string,
): FieldError[] {
  if (security === undefined) return [];
  const errors = [
    ...validateId(`${path}.runAsUser`, security.runAsUser),
    ...validateId(`${path}.runAsGroup`, security.runAsGroup),
    ...validateSeccomp(security.seccompProfile, `${path}.seccompProfile`),
  ];
  if (security.allowPrivilegeEscalation === false && security.privileged === true) {
    const detail = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true";
    errors.push(field.invalid(path, security, detail));
  }
  return errors;
}
