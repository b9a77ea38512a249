import {
  type FieldError,
  field,
  type ObjectMeta,
  validateAnnotations,
  validateLabels,
} from "../../apimachinery/index.ts";

/** Of the metadata of a template that objects are made of, only these reach the objects. */
const kept = new Set(["labels", "annotations"]);

export function validateTemplateMetadata(metadata: ObjectMeta, path: string): FieldError[] {
  return [
    ...validateAnnotations(metadata.annotations, `${path}.annotations`),
    ...validateLabels(metadata.labels, `${path}.labels`),
    ...Object.entries(metadata).flatMap(([name, value]) =>
      kept.has(name) || value === null
        ? []
        : [field.forbidden(`${path}.${name === "uid" ? "uID" : name}`, "cannot be set")],
    ),
  ];
}
