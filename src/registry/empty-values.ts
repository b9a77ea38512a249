import { isJsonObject, type Json, type JsonObject, type SchemaNode } from "../apimachinery/index.ts";

/**
 * Go's comparisons take a list or map without items for one that is not there, and strategies compare what a client sends with what is
 * stored, where empty ones are absent. So those that stand in `next` where nothing stood are taken out, in place. Where something stood
 * they stay: that is a change, and validation is to see what it is.
 */
export function dropUnchangedEmpties(next: Json, old: Json | undefined, schema: SchemaNode): void {
  if (Array.isArray(next)) {
    const { items } = schema;
    if (items?.type !== "object" || !Array.isArray(old)) return;
    for (let i = 0; i < next.length; i++) dropUnchangedEmpties(next[i] as Json, old[i], items);
  } else if (isJsonObject(next) && isJsonObject(old)) {
    for (const key in next) {
      const value = next[key];
      if (typeof value !== "object" || value === null) continue;
      const member = schema.fields.get(key)?.node ?? schema.values;
      if (member === undefined) continue;
      const before = Object.hasOwn(old, key) ? old[key] : undefined;
      if (before !== undefined && before !== null) dropUnchangedEmpties(value, before, member);
      else if (isCollection(member) && holdsNothing(value)) forget(next, key, before);
    }
  }
}

/** A list or a map; of a struct without fields Go knows that it is there. */
const isCollection = ({ type, values }: SchemaNode): boolean => type === "array" || values !== undefined;

function holdsNothing(value: JsonObject | readonly Json[]): boolean {
  for (const _key in value) return false;
  return true;
}

function forget(object: JsonObject, key: string, before: null | undefined): void {
  if (before === null) object[key] = null;
  else delete object[key];
}
