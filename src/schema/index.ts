/** Built-in kinds: what resources there are, what their objects look like, how they are published. */

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
export { type OpenApiDocument, type OpenApiPublisher, openApiPublisher } from "./openapi.ts";
export {
  builtinResources,
  type ResourceInfo,
  resourceInfo,
  resourceOfKind,
  type SubresourceInfo,
  type TableColumn,
} from "./resources.ts";
