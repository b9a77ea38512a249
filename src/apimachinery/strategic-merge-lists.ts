import { plainError } from "./errors.ts";
import { isJsonObject, printGoValue } from "./json-types.ts";
import type { Json } from "./object.ts";

/** Lists of strategic merge patch: which items the patch speaks of, and in what order all of them stand afterwards. */

export function noMergeKey(item: Json, mergeKey: string): Error {
  return plainError(`map: ${printGoValue(item)} does not contain declared merge key: ${mergeKey}`);
}

/** What identifies an item: the value of its merge key, or a scalar itself. */
export function keyedItem(item: Json, mergeKey: string | undefined): Json | undefined {
  if (mergeKey === undefined) return item;
  return isJsonObject(item) && Object.hasOwn(item, mergeKey) ? item[mergeKey] : undefined;
}

export function partitionByPresence(
  merged: readonly Json[],
  presentIn: readonly Json[],
  mergeKey: string | undefined,
): { present: Json[]; absent: Json[] } {
  const keys = new Set(presentIn.map((item) => keyedItem(item, mergeKey)));
  const present: Json[] = [];
  const absent: Json[] = [];
  for (const item of merged) {
    const key = keyedItem(item, mergeKey);
    if (key === undefined) throw noMergeKey(item, mergeKey as string);
    (keys.has(key) ? present : absent).push(item);
  }
  return { present, absent };
}

/**
 * Patched items in the patch's order, kept ones in the server's; where both lists offer an item that the server knew, the earlier
 * of them there comes first, else the patched one.
 */
export function inServerOrder(lists: {
  readonly patched: readonly Json[];
  readonly kept: readonly Json[];
  readonly patchOrder: readonly Json[];
  readonly serverOrder: readonly Json[];
  readonly mergeKey: string | undefined;
}): Json[] {
  const { mergeKey } = lists;
  const serverPlaces = placesOf(lists.serverOrder, mergeKey);
  const patched = sortedByPlace(lists.patched, placesOf(lists.patchOrder, mergeKey), mergeKey);
  const kept = sortedByPlace(lists.kept, serverPlaces, mergeKey);
  const ordered: Json[] = [];
  let p = 0;
  let k = 0;
  while (p < patched.length || k < kept.length) {
    const ours = kept[k];
    const theirs = patched[p];
    if (theirs === undefined || (ours !== undefined && comesFirst(ours, theirs, serverPlaces, mergeKey))) {
      ordered.push(ours as Json);
      k++;
    } else {
      ordered.push(theirs);
      p++;
    }
  }
  return ordered;
}

type Places = ReadonlyMap<Json | undefined, number>;

function placesOf(list: readonly Json[], mergeKey: string | undefined): Places {
  const places = new Map<Json | undefined, number>();
  list.forEach((item, i) => {
    const key = keyedItem(item, mergeKey);
    if (!places.has(key)) places.set(key, i);
  });
  return places;
}

function sortedByPlace(list: readonly Json[], places: Places, mergeKey: string | undefined): Json[] {
  const place = (item: Json): number => places.get(keyedItem(item, mergeKey)) ?? -1;
  return [...list].sort((a, b) => place(a) - place(b));
}

function comesFirst(a: Json, b: Json, places: Places, mergeKey: string | undefined): boolean {
  const placeA = places.get(keyedItem(a, mergeKey));
  const placeB = places.get(keyedItem(b, mergeKey));
  return placeA !== undefined && placeB !== undefined && placeA < placeB;
}

export function deleteFromPrimitives(current: readonly Json[], deleted: readonly Json[]): Json[] {
  const gone = new Set(deleted);
  return current.filter((item) => !gone.has(item));
}

export function uniqueScalars(list: readonly Json[]): Json[] {
  return [...new Set(list)];
}
