import { type CelType, types } from "./types.ts";
import {
  Duration,
  ListValue,
  MapValue,
  Opaque,
  Optional,
  type Result,
  Timestamp,
  TypeValue,
  Uint,
  type Value,
} from "./values.ts";

/** One way to call a function. */
export interface Overload {
  /** Called as `target.f(…)`; the target is then the first argument. */
  readonly isMember: boolean;
  readonly params: readonly CelType[];
  readonly result: CelType;
  readonly call: (...args: never[]) => Result;
}

export interface FunctionDeclaration {
  readonly name: string;
  readonly overloads: readonly Overload[];
}

/** Signatures by function: `{ charAt: { "string.(int) -> string": (text, index) => … } }`. */
export type Library = Readonly<Record<string, Readonly<Record<string, Overload["call"]>>>>;

/** Several libraries as one table; functions of one name share it, in this order. */
export function declare(libraries: readonly Library[]): ReadonlyMap<string, FunctionDeclaration> {
  const functions = new Map<string, { name: string; overloads: Overload[] }>();
  for (const library of libraries) {
    for (const [name, overloads] of Object.entries(library)) {
      let declaration = functions.get(name);
      if (declaration === undefined) {
        declaration = { name, overloads: [] };
        functions.set(name, declaration);
      }
      for (const [signature, call] of Object.entries(overloads)) {
        declaration.overloads.push({ ...readSignature(signature), call });
      }
    }
  }
  return functions;
}

function readSignature(text: string): Omit<Overload, "call"> {
  const [, target, params = "", result = ""] = /^(?:(.+?)\.)?\((.*)\) -> (.+)$/.exec(text) ?? [];
  const list = params === "" ? [] : splitTop(params).map(readType);
  return {
    isMember: target !== undefined,
    params: target === undefined ? list : [readType(target), ...list],
    result: readType(result),
  };
}

function splitTop(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i <= text.length; i++) {
    const character = text[i];
    if (character === "(") depth++;
    else if (character === ")") depth--;
    else if (character === undefined || (character === "," && depth === 0)) {
      parts.push(text.slice(start, i).trim());
      start = i + 1;
    }
  }
  return parts;
}

/** Names in signatures to types; a capital letter alone is a parameter, any other name an opaque type. */
function readType(text: string): CelType {
  const [, name = text, inner] = /^(\w+)\((.*)\)$/.exec(text) ?? [];
  const params = inner === undefined ? [] : splitTop(inner).map(readType);
  const [first = types.dyn, second = types.dyn] = params;
  switch (name) {
    case "dyn":
    case "null":
    case "bool":
    case "int":
    case "uint":
    case "double":
    case "string":
    case "bytes":
    case "timestamp":
    case "duration":
      return types[name];
    case "list":
      return types.list(first);
    case "map":
      return types.map(first, second);
    case "type":
      return types.type(first);
    case "optional":
      return types.optional(first);
    default:
      return /^[A-Z]$/.test(name) ? types.param(name) : types.opaque(name);
  }
}

/** Whether a value may be given where a type is expected. */
export function fits(value: Value, type: CelType): boolean {
  switch (type.kind) {
    case "dyn":
    case "error":
    case "param":
      return true;
    case "null":
      return value === null;
    case "bool":
      return typeof value === "boolean";
    case "int":
      return typeof value === "bigint";
    case "double":
      return typeof value === "number";
    case "uint":
      return value instanceof Uint;
    case "string":
      return typeof value === "string";
    case "bytes":
      return value instanceof Uint8Array;
    case "timestamp":
      return value instanceof Timestamp;
    case "duration":
      return value instanceof Duration;
    case "list":
      return value instanceof ListValue;
    case "map":
    case "message":
      return value instanceof MapValue;
    case "type":
      return value instanceof TypeValue;
    case "opaque":
      return type.name === "optional_type"
        ? value instanceof Optional
        : value instanceof Opaque && value.typeName === type.name;
  }
}
