import { fromUtf8, utf8 } from "../../base/index.ts";
import { ProtobufError } from "../protobuf/error.ts";
import type { ProtobufReader } from "../protobuf/reader.ts";
import type { ProtobufWriter } from "../protobuf/writer.ts";
import { formatDuration, formatMicroTime, formatTime, parseDuration, parseTime } from "./time.ts";

/** A message whose JSON form is not an object of its fields. */
export interface SpecialForm {
  /** Writes the message's content; `value` is undefined or null where it is zero. */
  write(writer: ProtobufWriter, value: unknown, nested: Nested): void;
  /** The JSON value; undefined where it is zero, null where Go would write null. */
  read(reader: ProtobufReader, nested: Nested): unknown;
}

/** How a special form writes and reads a message inside it. */
export interface Nested {
  write(writer: ProtobufWriter, type: string, value: unknown): void;
  read(reader: ProtobufReader, type: string): unknown;
}

const meta = "k8s.io.apimachinery.pkg.apis.meta.v1";

function text(value: unknown, what: string): string {
  if (typeof value !== "string") throw new ProtobufError(`${what} must be a string`);
  return value;
}

/** A message of up to two integers: seconds and nanoseconds. */
function readTime(reader: ProtobufReader): { seconds: number; nanos: number } {
  let seconds = 0;
  let nanos = 0;
  while (reader.more) {
    const tag = reader.tag();
    if (tag === 8) seconds = reader.int64();
    else if (tag === 16) nanos = reader.int32();
    else reader.skip(tag);
  }
  return { seconds, nanos };
}

const time: SpecialForm = {
  write(writer, value) {
    if (value === undefined || value === null) return;
    // The JSON form has no fraction, so neither has this one.
    writer.int32(16, 0);
    writer.int64(8, parseTime(text(value, "a time")).seconds);
  },
  read(reader) {
    const { seconds, nanos } = readTime(reader);
    return seconds === 0 && nanos === 0 ? null : formatTime(seconds);
  },
};

const microTime: SpecialForm = {
  write(writer, value) {
    if (value === undefined || value === null) return;
    const { seconds, nanos } = parseTime(text(value, "a time"));
    writer.int32(16, nanos - (nanos % 1000));
    writer.int64(8, seconds);
  },
  read(reader) {
    const { seconds, nanos } = readTime(reader);
    return seconds === 0 && nanos === 0 ? null : formatMicroTime(seconds, nanos);
  },
};

const duration: SpecialForm = {
  write(writer, value) {
    writer.bigint64(8, value === undefined || value === null ? 0n : parseDuration(text(value, "a duration")));
  },
  read(reader) {
    let nanos = 0n;
    while (reader.more) {
      const tag = reader.tag();
      if (tag === 8) nanos = reader.bigint64();
      else reader.skip(tag);
    }
    return formatDuration(nanos);
  },
};

const quantity: SpecialForm = {
  write(writer, value) {
    const shown = typeof value === "number" ? String(value) : (value ?? "0");
    writer.string(10, text(shown, "a quantity"));
  },
  read(reader) {
    let value = "0";
    while (reader.more) {
      const tag = reader.tag();
      if (tag === 10) value = reader.string();
      else reader.skip(tag);
    }
    return value;
  },
};

const intOrString: SpecialForm = {
  write(writer, value) {
    const number = typeof value === "number" ? value : 0;
    if (!Number.isInteger(number) || number !== (number | 0))
      throw new ProtobufError(`${number} is no 32-bit integer`);
    const string =
      value === undefined || value === null || typeof value === "number"
        ? ""
        : text(value, "an int-or-string");
    writer.string(26, string);
    writer.int32(16, number);
    writer.int64(8, typeof value === "string" ? 1 : 0);
  },
  read(reader) {
    let type = 0;
    let number = 0;
    let string = "";
    while (reader.more) {
      const tag = reader.tag();
      if (tag === 8) type = reader.int64();
      else if (tag === 16) number = reader.int32();
      else if (tag === 26) string = reader.string();
      else reader.skip(tag);
    }
    return type === 1 ? string : number;
  },
};

