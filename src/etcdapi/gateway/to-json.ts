import type { Draft, FieldInfo, MessageCodec } from "../../wire/index.ts";

/** Protobuf's JSON form as etcd's gateway writes it: names as in the .proto file, defaults left out, 64 bits as text. */
export function toJson(codec: MessageCodec<unknown>, message: Draft<unknown>): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const field of codec.fields()) {
    const value = (message as Record<string, unknown>)[field.name];
    if (value === undefined || value === null) continue;
    if (field.repeated) {
      const items = value as readonly unknown[];
      if (items.length > 0) result[field.protoName] = items.map((item) => jsonOf(field, item));
    } else if (field.oneof !== undefined || !isDefault(field, value)) {
      result[field.protoName] = jsonOf(field, value);
    }
  }
  return result;
}

function isDefault(field: FieldInfo, value: unknown): boolean {
  if (field.kind === "message") return false;
  if (field.kind === "bytes" || field.kind === "string") return (value as { length: number }).length === 0;
  return value === false || value === 0 || value === 0n;
}

function jsonOf(field: FieldInfo, value: unknown): unknown {
  switch (field.kind) {
    case "message":
      return toJson(field.message as MessageCodec<unknown>, value as Draft<unknown>);
    case "bytes": {
      const bytes = value as Uint8Array;
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
    }
    case "int64":
    case "uint64":
      return String(value);
    case "enum": {
      const name = Object.entries(field.enum?.values ?? {}).find(([, number]) => number === value)?.[0];
      return name ?? value;
    }
    default:
      return value;
  }
}
