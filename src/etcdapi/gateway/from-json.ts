import { unreachable } from "../../base/index.ts";
import type { Draft, FieldInfo, MessageCodec } from "../../wire/index.ts";
import { code, RpcError } from "../errors.ts";
import { type JsonNode, JsonSyntaxError, parseJson } from "./json-text.ts";

/**
 * A message from protobuf's JSON form (https://protobuf.dev/programming-guides/json/), as etcd's gateway takes it: names in either
 * spelling, unknown fields and enum names ignored, 64 bits as numbers or text.
 * @throws RpcError with the texts of Go's libraries
 */
export function fromJson(codec: MessageCodec<unknown>, text: string): Draft<unknown> {
  let node: JsonNode;
  try {
    node = parseJson(text);
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw new RpcError(code.invalidArgument, error.message);
    throw error;
  }
  return messageOf(codec, node, text);
}

function messageOf(codec: MessageCodec<unknown>, node: JsonNode, text: string): Draft<unknown> {
  if (node.type !== "object") throw syntaxError(node, text);
  const message: Record<string, unknown> = {};
  const seen = new Set<number>();
  const unions = new Set<string>();
  for (const { name, nameStart, value } of node.members) {
    const field = codec.fields().find((candidate) => candidate.name === name || candidate.protoName === name);
    if (field === undefined) continue;
    const wrong = (why: string) =>
      new RpcError(code.invalidArgument, `proto: ${place(nameStart, text)}: ${why}`);
    if (seen.has(field.id)) throw wrong(`duplicate field "${name}"`);
    seen.add(field.id);
    if (value.type === "null") continue;
    if (field.oneof !== undefined) {
      if (unions.has(field.oneof))
        throw wrong(`error parsing "${name}", oneof ${field.oneof} is already set`);
      unions.add(field.oneof);
    }
    if (!field.repeated) {
      const one = valueOfField(field, value, text);
      if (one !== undefined) message[field.name] = one;
      continue;
    }
    if (value.type !== "array") throw syntaxError(value, text);
    message[field.name] = value.items
      .map((item) => valueOfField(field, item, text))
      .filter((item) => item !== undefined);
  }
  return message;
}

/** Undefined for the name of an enum's value that is not known. */
function valueOfField(field: FieldInfo, node: JsonNode, text: string): unknown {
  switch (field.kind) {
    case "message":
      return messageOf(field.message as MessageCodec<unknown>, node, text);
    case "string":
      if (node.type === "string") return node.value;
      break;
    case "bool":
      if (node.type === "boolean") return node.value;
      break;
    case "bytes": {
      const bytes = node.type === "string" ? fromBase64(node.value) : undefined;
      if (bytes !== undefined) return bytes;
      break;
    }
    case "enum":
      if (node.type === "string") {
        return field.enum !== undefined && Object.hasOwn(field.enum.values, node.value)
          ? field.enum.values[node.value]
          : undefined;
      }
      if (node.type === "number") return integerOf(field, node, text);
      break;
    case "int32":
    case "uint32":
    case "int64":
    case "uint64":
      return integerOf(field, node, text);
    default:
      return unreachable(field.kind);
  }
  throw invalid(field, node, text);
}

const ranges: Readonly<Record<string, readonly [bigint, bigint]>> = {
  enum: [-(2n ** 31n), 2n ** 31n - 1n],
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
};

function integerOf(field: FieldInfo, node: JsonNode, text: string): number | bigint {
  const digits = node.type === "number" ? node.text : node.type === "string" ? node.value : "";
  const value = integer(digits);
  const [least, most] = ranges[field.kind] as readonly [bigint, bigint];
  if (value === undefined || value < least || value > most) throw invalid(field, node, text);
  if (field.bigint) return value;
  // As in the binary form: beyond what is exact, all numbers are as good as the largest.
  if (value > Number.MAX_SAFE_INTEGER) return Number.MAX_SAFE_INTEGER;
  if (value < Number.MIN_SAFE_INTEGER) return Number.MIN_SAFE_INTEGER;
  return Number(value);
}

/** As JSON writes numbers, in text, too: digits, or a decimal form that is whole, such as 1.0 and 5e2. */
function integer(digits: string): bigint | undefined {
  if (/^-?(0|[1-9]\d{0,19})$/.test(digits)) return BigInt(digits);
  if (!/^-?(0|[1-9]\d{0,19})(\.\d{1,20})?([eE][+-]?\d{1,3})?$/.test(digits)) return undefined;
  const value = Number(digits);
  return Number.isSafeInteger(value) ? BigInt(value) : undefined;
}

/** Both alphabets, padded or not. */
function fromBase64(text: string): Uint8Array | undefined {
  const standard = /^[A-Za-z0-9+/]*={0,2}$/;
  const url = /^[A-Za-z0-9_-]*={0,2}$/;
  if (!standard.test(text) && !url.test(text)) return undefined;
  const padded = text.endsWith("=");
  if (padded ? text.length % 4 !== 0 : text.length % 4 === 1) return undefined;
  const bytes = Buffer.from(text, "base64");
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

function invalid(field: FieldInfo, node: JsonNode, text: string): RpcError {
  return new RpcError(
    code.invalidArgument,
    `proto: ${place(node.start, text)}: invalid value for ${field.kind} field ${field.name}: ${token(node, text)}`,
  );
}

function syntaxError(node: JsonNode, text: string): RpcError {
  return new RpcError(
    code.invalidArgument,
    `proto: syntax error ${place(node.start, text)}: unexpected token ${token(node, text)}`,
  );
}

/** The first token of a value, as it was written. */
function token(node: JsonNode, text: string): string {
  const opens = node.type === "object" || node.type === "array";
  return text.slice(node.start, opens ? node.start + 1 : node.end);
}

/** "(line 1:9)" */
function place(at: number, text: string): string {
  const before = text.slice(0, at).split("\n");
  return `(line ${before.length}:${(before.at(-1) as string).length + 1})`;
}
