import {
  canonicalQuantity,
  type GroupVersionKind,
  type Json,
  type KubeObject,
  QuantityError,
  type SchemaNode,
  setOwn,
} from "../apimachinery/index.ts";
import { assert } from "../base/index.ts";
import { explainConversion } from "./conversion-errors.ts";
import { explainMismatch, listUnknownFields } from "./decode-errors.ts";
import { canonicalTime, isBase64 } from "./scalars.ts";
import {
  schemaPropsDefinition,
  type TypeField,
  type TypeNode,
  typeOfDefinition,
  typeOfKind,
} from "./types.ts";

/**
 * What Go's decoder makes of a body: unknown fields gone, null as absent, zero values of optional fields dropped, fields without
 * omitempty always there, quantities and times in their canonical form. Lists and maps without items stay, for Go tells them from
 * absent ones, and so do defaults and validation; only when an object is stored do the two become one (`canonicalize`). One pass
 * builds the result in Go's field order and only notes that something does not fit; what exactly, and in whose words, is found by
 * a second pass that good bodies never pay for.
 */

/** A value of the wrong type; the message is Go's: `json: cannot unmarshal string into Go struct field …`. */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
  /** The same in the words of upstream's converter, where it has others: see conversion-errors.ts. */
  readonly conversion: () => string | undefined;

  constructor(message: string, conversion: () => string | undefined = () => undefined) {
    super(message);
    this.conversion = conversion;
  }
}

export interface Decoded {
  /** With every field that Go's decoder would leave: unknown ones pruned, zero values of optional ones dropped. */
  readonly object: KubeObject;
  /** Paths of fields that the kind does not have, in document order: `spec.foo`, `spec.template.spec.containers[0].bar`. */
  readonly unknownFields: readonly string[];
}

/**
 * Checks a parsed body against a built-in kind and brings it into the form that upstream would store and answer.
 * The body is not changed. @throws DecodeError
 */
export function decode(kind: GroupVersionKind, body: Json): Decoded {
  const type = typeOfKind(kind);
  if (type === undefined) throw new DecodeError(noKindMessage(kind));
  return normalize(kind, type, body, "kept");
}

function normalize(kind: GroupVersionKind, type: TypeNode, body: Json, empties: Empties): Decoded {
  const pass = new Normalizer(empties);
  let object: Json;
  try {
    object = pass.read(type, withIdentity(body, kind));
  } catch (error) {
    if (error !== mismatch && !(error instanceof QuantityError)) throw error;
    throw new DecodeError(explainMismatch(type, body), () => explainConversion(type, body));
  }
  return {
    object: object as unknown as KubeObject,
    unknownFields: pass.sawUnknown ? listUnknownFields(type, body) : [],
  };
}

/** A value of a definition of upstream's, such as ObjectMeta, as Go's decoder and encoder leave it. @throws DecodeError */
export function decodeDefinition(
  definition: string,
  value: Json,
): { readonly value: Json; readonly unknownFields: readonly string[] } {
  const type = typeOfDefinition(definition);
  assert(type !== undefined, `no definition ${definition}`);
  const pass = new Normalizer("encoded");
  try {
    const read = pass.read(type, value ?? {});
    return { value: read, unknownFields: pass.sawUnknown ? listUnknownFields(type, value) : [] };
  } catch (error) {
    if (error !== mismatch && !(error instanceof QuantityError)) throw error;
    throw new DecodeError(explainMismatch(type, value));
  }
}

/** A body may leave out what it is. */
function withIdentity(body: Json, kind: GroupVersionKind): Json {
  if (body !== null && (typeof body !== "object" || Array.isArray(body))) return body;
  const apiVersion = kind.group === "" ? kind.version : `${kind.group}/${kind.version}`;
  if (body === null) return { kind: kind.kind, apiVersion };
  if ((body.kind ?? "") !== "" && (body.apiVersion ?? "") !== "") return body;
  return { ...body, kind: body.kind || kind.kind, apiVersion: body.apiVersion || apiVersion };
}

/**
 * An object of ours in the one form that is stored: fields in Go's order, map keys sorted, lists and maps without items as absent. Two
 * objects that upstream would store alike encode to the same bytes. The object is not changed. @throws DecodeError
 */