/** Any JSON, as the bytes of its text. */
const rawJson: SpecialForm = {
  write(writer, value) {
    if (value !== undefined && value !== null) writer.bytes(10, utf8(JSON.stringify(value)));
  },
  read(reader) {
    let raw: Uint8Array | undefined;
    while (reader.more) {
      const tag = reader.tag();
      if (tag === 10) raw = reader.bytes();
      else reader.skip(tag);
    }
    if (raw === undefined || raw.length === 0) return null;
    try {
      return JSON.parse(fromUtf8(raw));
    } catch {
      throw new ProtobufError("an embedded object is no JSON");
    }
  },
};

/** A JSON schema, or true or false. */
function schemaOrBool(schema: string): SpecialForm {
  return {
    write(writer, value, nested) {
      if (value !== null && typeof value === "object") {
        const before = writer.length;
        nested.write(writer, schema, value);
        writer.message(18, before);
        writer.bool(8, true);
      } else {
        writer.bool(8, value === true);
      }
    },
    read(reader, nested) {
      let allows = false;
      let found: unknown;
      while (reader.more) {
        const tag = reader.tag();
        if (tag === 8) allows = reader.bool();
        else if (tag === 18) found = enclosed(reader, () => nested.read(reader, schema));
        else reader.skip(tag);
      }
      return found ?? allows;
    },
  };
}

/** A JSON schema, or a list of schemas or of texts. */
function schemaOrList(schema: string, items: "schemas" | "texts"): SpecialForm {
  return {
    write(writer, value, nested) {
      if (Array.isArray(value)) {
        for (let i = value.length - 1; i >= 0; i--) {
          if (items === "texts") {
            writer.string(18, text(value[i], "a dependency"));
          } else {
            const before = writer.length;
            nested.write(writer, schema, value[i]);
            writer.message(18, before);
          }
        }
      } else if (value !== undefined && value !== null) {
        const before = writer.length;
        nested.write(writer, schema, value);
        writer.message(10, before);
      }
    },
    read(reader, nested) {
      let found: unknown;
      const list: unknown[] = [];
      while (reader.more) {
        const tag = reader.tag();
        if (tag === 10) found = enclosed(reader, () => nested.read(reader, schema));
        else if (tag === 18) {
          list.push(
            items === "texts" ? reader.string() : enclosed(reader, () => nested.read(reader, schema)),
          );
        } else reader.skip(tag);
      }
      return found ?? (list.length > 0 ? list : null);
    },
  };
}

function enclosed<T>(reader: ProtobufReader, read: () => T): T {
  const outer = reader.enter();
  const value = read();
  reader.leave(outer);
  return value;
}

const forms = new Map<string, SpecialForm>([
  [`${meta}.Time`, time],
  [`${meta}.MicroTime`, microTime],
  [`${meta}.Duration`, duration],
  [`${meta}.FieldsV1`, rawJson],
  ["k8s.io.apimachinery.pkg.api.resource.Quantity", quantity],
  ["k8s.io.apimachinery.pkg.util.intstr.IntOrString", intOrString],
  ["k8s.io.apimachinery.pkg.runtime.RawExtension", rawJson],
]);
for (const version of ["v1", "v1beta1"]) {
  const prefix = `k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.${version}.JSON`;
  const schema = `${prefix}SchemaProps`;
  forms.set(prefix, rawJson);
  forms.set(`${schema}OrBool`, schemaOrBool(schema));
  forms.set(`${schema}OrArray`, schemaOrList(schema, "schemas"));
  forms.set(`${schema}OrStringArray`, schemaOrList(schema, "texts"));
}

/** The special form of a message type; undefined for the ordinary ones. */
export function specialForm(type: string): SpecialForm | undefined {
  return forms.get(type);
}
