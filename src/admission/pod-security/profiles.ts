import { field } from "../../apimachinery/index.ts";
import {
  containersOf,
  containersWith,
  named,
  type PodTemplate,
  plural,
  quotedList,
  settersOf,
  sorted,
  type Violation,
} from "./pod.ts";

/** The profiles by which a node's kernel confines programs: AppArmor, seccomp, SELinux. */

const appArmorAnnotation = "container.apparmor.security.beta.kubernetes.io/";
const seccompPodAnnotation = "seccomp.security.alpha.kubernetes.io/pod";
const seccompAnnotation = "container.seccomp.security.alpha.kubernetes.io/";

interface Profile {
  readonly type?: string;
}

/** A profile of the runtime's or of the node's own; anything else confines less. */
const confines = (type = ""): boolean => type === "RuntimeDefault" || type === "Localhost";

export function appArmorProfile(pod: PodTemplate): Violation | undefined {
  const bad = settersOf<Profile>(
    pod,
    (context) => context.appArmorProfile,
    ({ type }) => !confines(type),
  );
  const who = bad === undefined ? [] : [bad.who];
  const annotations = Object.entries(pod.metadata.annotations ?? {})
    .filter(([key, value]) => key.startsWith(appArmorAnnotation) && !isAllowedAppArmor(value))
    .map(([key, value]) => `${key}=${field.quoteGo(value)}`)
    .sort();
  if (annotations.length > 0) who.push(plural("annotation", "annotations", annotations.length));
  if (who.length === 0) return undefined;
  const values = [...typesOf(bad?.values), ...annotations];
  return {
    reason: plural("forbidden AppArmor profile", "forbidden AppArmor profiles", values.length),
    detail: `${who.join(" and ")} must not set AppArmor profile type to ${quotedList(values)}`,
  };
}

function isAllowedAppArmor(value: string): boolean {
  return value === "" || value === "runtime/default" || value.startsWith("localhost/");
}

function typesOf(profiles: readonly Profile[] = []): string[] {
  return sorted(profiles.map(({ type = "" }) => type));
}

/** Before 1.19, when annotations said it. */
export function seccompAnnotations(pod: PodTemplate): Violation | undefined {
  const { annotations = {} } = pod.metadata;
  const keys = [seccompPodAnnotation, ...containersOf(pod).map(({ name }) => seccompAnnotation + name)];
  const bad = sorted(
    keys.flatMap((key) => {
      const value = annotations[key];
      return value === undefined || isAllowedSeccomp(value) ? [] : [`${key}=${field.quoteGo(value)}`];
    }),
  );
  if (bad.length === 0) return undefined;
  const what = plural("annotation", "annotations", bad.length);
  return { reason: "seccompProfile", detail: `forbidden ${what} ${bad.join(", ")}` };
}

function isAllowedSeccomp(value: string): boolean {
  return value === "runtime/default" || value === "docker/default" || value.startsWith("localhost/");
}

export function seccompBaseline(pod: PodTemplate): Violation | undefined {
  const bad = settersOf<Profile>(
    pod,
    (context) => context.seccompProfile,
    ({ type }) => !confines(type),
  );
  if (bad === undefined) return undefined;
  const values = quotedList(typesOf(bad.values));
  return {
    reason: "seccompProfile",
    detail: `${bad.who} must not set securityContext.seccompProfile.type to ${values}`,
  };
}

export function seccompRestricted(pod: PodTemplate): Violation | undefined {
  const bad = seccompBaseline(pod);
  if (bad !== undefined || pod.spec.securityContext?.seccompProfile !== undefined) return bad;
  const silent = containersWith(pod, ({ securityContext }) => securityContext?.seccompProfile === undefined);
  if (silent.length === 0) return undefined;
  const who = named("container", silent);
  return {
    reason: "seccompProfile",
    detail: `pod or ${who} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`,
  };
}

interface SeLinuxOptions {
  readonly type?: string;
  readonly user?: string;
  readonly role?: string;
}

/** Users and roles are the node's to choose; types only among those made for containers. */
export function seLinuxOptions(allowed: readonly string[]): (pod: PodTemplate) => Violation | undefined {
  const isAllowed = (type = ""): boolean => type === "" || allowed.includes(type);
  return (pod) => {
    const bad = settersOf<SeLinuxOptions>(
      pod,
      (context) => context.seLinuxOptions,
      ({ type, user = "", role = "" }) => !isAllowed(type) || user !== "" || role !== "",
    );
    if (bad === undefined) return undefined;
    const types = sorted(bad.values.flatMap(({ type = "" }) => (isAllowed(type) ? [] : [type])));
    const data = types.length > 0 ? [named("type", types)] : [];
    if (bad.values.some(({ user = "" }) => user !== "")) data.push("user may not be set");
    if (bad.values.some(({ role = "" }) => role !== "")) data.push("role may not be set");
    return {
      reason: "seLinuxOptions",
      detail: `${bad.who} set forbidden securityContext.seLinuxOptions: ${data.join("; ")}`,
    };
  };
}