export function canonicalize(kind: GroupVersionKind, object: KubeObject): KubeObject {
  const type = typeOfKind(kind);
  if (type === undefined) throw new DecodeError(noKindMessage(kind));
  const empties = groupsKeptAsJson.has(kind.group) ? "encoded" : "absent";
  return normalize(kind, type, object as unknown as Json, empties).object;
}

/**
 * Upstream stores the first two as JSON, in which an empty list of a field without omitempty is another value than null, and answers the
 * others without storing them; all else it stores as protobuf.
 */
const groupsKeptAsJson = new Set([
  "apiextensions.k8s.io",
  "apiregistration.k8s.io",
  "authentication.k8s.io",
  "authorization.k8s.io",
]);

const emptyObjects = new Map<string, KubeObject>();

/** An object of a kind in which nothing is set, as Go's zero value is encoded: what field ownership compares a new object with. */
export function emptyObject(kind: GroupVersionKind): KubeObject {
  const key = `${kind.group}/${kind.version}/${kind.kind}`;
  let empty = emptyObjects.get(key);
  if (empty === undefined) {
    empty = decode(kind, {}).object;
    emptyObjects.set(key, empty);
  }
  return empty;
}

/** What upstream's scheme says of a kind that it does not know. */
export function noKindMessage(kind: GroupVersionKind): string {
  const version = kind.group === "" ? kind.version : `${kind.group}/${kind.version}`;
  return `no kind "${kind.kind}" is registered for version "${version}" in scheme "pkg/runtime/scheme.go:111"`;
}

/** The texts of a strict decoding error, or of the warnings: `unknown field "spec.foo"`, `duplicate field "spec.bar"`. */
export function strictErrors(unknownFields: readonly string[], duplicates: readonly string[]): string[] {
  return [
    ...new Set([
      ...unknownFields.map((path) => `unknown field "${path}"`),
      ...duplicates
        .filter((path) => !unknownFields.some((unknown) => isBelow(path, unknown)))
        .map((path) => `duplicate field "${path}"`),
    ]),
  ].slice(0, strictErrorsMax);
}

/** As many as upstream collects (sigs.k8s.io/json). */
const strictErrorsMax = 100;

function isBelow(path: string, parent: string): boolean {
  return path === parent || path.startsWith(`${parent}.`) || path.startsWith(`${parent}[`);
}

/** The shape of a built-in kind, for patches and apply; undefined for a kind that there is not. */
export function schemaOfKind(kind: GroupVersionKind): SchemaNode | undefined {
  return typeOfKind(kind);
}

/** Thrown and caught within one `decode`; carries nothing, the second pass tells. */
const mismatch = new Error("a value does not fit its type");

/**
 * What becomes of lists, maps and bytes without items: kept as they are in Go's memory; dropped where Go's encoder of JSON leaves them
 * out, which is in fields with omitempty; or absent, as protobuf knows no other.
 */
type Empties = "kept" | "encoded" | "absent";

class Normalizer {
  sawUnknown = false;
  readonly #empties: Empties;

  constructor(empties: Empties) {
    this.#empties = empties;
  }

  /** `value` is not null. */
  read(type: TypeNode, value: Json): Json {
    switch (type.codec) {
      case "struct":
        return this.#readStruct(type, value);
      case "map":
        return this.#readMap(type.values as TypeNode, value);
      case "list":
        return this.#readList(type.items as TypeNode, value);
      case "string":
        if (typeof value === "string") return value;
        throw mismatch;
      case "bool":
        if (typeof value === "boolean") return value;
        throw mismatch;
      case "int32":
        if (isInt32(value)) return value;
        throw mismatch;
      case "int64":
        if (isInt64(value)) return value;
        throw mismatch;
      case "float":
        if (typeof value === "number") return value;
        throw mismatch;
      case "bytes":
        if (typeof value === "string" && isBase64(value)) return value.replace(/[\r\n]/g, "");
        throw mismatch;
      case "quantity":
        if (typeof value === "string" || typeof value === "number")
          return canonicalQuantity(String(value).trim());
        throw mismatch;
      case "intOrString":
        if (typeof value === "string" || isInt32(value)) return value;
        throw mismatch;
      case "time":
      case "microtime": {
        const canonical =
          typeof value === "string" ? canonicalTime(value, type.codec === "microtime") : undefined;
        if (canonical === undefined) throw mismatch;
        return canonical;
      }
      case "raw":
        return value;
      case "schemaOrBool":
        return typeof value === "boolean" ? value : this.#readSchemaProps(value);
      // The readers of these two pass over a value that is neither.
      case "schemaOrArray":
        if (Array.isArray(value)) return value.map((item) => this.#readSchemaProps(item));
        return typeof value === "object" ? this.#readSchemaProps(value) : null;
      case "schemaOrStringArray":
        if (Array.isArray(value)) {
          if (value.some((item) => item !== null && typeof item !== "string")) throw mismatch;
          return value.map((item) => item ?? "");
        }
        return typeof value === "object" ? this.#readSchemaProps(value) : null;
    }
  }

  #readStruct(type: TypeNode, value: Json): Json {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw mismatch;
    const read: Record<string, Json> = {};
    let known = 0;
    for (const field of type.fieldList) {
      const given = value[field.name];
      if (given === undefined) {
        if (isWrittenWhenAbsent(field)) read[field.name] = this.#zero(field);
        continue;
      }
      known++;
      if (given === null) {
        if (isWrittenWhenAbsent(field)) read[field.name] = this.#zero(field);
        continue;
      }
      const next = this.read(field.node, given);
      if (this.#isDropped(field, next)) {
        if (!field.omitEmpty) read[field.name] = this.#zero(field);
      } else {
        read[field.name] = next;
      }
    }
    let given = 0;
    for (const _key in value) given++;
    if (given !== known) this.sawUnknown = true;
    return read;
  }

