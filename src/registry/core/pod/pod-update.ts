import { deepEqual, type FieldError, field, rangeError } from "../../../apimachinery/index.ts";
import { changesOf } from "../../rules/changes.ts";
import { validateGatedUpdate, withNodeAffinityOf } from "./gated-update.ts";
import { validateKeptAnnotations } from "./pod-annotations.ts";
import { validatePod } from "./pod-rules.ts";
import { validateTolerations } from "./scheduling.ts";
import type { Container, Pod, PodSpec, Toleration } from "./types.ts";

/** What may change in a pod that exists: upstream's ValidatePodUpdate. */

const int32Max = 2 ** 31 - 1;
const mayChange = [
  "`spec.containers[*].image`",
  "`spec.initContainers[*].image`",
  "`spec.activeDeadlineSeconds`",
  "`spec.tolerations` (only additions to existing tolerations)",
  "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
].join(",");

export function validatePodUpdate(next: Pod, old: Pod): FieldError[] {
  const errors = [...validatePod(next, old), ...validateKeptAnnotations(next, old)];
  const containers = validateImages(next.spec.containers, old.spec.containers, "spec.containers");
  errors.push(...containers.errors);
  if (containers.stop) return errors;
  const init = validateImages(next.spec.initContainers, old.spec.initContainers, "spec.initContainers");
  errors.push(...init.errors);
  if (init.stop) return errors;
  const deadline = validateDeadline(next.spec.activeDeadlineSeconds, old.spec.activeDeadlineSeconds);
  errors.push(...deadline);
  if (deadline.length > 0) return errors;
  errors.push(...validateTolerationsGrow(next.spec.tolerations ?? [], old.spec.tolerations ?? []));
  errors.push(...validateGatesShrink(next.spec, old.spec));
  errors.push(...validateRest(next.spec, old.spec));
  return errors;
}

function validateImages(
  next: readonly Container[] | null | undefined,
  old: readonly Container[] | null | undefined,
  path: string,
): { errors: FieldError[]; stop: boolean } {
  const containers = next ?? [];
  if (containers.length !== (old ?? []).length) {
    return { errors: [field.forbidden(path, "pod updates may not add or remove containers")], stop: true };
  }
  const errors = containers.flatMap(({ image = "" }, i) => {
    const at = `${path}[${i}].image`;
    if (image === "") return [field.required(at, "")];
    return image.trim() === image
      ? []
      : [field.invalid(at, image, "must not have leading or trailing whitespace")];
  });
  return { errors, stop: false };
}

function validateDeadline(next: number | undefined, old: number | undefined): FieldError[] {
  const path = "spec.activeDeadlineSeconds";
  if (next === undefined) {
    if (old === undefined) return [];
    return [field.invalid(path, null, "must not update from a positive integer to nil value")];
  }
  if (next < 0 || next > int32Max) return [field.invalid(path, next, rangeError(0, int32Max))];
  if (old !== undefined && old < next) {
    return [field.invalid(path, next, "must be less than or equal to previous value")];
  }
  return [];
}

function validateTolerationsGrow(next: readonly Toleration[], old: readonly Toleration[]): FieldError[] {
  const withoutSeconds = ({
    tolerationSeconds: _,
    ...rest
  }: Toleration): Omit<Toleration, "tolerationSeconds"> => rest;
  for (const before of old) {
    if (next.some((toleration) => deepEqual(withoutSeconds(toleration), withoutSeconds(before)))) continue;
    return [
      field.forbidden(
        "spec.tolerations",
        "existing toleration can not be modified except its tolerationSeconds",
      ),
    ];
  }
  // The second time, and upstream tells it twice.
  return validateTolerations(next, "spec.tolerations");
}

function validateGatesShrink(next: PodSpec, old: PodSpec): FieldError[] {
  const before = new Set(old.schedulingGates?.map(({ name }) => name));
  return (next.schedulingGates ?? []).flatMap(({ name }, i) => {
    if (before.has(name)) return [];
    const detail = `only deletion is allowed, but found new scheduling gate '${name}'`;
    return [field.forbidden(`spec.schedulingGates[${i}].name`, detail)];
  });
}

/** Everything else must be as it was. */
function validateRest(next: PodSpec, old: PodSpec): FieldError[] {
  const munged: PodSpec = {
    ...next,
    containers: withImagesOf(next.containers ?? [], old.containers ?? []),
    ...(next.initContainers === undefined
      ? {}
      : { initContainers: withImagesOf(next.initContainers, old.initContainers ?? []) }),
  };
  for (const name of ["activeDeadlineSeconds", "tolerations", "schedulingGates"] as const)
    copyField(munged, old, name);
  // A negative grace period was never meant: it may be corrected to what it has been treated as.
  if ((old.terminationGracePeriodSeconds ?? 0) < 0 && next.terminationGracePeriodSeconds === 1) {
    copyField(munged, old, "terminationGracePeriodSeconds");
  }
  const errors: FieldError[] = [];
  if ((old.schedulingGates?.length ?? 0) > 0) {
    errors.push(...validateGatedUpdate(next, old));
    copyField(munged, old, "nodeSelector");
    withNodeAffinityOf(munged, old);
  }
  if (deepEqual(munged, old)) return errors;
  const changes = changesOf("PodSpec", munged, old);
  return [
    ...errors,
    field.forbidden("spec", `pod updates may not change fields other than ${mayChange}\n${changes}`),
  ];
}

function withImagesOf(next: readonly Container[], old: readonly Container[]): Container[] {
  return next.map((container, i) => {
    const { image: _, ...rest } = container;
    const image = old[i]?.image;
    return image === undefined ? rest : { ...rest, image };
  });
}

function copyField(to: PodSpec, from: PodSpec, name: string): void {
  if (from[name] === undefined) delete to[name];
  else to[name] = from[name];
}
