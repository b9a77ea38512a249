import { internalForm } from "../../schema/index.ts";
import { sharedFields } from "./shared-fields.ts";
import type { DefinitionSpec, Subresources } from "./types.ts";

/**
 * The versions as one complaint of upstream's shows them: its internal type, which has no JSON names, so that Go's stand there, each
 * field also where it is unset.
 */
export function printedVersions(spec: DefinitionSpec): object[] {
  const shared = sharedFields(spec);
  return spec.versions.map((version) => {
    const { schema, subresources, additionalPrinterColumns: columns, selectableFields } = version;
    return {
      Name: version.name,
      Served: version.served,
      Storage: version.storage,
      Deprecated: version.deprecated === true,
      DeprecationWarning: version.deprecationWarning ?? null,
      Schema:
        shared.schema || schema?.openAPIV3Schema === undefined
          ? null
          : { OpenAPIV3Schema: internalForm("JSONSchemaProps", schema.openAPIV3Schema) },
      Subresources: shared.subresources ? null : printedSubresources(subresources),
      AdditionalPrinterColumns: shared.columns
        ? null
        : (columns?.map((column) => ({
            Name: column.name,
            Type: column.type,
            Format: column.format ?? "",
            Description: column.description ?? "",
            Priority: column.priority ?? 0,
            JSONPath: column.jsonPath,
          })) ?? null),
      SelectableFields: shared.selectableFields
        ? null
        : (selectableFields?.map(({ jsonPath }) => ({ JSONPath: jsonPath })) ?? null),
    };
  });
}

function printedSubresources(subresources: Subresources | undefined): object | null {
  if (subresources === undefined) return null;
  const { status, scale } = subresources;
  return {
    Status: status === undefined ? null : {},
    Scale:
      scale === undefined
        ? null
        : {
            SpecReplicasPath: scale.specReplicasPath,
            StatusReplicasPath: scale.statusReplicasPath,
            LabelSelectorPath: scale.labelSelectorPath ?? null,
          },
  };
}
