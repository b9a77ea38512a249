import type { Library } from "../functions.ts";
import { equal, type ListValue } from "../values.ts";

function has(list: ListValue, index: number, of: ListValue): boolean {
  for (let i = 0; i < of.size; i++) if (equal(list.at(index), of.at(i))) return true;
  return false;
}

/** Whether every element of `part` is in `whole`. */
function contains(whole: ListValue, part: ListValue): boolean {
  for (let i = 0; i < part.size; i++) if (!has(part, i, whole)) return false;
  return true;
}

function intersects(a: ListValue, b: ListValue): boolean {
  for (let i = 0; i < a.size; i++) if (has(a, i, b)) return true;
  return false;
}

export const setLibrary: Library = {
  "sets.contains": { "(list(A), list(A)) -> bool": contains },
  "sets.equivalent": {
    "(list(A), list(A)) -> bool": (a: ListValue, b: ListValue) => contains(a, b) && contains(b, a),
  },
  "sets.intersects": { "(list(A), list(A)) -> bool": intersects },
};
