import { type FieldError, field } from "../../../apimachinery/index.ts";
import { descendingPath } from "../volume/paths.ts";
import { isProfileAnnotation, validateAnnotatedProfiles } from "./app-armor.ts";
import type { Pod, PodSpec } from "./types.ts";

const mirror = "kubernetes.io/config.mirror";
export const seccompAnnotation = "seccomp.security.alpha.kubernetes.io/pod";
export const containerSeccompPrefix = "container.seccomp.security.alpha.kubernetes.io/";
const deletionCost = "controller.kubernetes.io/pod-deletion-cost";
const localProfile = "localhost/";
const seccompProfiles: ReadonlySet<string> = new Set(["runtime/default", "docker/default", "unconfined"]);
const int32 = /^(?:0|-?[1-9]\d{0,9})$/;

/** Annotations that mean something to a pod, of one or of the template for some. Upstream's ValidatePodSpecificAnnotations. */
export function validatePodAnnotations(
  annotations: Readonly<Record<string, string>> | undefined,
  spec: PodSpec,
  path: string,
): FieldError[] {
  if (annotations === undefined) return [];
  const errors: FieldError[] = [];
  const mirrored = annotations[mirror];
  if (mirrored !== undefined && !spec.nodeName) {
    const rule = "must set spec.nodeName if mirror pod annotation is set";
    errors.push(field.invalid(`${path}[${mirror}]`, mirrored, rule));
  }
  const cost = annotations[deletionCost];
  if (cost !== undefined && !isInt32(cost))
    errors.push(field.invalid(`${path}[${deletionCost}]`, cost, "must be a 32bit integer"));
  return [
    ...errors,
    ...validateSeccomp(annotations, path),
    ...validateAnnotatedProfiles(annotations, spec, path),
  ];
}

/** They do nothing any more, and are looked at all the same. */
function validateSeccomp(annotations: Readonly<Record<string, string>>, path: string): FieldError[] {
  return Object.entries(annotations).flatMap(([key, profile]) => {
    if (key !== seccompAnnotation && !key.startsWith(containerSeccompPrefix)) return [];
    if (seccompProfiles.has(profile)) return [];
    const at = `${path}.${key}`;
    if (profile.startsWith(localProfile)) return descendingPath(profile.slice(localProfile.length), at);
    return [field.invalid(at, profile, "must be a valid seccomp profile")];
  });
}

const isInt32 = (text: string): boolean =>
  int32.test(text) && Number(text) >= -(2 ** 31) && Number(text) < 2 ** 31;

/** Annotations that a pod has from its beginning and keeps. */
export function validateKeptAnnotations(next: Pod, old: Pod): FieldError[] {
  const [after, before] = [next.metadata.annotations ?? {}, old.metadata.annotations ?? {}];
  const refusal = (key: string, doing: string): FieldError[] => {
    const path = `metadata.annotations[${key}]`;
    if (isProfileAnnotation(key)) return [field.forbidden(path, `may not ${doing} AppArmor annotations`)];
    return key === mirror ? [field.forbidden(path, `may not ${doing} mirror pod annotation`)] : [];
  };
  return [
    ...Object.keys(before).flatMap((key) =>
      after[key] === before[key] ? [] : refusal(key, "remove or update"),
    ),
    ...Object.keys(after).flatMap((key) => (Object.hasOwn(before, key) ? [] : refusal(key, "add"))),
    // The second time, and upstream tells it twice.
    ...validatePodAnnotations(next.metadata.annotations, next.spec, "metadata.annotations"),
  ];
}