  #readMap(values: TypeNode, value: Json): Json {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw mismatch;
    const read: Record<string, Json> = {};
    for (const key of sortedKeys(value)) {
      const given = value[key] as Json;
      setOwn(read, key, given === null ? this.#zeroOf(values) : this.read(values, given));
    }
    return read;
  }

  #readList(items: TypeNode, value: Json): Json {
    if (!Array.isArray(value)) throw mismatch;
    return value.map((item) => (item === null ? this.#zeroOf(items) : this.read(items, item)));
  }

  #readSchemaProps(value: Json): Json {
    return this.read(typeOfDefinition(schemaPropsDefinition) as TypeNode, value);
  }

  #isDropped(field: TypeField, value: Json): boolean {
    if (value === null) return true;
    if (field.pointer) return false;
    switch (field.node.codec) {
      case "string":
        return value === "";
      case "bool":
        return value === false;
      case "int32":
      case "int64":
      case "float":
        return value === 0;
      case "bytes":
      case "list":
      case "map":
        if (this.#empties === "kept" || !holdsNothing(value)) return false;
        return this.#empties === "absent" || field.omitEmpty;
      default:
        return false;
    }
  }

  #zero(field: TypeField): Json {
    return field.pointer ? null : this.#zeroOf(field.node);
  }

  /** What Go's encoder writes for the zero value. */
  #zeroOf(type: TypeNode): Json {
    switch (type.codec) {
      case "struct":
        return this.#readStruct(type, {});
      case "string":
        return "";
      case "bool":
        return false;
      case "int32":
      case "int64":
      case "float":
      case "intOrString":
        return 0;
      case "quantity":
        return "0";
      default:
        return null;
    }
  }
}

/** Whether a field that is not given is written all the same: Go's omitempty never leaves out a struct, and there are fields without it. */
function isWrittenWhenAbsent(field: TypeField): boolean {
  if (field.omitZero) return false;
  if (!field.omitEmpty) return true;
  if (field.pointer) return false;
  switch (field.node.codec) {
    case "struct":
    case "quantity":
    case "time":
    case "microtime":
    case "intOrString":
      return true;
    case "raw":
      return field.node.goType === "runtime.RawExtension";
    default:
      return false;
  }
}

/** Go's encoder writes maps sorted; most arrive so. */
function sortedKeys(map: object): string[] {
  const keys = Object.keys(map);
  for (let i = 1; i < keys.length; i++) if ((keys[i] as string) < (keys[i - 1] as string)) return keys.sort();
  return keys;
}

/** Of a list, a map or bytes. */
function holdsNothing(value: Json): boolean {
  if (typeof value === "string" || Array.isArray(value)) return value.length === 0;
  for (const _key in value as object) return false;
  return true;
}

function isInt32(value: Json): value is number {
  return typeof value === "number" && (value | 0) === value;
}

const int64Max = 2n ** 63n - 1n;

function isInt64(value: Json): value is number | bigint {
  if (typeof value === "number") return Number.isSafeInteger(value);
  return typeof value === "bigint" && value <= int64Max && value >= -int64Max - 1n;
}
