import type { Library } from "../functions.ts";
import { ArrayList, fail, ListValue, MapValue, Optional, type Result, Uint, type Value } from "../values.ts";

/** Zero values are taken for absent ones. */
function isZero(value: Value): boolean {
  if (value === null || value === false || value === 0n || value === 0 || value === "") return true;
  if (value instanceof Uint) return value.value === 0n;
  if (value instanceof Uint8Array) return value.length === 0;
  return (value instanceof ListValue || value instanceof MapValue) && value.size === 0;
}

export const optionalLibrary: Library = {
  "optional.of": { "(A) -> optional(A)": (value: Value) => new Optional(value) },
  "optional.ofNonZeroValue": {
    "(A) -> optional(A)": (value: Value) => (isZero(value) ? Optional.none : new Optional(value)),
  },
  "optional.none": { "() -> optional(A)": () => Optional.none },
  hasValue: { "optional(A).() -> bool": (optional: Optional) => optional.value !== undefined },
  value: {
    "optional(A).() -> A": (optional: Optional): Result =>
      optional.value === undefined ? fail("optional.none() dereference") : optional.value,
  },
  or: {
    "optional(A).(optional(A)) -> optional(A)": (optional: Optional, other: Optional) =>
      optional.value === undefined ? other : optional,
  },
  orValue: {
    "optional(A).(A) -> A": (optional: Optional, other: Value) =>
      optional.value === undefined ? other : optional.value,
  },
  "optional.unwrap": {
    "(list(optional(A))) -> list(A)": (list: ListValue) => unwrap(list),
  },
  unwrapOpt: { "list(optional(A)).() -> list(A)": (list: ListValue) => unwrap(list) },
};

function unwrap(list: ListValue): ArrayList {
  const values: Value[] = [];
  for (let i = 0; i < list.size; i++) {
    const value = list.at(i);
    if (value instanceof Optional && value.value !== undefined) values.push(value.value);
  }
  return new ArrayList(values);
}
