import { type FieldError, field, rangeError } from "../../../apimachinery/index.ts";
import { internalForm } from "../../../schema/index.ts";
import { descendingPath } from "../volume/paths.ts";
import { validateSysctls } from "./sysctls.ts";
import type { ContainerSecurityContext, PodSecurityContext, PodSpec } from "./types.ts";
import { validateWindowsOptions } from "./windows.ts";

/** Whose rights the processes of a pod have. */

const idMax = 2 ** 31 - 1;
/** PATH_MAX of Linux, without the zero at its end. */
const profileBytesMax = 4095;

function validateId(path: string, id: number | undefined): FieldError[] {
  if (id === undefined || (id >= 0 && id <= idMax)) return [];
  return [field.invalid(path, id, rangeError(0, idMax))];
}

type SeccompProfile = NonNullable<PodSecurityContext["seccompProfile"]>;
type AppArmorProfile = NonNullable<PodSecurityContext["appArmorProfile"]>;

const profileTypes = ["Localhost", "RuntimeDefault", "Unconfined"];

function validateSeccomp(profile: SeccompProfile | undefined, path: string): FieldError[] {
  if (profile === undefined) return [];
  const { type, localhostProfile } = profile;
  const errors: FieldError[] = [];
  if (type === "") errors.push(field.required(`${path}.type`, "type is required when seccompProfile is set"));
  else if (!profileTypes.includes(type)) errors.push(field.notSupported(`${path}.type`, type, profileTypes));
  const at = `${path}.localhostProfile`;
  if (type !== "Localhost") {
    if (localhostProfile === undefined) return errors;
    // Upstream prints the profile as its own code names the parts.
    const shown = { Type: type, LocalhostProfile: localhostProfile };
    return [...errors, field.invalid(at, shown, "can only be set when seccomp type is Localhost")];
  }
  return localhostProfile === undefined
    ? [field.required(at, "must be set when seccomp type is Localhost")]
    : descendingPath(localhostProfile, at);
}

function validateAppArmor(profile: AppArmorProfile | undefined, path: string): FieldError[] {
  if (profile === undefined) return [];
  const { type, localhostProfile } = profile;
  const at = `${path}.localhostProfile`;
  if (type === "") return [field.required(`${path}.type`, "type is required when appArmorProfile is set")];
  if (!profileTypes.includes(type)) return [field.notSupported(`${path}.type`, type, profileTypes)];
  if (type !== "Localhost") {
    if (localhostProfile === undefined) return [];
    return [field.invalid(at, localhostProfile, "can only be set when AppArmor type is Localhost")];
  }
  const trimmed = localhostProfile?.trim();
  const errors: FieldError[] = [];
  if (trimmed !== localhostProfile)
    errors.push(field.invalid(at, localhostProfile, "must not be padded with whitespace"));
  else if (!trimmed) errors.push(field.required(at, "must be set when AppArmor type is Localhost"));
  if (Buffer.byteLength(localhostProfile ?? "") > profileBytesMax)
    errors.push(field.tooLong(at, profileBytesMax));
  return errors;
}

const seLinuxPolicies = ["MountOption", "Recursive"];

const known = (value: string | undefined, path: string, supported: readonly string[]): FieldError[] =>
  value === undefined || supported.includes(value) ? [] : [field.notSupported(path, value, supported)];

