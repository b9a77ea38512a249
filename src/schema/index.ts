/** Built-in kinds: what resources there are, what their objects look like, how they are published. Custom kinds the same, from their schema. */

export { Correlation } from "./custom/correlation.ts";
export { customForm } from "./custom/custom-form.ts";
export { CustomNode, customRoot } from "./custom/custom-node.ts";
export { pruneDefaults } from "./custom/default-pruning.ts";
export { dropNulls, fillDefaults } from "./custom/defaulting.ts";
export { formatCheck } from "./custom/formats.ts";
export {
  itemsSchema,
  type JsonSchemaProps,
  someSchema,
  type ValidationRule,
  valuesSchema,
} from "./custom/json-schema.ts";
export { listTypeProblems } from "./custom/list-types.ts";
export {
  coerceEmbedded,
  embeddedProblems,
  FieldProblem,
  readMetadata,
  readStoredMetadata,
} from "./custom/object-meta.ts";
export { compilePattern, loadPatterns, PatternError } from "./custom/pattern.ts";
export { prune } from "./custom/pruning.ts";
export { valueProblems } from "./custom/value-validation.ts";
export {
  canonicalize,
  type Decoded,
  DecodeError,
  decode,
  emptyObject,
  noKindMessage,
  schemaOfKind,
  strictErrors,
} from "./decode.ts";
export { applyDefaults } from "./defaults.ts";
export { formOfKind, type KindForm } from "./form.ts";
export type { OpenApiSchema } from "./go-types.ts";
export { internalForm } from "./internal-form.ts";
export { type OpenApiDocument, type OpenApiPublisher, openApiPublisher } from "./openapi.ts";
export {
  builtinResources,
  type PublishedKind,
  type ResourceInfo,
  resourceInfo,
  resourceOfKind,
  type SubresourceInfo,
  type TableColumn,
} from "./resources.ts";
