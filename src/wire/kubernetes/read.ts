import { unreachable } from "../../base/index.ts";
import type { ProtobufReader } from "../protobuf/reader.ts";
import { type FieldPlan, type MessagePlan, mapValueTag, type Plans, type Scalar } from "./plan.ts";
import { type Nested, specialForm } from "./special.ts";

type JsonObject = Record<string, unknown>;

/**
 * Reads messages as the JSON that Go would write of them, with one liberty: what is empty and may be left out, is left out,
 * structs too.
 */
export class MessageReader implements Pick<Nested, "read"> {
  readonly #plans: Plans;

  constructor(plans: Plans) {
    this.#plans = plans;
  }

  /** Reads up to the end of the reader's current message. @throws ProtobufError */
  read(reader: ProtobufReader, type: string): unknown {
    const special = specialForm(type);
    if (special) return special.read(reader, this as unknown as Nested);
    const plan = this.#plans.get(type);
    return plan.list ? this.#listMessage(reader, plan) : this.#object(reader, plan);
  }

  #object(reader: ProtobufReader, plan: MessagePlan): JsonObject {
    const object: JsonObject = {};
    while (reader.more) {
      const tag = reader.tag();
      const field = plan.byId.get(tag >>> 3);
      if (field === undefined || (field.tag !== tag && !isPacked(field, tag))) reader.skip(tag);
      else if (field.shape === "map") this.#mapEntry(reader, field, object);
      else if (field.shape === "list") this.#listItem(reader, field, tag, object);
      else this.#one(reader, field, object);
    }
    for (const field of plan.fields) {
      // Writers other than Go leave zeros out that JSON has to show.
      const shown = field.scalar !== undefined && field.shape === "one" && !field.pointer && !field.omitEmpty;
      if (shown && field.scalar !== "bytes" && object[field.json] === undefined) {
        object[field.json] = field.scalar === "string" ? "" : field.scalar === "bool" ? false : 0;
      }
    }
    return object;
  }

  #one(reader: ProtobufReader, field: FieldPlan, object: JsonObject): void {
    const value = this.#value(reader, field);
    if (field.inline) {
      Object.assign(object, value);
      return;
    }
    if (!field.pointer && field.omitEmpty && isEmpty(value)) delete object[field.json];
    else object[field.json] = value;
  }

  #listItem(reader: ProtobufReader, field: FieldPlan, tag: number, object: JsonObject): void {
    let list = object[field.json] as unknown[] | undefined;
    if (list === undefined) {
      list = [];
      object[field.json] = list;
    }
    if (field.tag === tag) {
      list.push(this.#value(reader, field));
      return;
    }
    const outer = reader.enter();
    while (reader.more) list.push(readScalar(reader, field.scalar as Scalar));
    reader.leave(outer);
  }

  #mapEntry(reader: ProtobufReader, field: FieldPlan, object: JsonObject): void {
    const map = (object[field.json] ?? {}) as JsonObject;
    object[field.json] = map;
    const valueTag = mapValueTag(field);
    const outer = reader.enter();
    let key = "";
    let value: unknown;
    while (reader.more) {
      const tag = reader.tag();
      if (tag === 10) key = reader.string();
      else if (tag === valueTag) value = this.#value(reader, field);
      else reader.skip(tag);
    }
    reader.leave(outer);
    // null is a value: the zero of a time.
    if (value === undefined) value = zeroOf(field);
    // An own property, whatever the name.
    if (key === "__proto__")
      Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
    else map[key] = value;
  }

  #listMessage(reader: ProtobufReader, plan: MessagePlan): unknown[] {
    const holder: JsonObject = {};
    const field = plan.fields[0] as FieldPlan;
    while (reader.more) {
      const tag = reader.tag();
      if (tag === field.tag) this.#listItem(reader, field, tag, holder);
      else reader.skip(tag);
    }
    return (holder[field.json] as unknown[] | undefined) ?? [];
  }

  #value(reader: ProtobufReader, field: FieldPlan): unknown {
    if (field.scalar !== undefined) return readScalar(reader, field.scalar);
    const outer = reader.enter();
    const value = this.read(reader, field.type);
    reader.leave(outer);
    return value;
  }
}

/** What a map entry without a value holds. */
function zeroOf({ scalar }: FieldPlan): unknown {
  if (scalar === undefined) return {};
  return scalar === "string" || scalar === "bytes" ? "" : scalar === "bool" ? false : 0;
}

function isPacked(field: FieldPlan, tag: number): boolean {
  return field.shape === "list" && field.scalar !== undefined && tag === ((field.id << 3) | 2);
}

function isEmpty(value: unknown): boolean {
  if (value === "" || value === 0 || value === false || value === null || value === undefined) return true;
  return typeof value === "object" && !Array.isArray(value) && Object.keys(value).length === 0;
}

function readScalar(reader: ProtobufReader, scalar: Scalar): unknown {
  switch (scalar) {
    case "string":
      return reader.string();
    case "bytes": {
      const bytes = reader.bytes();
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
    }
    case "bool":
      return reader.bool();
    case "int32":
      return reader.int32();
    case "int64":
      return reader.int64();
    case "double":
      return reader.double();
    default:
      return unreachable(scalar);
  }
}
