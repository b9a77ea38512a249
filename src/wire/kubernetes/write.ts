import { compareBytes, unreachable, utf8 } from "../../base/index.ts";
import { ProtobufError } from "../protobuf/error.ts";
import { messageDepthMax } from "../protobuf/limits.ts";
import type { ProtobufWriter } from "../protobuf/writer.ts";
import { type FieldPlan, type MessagePlan, mapValueTag, type Plans, type Scalar } from "./plan.ts";
import { type Nested, specialForm } from "./special.ts";

type JsonObject = Readonly<Record<string, unknown>>;

const nothing: JsonObject = {};

/** Writes objects as gogo-proto writes Go's structs: what is no pointer is always there. */
export class MessageWriter implements Pick<Nested, "write"> {
  readonly #plans: Plans;
  #depth = 0;

  constructor(plans: Plans) {
    this.#plans = plans;
  }

  /** Writes the content of a message; undefined and null are its zero. @throws ProtobufError where a value has another type */
  write(writer: ProtobufWriter, type: string, value: unknown): void {
    if (++this.#depth > messageDepthMax) {
      this.#depth = 0;
      throw new ProtobufError("exceeded maximum recursion depth");
    }
    const special = specialForm(type);
    if (special) special.write(writer, value, this as unknown as Nested);
    else this.#message(writer, this.#plans.get(type), value);
    this.#depth--;
  }

  /** Forgets a write that was given up. */
  reset(): void {
    this.#depth = 0;
  }

  #message(writer: ProtobufWriter, plan: MessagePlan, value: unknown): void {
    if (plan.list) {
      this.#list(writer, plan.fields[0] as FieldPlan, value);
      return;
    }
    const object = value === undefined || value === null ? nothing : objectOf(value, plan.name);
    for (let i = plan.fields.length - 1; i >= 0; i--) {
      const field = plan.fields[i] as FieldPlan;
      const item = field.inline ? object : object[field.json];
      switch (field.shape) {
        case "one":
          this.#one(writer, field, field.tag, item);
          break;
        case "list":
          this.#list(writer, field, item);
          break;
        case "map":
          this.#map(writer, field, item);
          break;
        default:
          unreachable(field.shape);
      }
    }
  }

  #one(writer: ProtobufWriter, field: FieldPlan, tag: number, value: unknown): void {
    const missing = value === undefined || value === null;
    if (missing && (field.pointer || field.scalar === "bytes")) return;
    if (field.scalar !== undefined) {
      writeScalar(writer, field.scalar, tag, missing ? zero[field.scalar] : value, field.json);
      return;
    }
    const before = writer.length;
    this.write(writer, field.type, value);
    writer.message(tag, before);
  }

  #list(writer: ProtobufWriter, field: FieldPlan, value: unknown): void {
    if (value === undefined || value === null) return;
    if (!Array.isArray(value)) throw new ProtobufError(`${field.json} must be a list`);
    for (let i = value.length - 1; i >= 0; i--) this.#item(writer, field, field.tag, value[i]);
  }

  /** Entries in the order of their keys' bytes, as Go sorts them. */
  #map(writer: ProtobufWriter, field: FieldPlan, value: unknown): void {
    if (value === undefined || value === null) return;
    const object = objectOf(value, field.json);
    const valueTag = mapValueTag(field);
    for (const key of sortedKeys(object).reverse()) {
      const before = writer.length;
      this.#item(writer, field, valueTag, object[key]);
      writer.string(10, key);
      writer.message(field.tag, before);
    }
  }

  /** An element of a list or map: there, whatever its value. */
  #item(writer: ProtobufWriter, field: FieldPlan, tag: number, value: unknown): void {
    if (field.scalar !== undefined) {
      writeScalar(writer, field.scalar, tag, value ?? zero[field.scalar], field.json);
      return;
    }
    const before = writer.length;
    this.write(writer, field.type, value);
    writer.message(tag, before);
  }
}

const zero: Readonly<Record<Scalar, unknown>> = {
  string: "",
  bytes: "",
  bool: false,
  int32: 0,
  int64: 0,
  double: 0,
};

function writeScalar(
  writer: ProtobufWriter,
  scalar: Scalar,
  tag: number,
  value: unknown,
  name: string,
): void {
  switch (scalar) {
    case "string":
      if (typeof value !== "string") break;
      writer.string(tag, value);
      return;
    case "bytes":
      if (typeof value !== "string") break;
      writer.bytes(tag, Buffer.from(value, "base64"));
      return;
    case "bool":
      if (typeof value !== "boolean") break;
      writer.bool(tag, value);
      return;
    case "int32":
      if (typeof value !== "number" || value !== (value | 0)) break;
      writer.int32(tag, value);
      return;
    case "int64":
      if (!Number.isSafeInteger(value)) break;
      writer.int64(tag, value as number);
      return;
    case "double":
      if (typeof value !== "number") break;
      writer.double(tag, value);
      return;
    default:
      unreachable(scalar);
  }
  throw new ProtobufError(`${name} must be a value of type ${scalar}`);
}

function objectOf(value: unknown, name: string): JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ProtobufError(`${name} must be an object`);
  }
  return value as JsonObject;
}

function sortedKeys(object: JsonObject): string[] {
  const keys = Object.keys(object);
  // UTF-16 and UTF-8 sort alike up to the surrogates.
  if (keys.every((key) => /^[\x20-\x7e]*$/.test(key))) return keys.sort();
  return keys.sort((a, b) => compareBytes(utf8(a), utf8(b)));
}
