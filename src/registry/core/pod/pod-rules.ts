import { type FieldError, field } from "../../../apimachinery/index.ts";
import { validateImagesAreTrim } from "./images.ts";
import { validatePodAnnotations } from "./pod-annotations.ts";
import { validatePodSpec } from "./pod-spec.ts";
import type { Pod } from "./types.ts";

/** What holds of every pod, new or changed: its own rules and those of its spec. Upstream's validatePodMetadataAndSpec. */
export function validatePod(pod: Pod, old?: Pod): FieldError[] {
  const { metadata, spec } = pod;
  return [
    ...validatePodAnnotations(metadata.annotations, spec, "metadata.annotations"),
    ...validatePodSpec(spec, "spec", { podName: metadata.name ?? "", old: old?.spec }),
    ...validateTokens(pod),
    ...validateImagesAreTrim(spec.containers, "spec.containers"),
    ...validateImagesAreTrim(spec.initContainers, "spec.initContainers"),
  ];
}

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
