import { deepEqual } from "../../apimachinery/index.ts";
import type { JsonSchemaProps } from "../../schema/index.ts";
import type { DefinitionSpec, DefinitionVersion } from "./types.ts";

/**
 * Upstream keeps what all versions have alike once, at the top of the spec, and errors name that place: `spec.validation.openAPIV3Schema`
 * where all schemas are the same, `spec.versions[0].schema.openAPIV3Schema` where not.
 */
export interface SharedFields {
  readonly schema: boolean;
  readonly subresources: boolean;
  readonly columns: boolean;
  readonly selectableFields: boolean;
}

export function sharedFields({ versions }: DefinitionSpec): SharedFields {
  const alike = (read: (version: DefinitionVersion) => unknown): boolean =>
    versions.length > 0 &&
    versions.every((version) => deepEqual(read(version), read(versions[0] as DefinitionVersion)));
  return {
    schema: alike(({ schema }) => schema),
    subresources: alike(({ subresources }) => subresources),
    columns: alike(({ additionalPrinterColumns }) => additionalPrinterColumns),
    selectableFields: alike(({ selectableFields }) => selectableFields),
  };
}

/** Every schema of a CRD, once where the versions share it. */
export function schemasOf(spec: DefinitionSpec): JsonSchemaProps[] {
  // Null where a client gave none, which validation refuses.
  const schemas = (spec.versions ?? [])
    .map(({ schema }) => schema?.openAPIV3Schema)
    .filter((schema) => schema !== undefined);
  return schemas.length > 1 && sharedFields(spec).schema ? schemas.slice(0, 1) : schemas;
}
