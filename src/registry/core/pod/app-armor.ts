import { deepEqual, type FieldError, field } from "../../../apimachinery/index.ts";
import type { Container, ContainerSecurityContext, Pod, PodSpec } from "./types.ts";

/** AppArmor profiles were annotations until 1.30: they still say what the fields now do. */

export const appArmorPrefix = "container.apparmor.security.beta.kubernetes.io/";
const localhost = "localhost/";

type Profile = NonNullable<ContainerSecurityContext["appArmorProfile"]>;

function profileOf(annotation: string): Profile | undefined {
  if (annotation === "unconfined") return { type: "Unconfined" };
  if (annotation === "runtime/default") return { type: "RuntimeDefault" };
  const localhostProfile = annotation.startsWith(localhost) ? annotation.slice(localhost.length) : "";
  const isUsable = localhostProfile !== "" && localhostProfile.trim() === localhostProfile;
  return isUsable ? { type: "Localhost", localhostProfile } : undefined;
}

const lists = ["initContainers", "containers", "ephemeralContainers"] as const;
const containersOf = (spec: PodSpec): Container[] => lists.flatMap((list) => spec[list] ?? []);

/** Writes into the fields of a new pod what only its annotations say, and tells the client by `warn`. */
export function takeFromAnnotations(pod: Pod, warn: (text: string) => void): void {
  const { annotations } = pod.metadata;
  if (annotations === undefined || pod.spec.os?.name === "windows") return;
  const ofPod = pod.spec.securityContext?.appArmorProfile;
  for (const container of containersOf(pod.spec)) {
    const key = appArmorPrefix + container.name;
    const annotation = annotations[key];
    if (annotation === undefined || container.securityContext?.appArmorProfile !== undefined) continue;
    const profile = profileOf(annotation);
    if (profile !== undefined && deepEqual(profile, ofPod)) continue;
    if (profile !== undefined)
      container.securityContext = { ...container.securityContext, appArmorProfile: profile };
    const advice = 'deprecated since v1.30; use the "appArmorProfile" field instead';
    warn(`metadata.annotations[${key}]: ${advice}`);
  }
}

export const isProfileAnnotation = (key: string): boolean => key.startsWith(appArmorPrefix);

/** Annotations of pods must name containers that are there, and profiles that can be. */
export function validateAnnotatedProfiles(
  annotations: Readonly<Record<string, string>>,
  spec: PodSpec,
  at: string,
): FieldError[] {
  const names = new Set(containersOf(spec).map(({ name }) => name));
  return Object.entries(annotations).flatMap(([key, value]) => {
    if (!isProfileAnnotation(key)) return [];
    const path = `${at}[${key}]`;
    const name = key.slice(appArmorPrefix.length);
    const errors = names.has(name) ? [] : [field.invalid(path, name, "container not found")];
    const isKnown =
      value === "" || value === "runtime/default" || value === "unconfined" || value.startsWith(localhost);
    if (!isKnown) errors.push(field.invalid(path, value, `invalid AppArmor profile name: "${value}"`));
    return errors;
  });
}

/** Where a new pod says both, they must agree. */
export function validateProfilesAgree({ metadata, spec }: Pod): FieldError[] {
  if (spec.os?.name === "windows") return [];
  return lists.flatMap((list) =>
    (spec[list] ?? []).flatMap((container, i) => {
      const annotation = metadata.annotations?.[appArmorPrefix + container.name];
      const profile = container.securityContext?.appArmorProfile ?? spec.securityContext?.appArmorProfile;
      if (annotation === undefined || profile === undefined) return [];
      const path = `spec.${list}[${i}].securityContext.appArmorProfile`;
      const said = profileOf(annotation);
      if (said?.type !== profile.type)
        return [field.forbidden(`${path}.type`, "apparmor type in annotation and field must match")];
      if (said.localhostProfile === profile.localhostProfile) return [];
      const rule = "apparmor profile in annotation and field must match";
      return [field.forbidden(`${path}.localhostProfile`, rule)];
    }),
  );
}
