import { type FieldError, field, validateAnnotations, validateLabels } from "../../../apimachinery/index.ts";
import type { ClaimTemplate } from "../volume/claim-spec.ts";
import { validateClaimSpec } from "../volume/claim-spec.ts";

/** Of the metadata only labels and annotations reach the claim. */
const kept = new Set(["labels", "annotations"]);

export function validateClaimTemplate(
  { metadata = {}, spec = {} }: ClaimTemplate,
  path: string,
): FieldError[] {
  const at = `${path}.metadata`;
  return [
    ...validateAnnotations(metadata.annotations, `${at}.annotations`),
    ...validateLabels(metadata.labels, `${at}.labels`),
    ...Object.entries(metadata).flatMap(([name, value]) =>
      kept.has(name) || value === null ? [] : [field.forbidden(`${at}.${name}`, "cannot be set")],
    ),
    ...validateClaimSpec(spec, `${path}.spec`),
  ];
}
