import { isJsonObject, type Json, type JsonObject, setOwn, stringifyJson } from "../../apimachinery/index.ts";

/** Patched documents and patches as upstream's errors quote them, which shows what its libraries did with them. */

/** A document after a merge patch: objects that the patch went into, and all that came out of it, have their keys sorted. */
export function mergedText(after: Json, patch: Json): string {
  return stringifyJson(sortedWhereTouched(after, patch));
}

function sortedWhereTouched(value: Json, patch: Json | undefined): Json {
  if (Array.isArray(patch)) return sortedThroughout(value);
  if (!isJsonObject(patch) || !isJsonObject(value)) return value;
  const sorted: JsonObject = {};
  for (const key of Object.keys(value).sort())
    setOwn(
      sorted,
      key,
      sortedWhereTouched(value[key] as Json, Object.hasOwn(patch, key) ? patch[key] : undefined),
    );
  return sorted;
}

function sortedThroughout(value: Json): Json {
  if (Array.isArray(value)) return value.map(sortedThroughout);
  if (!isJsonObject(value)) return value;
  const sorted: JsonObject = {};
  for (const key of Object.keys(value).sort()) setOwn(sorted, key, sortedThroughout(value[key] as Json));
  return sorted;
}

/** A document after a JSON patch: its top-level keys are sorted. */
export function rewrittenText(after: Json): string {
  if (!isJsonObject(after)) return stringifyJson(after);
  return stringifyJson(Object.fromEntries(Object.entries(after).sort(([a], [b]) => (a < b ? -1 : 1))));
}

/** A strategic merge patch after it was applied to `before`: what it wanted gone where there was nothing is out of it. */
export function appliedPatch(patch: Json, before: Json | undefined): Json {
  if (!isJsonObject(patch) || !isJsonObject(before)) return patch;
  const left: JsonObject = {};
  for (const [key, value] of Object.entries(patch))
    setOwn(left, key, Object.hasOwn(before, key) ? appliedPatch(value, before[key]) : withoutNulls(value));
  return left;
}

function withoutNulls(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isJsonObject(value)) return value;
  const left: JsonObject = {};
  for (const [key, member] of Object.entries(value))
    if (member !== null) setOwn(left, key, withoutNulls(member));
  return left;
}
