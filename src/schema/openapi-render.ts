import type { OpenApiSchema } from "./go-types.ts";
import type { Operation, Parameter } from "./openapi-operation.ts";

/** OpenAPI 2 and 3 of the same operations and definitions, as kube-openapi writes them. */

const objectMediaTypes = ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"];
const streamMediaTypes = [
  "application/json;stream=watch",
  "application/vnd.kubernetes.protobuf;stream=watch",
];
const patchMediaTypes = [
  "application/json-patch+json",
  "application/merge-patch+json",
  "application/strategic-merge-patch+json",
  "application/apply-patch+yaml",
];

const customMediaTypes = ["application/json", "application/yaml"];
const customPatchMediaTypes = patchMediaTypes.filter((type) => !type.includes("strategic"));

type PathItem = Record<string, unknown>;

/** Parameters of all operations of a path stand once, at the path. */
function splitShared(operations: readonly Operation[]): { shared: Parameter[]; own: Parameter[][] } {
  const isShared = (parameter: Parameter): boolean =>
    operations.every((operation) => operation.parameters.some((other) => other.name === parameter.name));
  const sort = (parameters: Parameter[]): Parameter[] =>
    parameters.sort((a, b) => (a.name === b.name ? 0 : a.name < b.name ? -1 : 1));
  return {
    shared: sort((operations[0]?.parameters ?? []).filter(isShared)),
    own: operations.map((operation) =>
      sort(operation.parameters.filter((parameter) => !isShared(parameter))),
    ),
  };
}

function common(operation: Operation, tag: string): PathItem {
  const { group, version, kind } = operation.kind;
  if (operation.action === "") return { operationId: operation.id, tags: [tag] };
  return {
    operationId: operation.id,
    tags: [tag],
    "x-kubernetes-action": operation.action,
    "x-kubernetes-group-version-kind": { group, version, kind },
  };
}

function mediaTypes(operation: Operation): readonly string[] {
  if (operation.mediaTypes !== undefined) return operation.mediaTypes.produces;
  if (operation.custom) return customMediaTypes;
  return operation.streams ? [...objectMediaTypes, ...streamMediaTypes] : objectMediaTypes;
}

function bodyMediaTypes({ custom, method }: Operation): string[] {
  if (method === "patch") return custom ? customPatchMediaTypes : patchMediaTypes;
  return custom ? customMediaTypes : ["*/*"];
}

export function pathItemV3(operations: readonly Operation[], tag: string): PathItem {
  const { shared, own } = splitShared(operations);
  const item: PathItem = {};
  operations.forEach((operation, i) => {
    const parameters = (own[i] as Parameter[]).map(parameterV3);
    item[operation.method] = {
      ...common(operation, tag),
      ...(parameters.length === 0 ? {} : { parameters }),
      ...(operation.body === "" ? {} : { requestBody: requestBodyV3(operation) }),
      responses: responsesV3(operation),
    };
  });
  if (shared.length > 0) item.parameters = shared.map(parameterV3);
  return item;
}

function parameterV3(parameter: Parameter): PathItem {
  return {
    in: parameter.in,
    name: parameter.name,
    ...(parameter.in === "path" ? { required: true } : {}),
    schema: { type: parameter.type, uniqueItems: true },
  };
}

function contentV3(types: readonly string[], definition: string): PathItem {
  const schema = definition === "" ? { type: "string" } : { $ref: `#/components/schemas/${definition}` };
  return Object.fromEntries(types.map((type) => [type, { schema }]));
}

function requestBodyV3(operation: Operation): PathItem {
  return {
    content: contentV3(bodyMediaTypes(operation), operation.body),
    ...(operation.bodyRequired ? { required: true } : {}),
  };
}

function responsesV3(operation: Operation): PathItem {
  const content = contentV3(mediaTypes(operation), operation.response);
  return { ...Object.fromEntries(operation.responseCodes.map((code) => [code, { content }])), 401: {} };
}

export function pathItemV2(operations: readonly Operation[], tag: string): PathItem {
  const { shared, own } = splitShared(operations);
  const item: PathItem = {};
  operations.forEach((operation, i) => {
    const parameters: PathItem[] = (own[i] as Parameter[]).map(parameterV2);
    if (operation.body !== "") {
      parameters.unshift({
        in: "body",
        name: "body",
        ...(operation.bodyRequired ? { required: true } : {}),
        schema: { $ref: `#/definitions/${operation.body}` },
      });
    }
    const schema =
      operation.response === "" ? { type: "string" } : { $ref: `#/definitions/${operation.response}` };
    const response = { schema };
    const consumes =
      operation.mediaTypes === undefined ? consumedBy(operation) : operation.mediaTypes.consumes;
    item[operation.method] = {
      ...common(operation, tag),
      ...(consumes === undefined ? {} : { consumes }),
      produces: mediaTypes(operation),
      schemes: ["https"],
      ...(parameters.length === 0 ? {} : { parameters }),
      responses: { ...Object.fromEntries(operation.responseCodes.map((code) => [code, response])), 401: {} },
    };
  });
  if (shared.length > 0) item.parameters = shared.map(parameterV2);
  return item;
}

function consumedBy(operation: Operation): readonly string[] {
  return operation.action === "" ? objectMediaTypes : bodyMediaTypes(operation);
}

function parameterV2(parameter: Parameter): PathItem {
  return {
    in: parameter.in,
    name: parameter.name,
    ...(parameter.in === "path" ? { required: true } : {}),
    type: parameter.type,
    uniqueItems: true,
  };
}

/** A definition of v3 as v2 has it: no defaults, plain references, amounts and int-or-strings as texts. */
export function schemaV2(schema: OpenApiSchema): PathItem {
  const converted: PathItem = {};
  for (const [key, value] of Object.entries(schema)) {
    switch (key) {
      case "default":
        break;
      case "oneOf":
        converted.type = "string";
        break;
      case "allOf":
        converted.$ref = toV2((value as [{ $ref: string }])[0].$ref);
        break;
      case "$ref":
        converted.$ref = toV2(value as string);
        break;
      case "properties":
        converted.properties = Object.fromEntries(
          Object.entries(value as Record<string, OpenApiSchema>).map(([name, inner]) => [
            name,
            schemaV2(inner),
          ]),
        );
        break;
      case "items":
      case "additionalProperties":
        converted[key] = typeof value === "object" ? schemaV2(value as OpenApiSchema) : value;
        break;
      default:
        converted[key] = value;
    }
  }
  return converted;
}

function toV2(reference: string): string {
  return reference.replace("#/components/schemas/", "#/definitions/");
}
