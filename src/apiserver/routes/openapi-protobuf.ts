import type { Json, JsonObject } from "../../apimachinery/index.ts";

/**
 * Swagger 2.0 in protobuf, as gnostic (https://github.com/google/gnostic, openapiv2/OpenAPIv2.proto) lays it out: what
 * kubectl asks of /openapi/v2. Maps become lists of named values, extensions become YAML texts. Made once for a document, so
 * clarity comes before speed here.
 */
export function swaggerProtobuf(document: JsonObject): Buffer {
  return Buffer.concat(documentMessage(document));
}

/** Content of a message, in pieces. */
type Message = (value: JsonObject) => Buffer[];
/** One field of a message: tag and all. */
type Field = (value: Json) => Buffer[];

const varintType = 0;
const bytesType = 2;

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}

function delimited(number: number, pieces: readonly Buffer[]): Buffer[] {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  return [varint(number * 8 + bytesType), varint(length), ...pieces];
}

const text =
  (number: number): Field =>
  (value) =>
    delimited(number, [Buffer.from(String(value))]);

const bool =
  (number: number): Field =>
  (value) => [varint(number * 8 + varintType), varint(value === true ? 1 : 0)];

const sub =
  (number: number, message: Message): Field =>
  (value) =>
    delimited(number, message(value as JsonObject));

const repeated =
  (field: Field): Field =>
  (values) =>
    (values as Json[]).flatMap(field);

/** A map: one `{ name = 1, value = 2 }` an entry. */
const named =
  (number: number, value: Field): Field =>
  (map) =>
    Object.entries(map as JsonObject).flatMap(([name, member]) =>
      delimited(number, [...text(1)(name), ...value(member)]),
    );

/** Any value at all; JSON is YAML. */
const any =
  (number: number): Field =>
  (value) =>
    delimited(number, text(2)(`${JSON.stringify(value)}\n`));

/** A message by its fields' JSON names; what begins with `x-` is an extension, kept in field `extensions`. */
function message(fields: Readonly<Record<string, Field>>, extensions = 0): Message {
  const known = new Map(Object.entries(fields));
  return (value) =>
    Object.entries(value).flatMap(([name, member]) => {
      const field = known.get(name);
      if (field !== undefined) return field(member);
      if (extensions === 0 || !name.startsWith("x-")) return [];
      return delimited(extensions, [...text(1)(name), ...any(2)(member)]);
    });
}

/** A message with one field out of several, as a wrapper around what is inside. */
const wrapped =
  (number: number, inner: Message): Message =>
  (value) =>
    delimited(number, inner(value));

// Schemas contain schemas: looked up when a document is written.
const schema: Message = (value) => schemaMessage(value);

const schemaMessage = message(
  {
    $ref: text(1),
    format: text(2),
    title: text(3),
    description: text(4),
    default: any(5),
    pattern: text(13),
    uniqueItems: bool(16),
    required: repeated(text(19)),
    enum: repeated(any(20)),
    additionalProperties: (value) =>
      typeof value === "boolean" ? delimited(21, bool(2)(value)) : sub(21, wrapped(1, schema))(value),
    type: (value) => delimited(22, repeated(text(1))(Array.isArray(value) ? value : [value])),
    items: sub(23, wrapped(1, schema)),
    allOf: repeated(sub(24, schema)),
    properties: (value) => delimited(25, named(1, sub(2, schema))(value)),
    readOnly: bool(27),
    example: any(30),
  },
  31,
);

const bodyParameter = message(
  { description: text(1), name: text(2), in: text(3), required: bool(4), schema: sub(5, schema) },
  6,
);

const queryParameter = message(
  {
    required: bool(1),
    in: text(2),
    description: text(3),
    name: text(4),
    type: text(6),
    format: text(7),
    uniqueItems: bool(20),
  },
  23,
);

const pathParameter = message(
  {
    required: bool(1),
    in: text(2),
    description: text(3),
    name: text(4),
    type: text(5),
    format: text(6),
    uniqueItems: bool(19),
  },
  22,
);

/** ParametersItem → Parameter → the sort of parameter. */
const parameter: Message = (value) => {
  if (value["$ref"] !== undefined) return delimited(2, text(1)(value["$ref"]));
  if (value["in"] === "body") return delimited(1, delimited(1, bodyParameter(value)));
  const inner =
    value["in"] === "path" ? delimited(4, pathParameter(value)) : delimited(3, queryParameter(value));
  return delimited(1, delimited(2, inner));
};

const response = message({ description: text(1), schema: sub(2, wrapped(1, schema)) }, 5);

const operation = message(
  {
    tags: repeated(text(1)),
    summary: text(2),
    description: text(3),
    operationId: text(5),
    produces: repeated(text(6)),
    consumes: repeated(text(7)),
    parameters: repeated(sub(8, parameter)),
    responses: (value) => delimited(9, named(1, sub(2, wrapped(1, response)))(value)),
    schemes: repeated(text(10)),
    deprecated: bool(11),
  },
  13,
);

const pathItem = message(
  {
    get: sub(2, operation),
    put: sub(3, operation),
    post: sub(4, operation),
    delete: sub(5, operation),
    options: sub(6, operation),
    head: sub(7, operation),
    patch: sub(8, operation),
    parameters: repeated(sub(9, parameter)),
  },
  10,
);

const apiKey = message({ type: text(1), name: text(2), in: text(3), description: text(4) }, 5);

const documentMessage = message(
  {
    swagger: text(1),
    info: sub(2, message({ title: text(1), version: text(2), description: text(3) }, 7)),
    paths: (value) => delimited(8, named(2, sub(2, pathItem))(value)),
    definitions: (value) => delimited(9, named(1, sub(2, schema))(value)),
    security: repeated((value) =>
      delimited(12, named(1, (scopes) => delimited(2, repeated(text(1))(scopes)))(value)),
    ),
    securityDefinitions: (value) => delimited(13, named(1, sub(2, wrapped(2, apiKey)))(value)),
  },
  16,
);