/** `old`: what stood there before. */
export function validatePodSecurity(spec: PodSpec, specPath: string, old: PodSpec | undefined): FieldError[] {
  const security = spec.securityContext ?? {};
  const path = `${specPath}.securityContext`;
  const errors = [
    ...validateId(`${path}.fsGroup`, security.fsGroup),
    ...validateId(`${path}.runAsUser`, security.runAsUser),
    ...validateId(`${path}.runAsGroup`, security.runAsGroup),
    ...(security.supplementalGroups ?? []).flatMap((id, i) =>
      validateId(`${path}.supplementalGroups[${i}]`, id),
    ),
  ];
  if (spec.shareProcessNamespace === true && spec.hostPID === true) {
    const detail = "ShareProcessNamespace and HostPID cannot both be enabled";
    errors.push(field.invalid(`${path}.shareProcessNamespace`, true, detail));
  }
  // Where there was one, whichever, all of them are let through.
  const relabelings =
    old?.securityContext?.seLinuxChangePolicy === undefined ? ["Recursive"] : seLinuxPolicies;
  return [
    ...errors,
    ...validateSysctls(spec, `${path}.sysctls`),
    ...known(security.fsGroupChangePolicy, `${path}.fsGroupChangePolicy`, ["Always", "OnRootMismatch"]),
    ...validateSeccomp(security.seccompProfile, `${path}.seccompProfile`),
    ...validateWindowsOptions(security.windowsOptions, `${path}.windowsOptions`),
    ...validateAppArmor(security.appArmorProfile, `${path}.appArmorProfile`),
    ...known(security.supplementalGroupsPolicy, `${path}.supplementalGroupsPolicy`, ["Merge", "Strict"]),
    ...known(security.seLinuxChangePolicy, `${path}.seLinuxChangePolicy`, relabelings),
  ];
}

/** On the node's network a container's port is the node's port; a template may leave that to be said for each pod. */
export function validateHostNetwork(spec: PodSpec, specPath: string, isPod: boolean): FieldError[] {
  if (spec.hostNetwork !== true) return [];
  return (spec.containers ?? []).flatMap((container, i) =>
    (container.ports ?? []).flatMap(({ containerPort, hostPort = 0 }, j) => {
      if (hostPort === containerPort || (hostPort === 0 && !isPod)) return [];
      const path = `${specPath}.containers[${i}].ports[${j}].hostPort`;
      return [field.invalid(path, hostPort, "must match `containerPort` when `hostNetwork` is true")];
    }),
  );
}

/** Users of their own do not go with the node's namespaces nor with raw devices. */
export function validateHostUsers(spec: PodSpec, path: string): FieldError[] {
  if (spec.hostUsers !== false) return [];
  const rule = "when `hostUsers` is false";
  const errors: FieldError[] = [];
  if (spec.hostNetwork === true) errors.push(field.forbidden(`${path}.hostNetwork`, rule));
  if (spec.hostPID === true) errors.push(field.forbidden(`${path}.HostPID`, rule));
  if (spec.hostIPC === true) errors.push(field.forbidden(`${path}.HostIPC`, rule));
  for (const list of ["initContainers", "containers", "ephemeralContainers"] as const) {
    spec[list]?.forEach(({ volumeDevices = [] }, i) => {
      if (volumeDevices.length > 0) errors.push(field.forbidden(`${path}.${list}[${i}].volumeDevices`, rule));
    });
  }
  return errors;
}

const procMounts = ["Default", "Unmasked"];

/** `hasHostUsers`: whether the pod's users are the node's. */
export function validateContainerSecurity(
  security: ContainerSecurityContext | undefined,
  path: string,
  hasHostUsers: boolean,
): FieldError[] {
  if (security === undefined) return [];
  const { procMount, privileged, allowPrivilegeEscalation, capabilities } = security;
  const errors = [
    ...validateId(`${path}.runAsUser`, security.runAsUser),
    ...validateId(`${path}.runAsGroup`, security.runAsGroup),
    ...known(procMount, `${path}.procMount`, procMounts),
  ];
  if (procMount === "Unmasked" && hasHostUsers)
    errors.push(field.invalid(`${path}.procMount`, procMount, "`hostUsers` must be false to use `Unmasked`"));
  errors.push(...validateSeccomp(security.seccompProfile, `${path}.seccompProfile`));
  if (allowPrivilegeEscalation === false) {
    const rule = "cannot set `allowPrivilegeEscalation` to false and";
    if (privileged === true)
      errors.push(
        field.invalid(path, internalForm("SecurityContext", security), `${rule} \`privileged\` to true`),
      );
    if (capabilities?.add?.includes("CAP_SYS_ADMIN") === true)
      errors.push(
        field.invalid(
          path,
          internalForm("SecurityContext", security),
          `${rule} \`capabilities.Add\` CAP_SYS_ADMIN`,
        ),
      );
  }
  return [
    ...errors,
    ...validateWindowsOptions(security.windowsOptions, `${path}.windowsOptions`),
    ...validateAppArmor(security.appArmorProfile, `${path}.appArmorProfile`),
  ];
}
