import { type FieldError, field } from "../../../apimachinery/index.ts";
import { validateAnnotatedProfiles } from "./app-armor.ts";
import { validateImagesAreTrim } from "./images.ts";
import { validatePodSpec } from "./pod-spec.ts";
import type { Pod } from "./types.ts";

const mirror = "kubernetes.io/config.mirror";
const deletionCost = "controller.kubernetes.io/pod-deletion-cost";
const int32 = /^(?:0|-?[1-9]\d{0,9})$/;

/** What holds of every pod, new or changed: its own rules and those of its spec. Upstream's validatePodMetadataAndSpec. */
export function validatePod(pod: Pod, old?: Pod): FieldError[] {
  const { metadata, spec } = pod;
  return [
    ...validateAnnotations(pod),
    ...validateAnnotatedProfiles(pod),
    ...validatePodSpec(spec, "spec", { podName: metadata.name ?? "", old: old?.spec }),
    ...validateTokens(pod),
    ...validateImagesAreTrim(spec.containers, "spec.containers"),
    ...validateImagesAreTrim(spec.initContainers, "spec.initContainers"),
  ];
}

function validateAnnotations({ metadata, spec }: Pod): FieldError[] {
  const errors: FieldError[] = [];
  const at = (key: string): string => `metadata.annotations[${key}]`;
  const mirrored = metadata.annotations?.[mirror];
  if (mirrored !== undefined && !spec.nodeName)
    errors.push(
      field.invalid(at(mirror), mirrored, "must set spec.nodeName if mirror pod annotation is set"),
    );
  const cost = metadata.annotations?.[deletionCost];
  if (cost !== undefined && !isInt32(cost))
    errors.push(field.invalid(at(deletionCost), cost, "must be a 32bit integer"));
  return errors;
}

const isInt32 = (text: string): boolean =>
  int32.test(text) && Number(text) >= -(2 ** 31) && Number(text) < 2 ** 31;

/** Tokens are of the pod's own account. */
function validateTokens({ spec }: Pod): FieldError[] {
  if (spec.serviceAccountName) return [];
  const rule = "must not be specified when serviceAccountName is not set";
  return (spec.volumes ?? []).flatMap(({ projected }, i) =>
    (projected?.sources ?? []).flatMap(({ serviceAccountToken }, j) =>
      serviceAccountToken === undefined
        ? []
        : [field.forbidden(`spec.volumes[${i}].projected.sources[${j}].serviceAccountToken`, rule)],
    ),
  );
}
