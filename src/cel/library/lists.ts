import type { Library } from "../functions.ts";
import { rangeElementsMax } from "../limits.ts";
import { operators } from "../operators.ts";
import {
  ArrayList,
  compare,
  Duration,
  equal,
  Failure,
  fail,
  ListValue,
  noSuchOverload,
  Optional,
  type Result,
  typeNameOf,
  Uint,
  type Value,
} from "../values.ts";

function elements(list: ListValue): Value[] {
  return Array.from({ length: list.size }, (_, at) => list.at(at));
}

function isSorted(list: ListValue): Result {
  for (let i = 1; i < list.size; i++) {
    const by = compare(list.at(i - 1), list.at(i));
    if (by === undefined) return noSuchOverload;
    if (by > 0) return false;
  }
  return true;
}

function extreme(name: string, sign: 1 | -1): (list: ListValue) => Result {
  return (list) => {
    if (list.size === 0) return fail(`${name} called on empty list`);
    let best = list.at(0);
    for (let i = 1; i < list.size; i++) {
      const by = compare(list.at(i), best);
      if (by === undefined) return noSuchOverload;
      if (by * sign > 0) best = list.at(i);
    }
    return best;
  };
}

function sum(zero: Value): (list: ListValue) => Result {
  const add = operators.get("_+_") as (a: Value, b: Value) => Result;
  return (list) => {
    let total: Result = zero;
    for (let i = 0; i < list.size; i++) {
      total = add(total, list.at(i));
      if (total instanceof Failure) return total;
    }
    return total;
  };
}

function slice(list: ListValue, start: bigint, end: bigint): Result {
  if (start < 0n || end < 0n) return fail(`cannot slice(${start}, ${end}), negative indexes not supported`);
  if (start > end) {
    return fail(`cannot slice(${start}, ${end}), start index must be less than or equal to end index`);
  }
  if (end > BigInt(list.size)) return fail(`cannot slice(${start}, ${end}), list is length ${list.size}`);
  return new ArrayList(elements(list).slice(Number(start), Number(end)));
}

function flatten(list: ListValue, depth = 1n): Result {
  if (depth < 0n) return fail("level must be non-negative");
  const flat = (inner: ListValue, left: bigint): Value[] =>
    elements(inner).flatMap((element) =>
      element instanceof ListValue && left > 0n ? flat(element, left - 1n) : [element],
    );
  return new ArrayList(flat(list, depth));
}

function sorted(list: ListValue, keys: ListValue): Result {
  if (list.size !== keys.size) {
    return fail(
      `@sortByAssociatedKeys() expected a list of the same size as the associated keys list, but got ${list.size} and ${keys.size} elements respectively`,
    );
  }
  const pairs = elements(keys).map((key, at) => ({ key, at }));
  const type = pairs[0] === undefined ? "" : typeNameOf(pairs[0].key);
  for (const { key } of pairs) {
    if (compare(key, key) === undefined) return fail("list elements must be comparable");
    if (typeNameOf(key) !== type) return fail("list elements must have the same type");
  }
  pairs.sort((a, b) => compare(a.key, b.key) as number);
  return new ArrayList(pairs.map(({ at }) => list.at(at)));
}

function distinct(list: ListValue): Result {
  const kept: Value[] = [];
  for (const element of elements(list)) if (!kept.some((other) => equal(other, element))) kept.push(element);
  return new ArrayList(kept);
}

function range(size: bigint): Result {
  if (size > BigInt(rangeElementsMax)) return fail(`lists.range() of more than ${rangeElementsMax} elements`);
  return new ArrayList(Array.from({ length: Math.max(0, Number(size)) }, (_, at) => BigInt(at)));
}

const comparable = ["int", "uint", "double", "bool", "duration", "timestamp", "string", "bytes"];
const forEach = (
  types: readonly string[],
  result: (type: string) => string,
  call: (list: ListValue) => Result,
) => Object.fromEntries(types.map((type) => [`list(${type}).() -> ${result(type)}`, call]));

export const listLibrary: Library = {
  isSorted: forEach(comparable, () => "bool", isSorted),
  sum: {
    "list(int).() -> int": sum(0n),
    "list(uint).() -> uint": sum(new Uint(0n)),
    "list(double).() -> double": sum(0),
    "list(duration).() -> duration": sum(new Duration(0n)),
  },
  max: forEach(comparable, (type) => type, extreme("max", 1)),
  min: forEach(comparable, (type) => type, extreme("min", -1)),
  indexOf: {
    "list(A).(A) -> int": (list: ListValue, value: Value) =>
      BigInt(elements(list).findIndex((element) => equal(element, value))),
  },
  lastIndexOf: {
    "list(A).(A) -> int": (list: ListValue, value: Value) =>
      BigInt(elements(list).findLastIndex((element) => equal(element, value))),
  },
  slice: { "list(A).(int, int) -> list(A)": slice },
  flatten: {
    "list(list(A)).() -> list(A)": flatten,
    "list(dyn).(int) -> list(dyn)": flatten,
  },
  sort: forEach(
    comparable,
    (type) => `list(${type})`,
    (list) => sorted(list, list),
  ),
  "@sortByAssociatedKeys": Object.fromEntries(
    comparable.map((type) => [`list(A).(list(${type})) -> list(A)`, sorted]),
  ),
  reverse: { "list(A).() -> list(A)": (list: ListValue) => new ArrayList(elements(list).reverse()) },
  distinct: { "list(A).() -> list(A)": distinct },
  "lists.range": { "(int) -> list(int)": range },
  first: {
    "list(A).() -> optional(A)": (list: ListValue) =>
      list.size === 0 ? Optional.none : new Optional(list.at(0)),
  },
  last: {
    "list(A).() -> optional(A)": (list: ListValue) =>
      list.size === 0 ? Optional.none : new Optional(list.at(list.size - 1)),
  },
};
