import type { Library, Overload } from "../functions.ts";
import { characters, ListValue, MapValue, noSuchOverload, type Value } from "../values.ts";

/** Operators run by their values (../operators.ts): what stands here is what the checker lets through. */
const byValue: Overload["call"] = () => noSuchOverload;

const numbers = ["int", "uint", "double"];
const arithmetic = (types: readonly string[]): string[] =>
  types.map((type) => `(${type}, ${type}) -> ${type}`);
const ordered = [
  "(bool, bool) -> bool",
  ...numbers.flatMap((left) => numbers.map((right) => `(${left}, ${right}) -> bool`)),
  ...["string", "bytes", "timestamp", "duration"].map((type) => `(${type}, ${type}) -> bool`),
];

function operator(signatures: readonly string[]): Readonly<Record<string, Overload["call"]>> {
  return Object.fromEntries(signatures.map((signature) => [signature, byValue]));
}

const size = (value: Value): bigint => {
  if (typeof value === "string") return BigInt(characters(value));
  if (value instanceof Uint8Array) return BigInt(value.length);
  return value instanceof ListValue || value instanceof MapValue ? BigInt(value.size) : 0n;
};

const sized = ["bytes", "list(A)", "map(A, B)", "string"];

export const operatorLibrary: Library = {
  "_&&_": operator(["(bool, bool) -> bool"]),
  "_||_": operator(["(bool, bool) -> bool"]),
  "!_": operator(["(bool) -> bool"]),
  "@not_strictly_false": operator(["(bool) -> bool"]),
  "_?_:_": operator(["(bool, A, A) -> A"]),
  "_==_": operator(["(A, A) -> bool"]),
  "_!=_": operator(["(A, A) -> bool"]),
  "_<_": operator(ordered),
  "_<=_": operator(ordered),
  "_>_": operator(ordered),
  "_>=_": operator(ordered),
  "_+_": operator([
    "(bytes, bytes) -> bytes",
    "(double, double) -> double",
    "(duration, duration) -> duration",
    "(duration, timestamp) -> timestamp",
    "(timestamp, duration) -> timestamp",
    "(int, int) -> int",
    "(list(A), list(A)) -> list(A)",
    "(string, string) -> string",
    "(uint, uint) -> uint",
  ]),
  "_-_": operator([
    ...arithmetic(["double", "duration", "int"]),
    "(timestamp, duration) -> timestamp",
    "(timestamp, timestamp) -> duration",
    "(uint, uint) -> uint",
  ]),
  "_*_": operator(arithmetic(["double", "int", "uint"])),
  "_/_": operator(arithmetic(["double", "int", "uint"])),
  "_%_": operator(arithmetic(["int", "uint"])),
  "-_": operator(["(double) -> double", "(int) -> int"]),
  "@in": operator(["(A, list(A)) -> bool", "(A, map(A, B)) -> bool"]),
  "_[_]": operator([
    "(list(A), int) -> A",
    "(map(A, B), A) -> B",
    "(optional(list(A)), int) -> optional(A)",
    "(optional(map(A, B)), A) -> optional(B)",
  ]),
  "_[?_]": operator([
    "(list(A), int) -> optional(A)",
    "(optional(list(A)), int) -> optional(A)",
    "(map(A, B), A) -> optional(B)",
    "(optional(map(A, B)), A) -> optional(B)",
  ]),
  "cel.@mapInsert": operator(["(map(A, B), A, B) -> map(A, B)", "(map(A, B), map(A, B)) -> map(A, B)"]),
  size: Object.fromEntries(
    sized.flatMap((type) => [
      [`(${type}) -> int`, size],
      [`${type}.() -> int`, size],
    ]),
  ),
};
