import { type FieldError, field } from "../../../apimachinery/index.ts";
import { oneOf } from "../../rules/values.ts";
import type { Container } from "./types.ts";

const pullPolicies = ["Always", "IfNotPresent", "Never"];

export function validatePullPolicy(policy: string | undefined, path: string): FieldError[] {
  return oneOf(path, policy, pullPolicies);
}

/** Pods, unlike templates, name images without spaces around them. */
export function validateImagesAreTrim(
  containers: readonly Container[] | null | undefined,
  path: string,
): FieldError[] {
  return (containers ?? []).flatMap(({ image = "" }, i) =>
    image.trim() === image
      ? []
      : [field.invalid(`${path}[${i}].image`, image, "must not have leading or trailing whitespace")],
  );
}
