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
      if (value !== "" && (typeof value !== "object" || value === null)) continue;
      const before = Object.hasOwn(old, key) ? old[key] : undefined;
      const field = schema.fields.get(key);
      const member = field?.node ?? schema.values;
      if (before !== undefined && before !== null) {
        if (member !== undefined) dropUnchangedEmpties(value, before, member);
      } else if (holdsNothing(value)) {
        if (field?.leavesOutEmpty === true) delete next[key];
        // Without omitempty an absent list is null.
        else if (before === null && field?.node.type === "array") next[key] = null;
      }
    }
  }
}

function holdsNothing(value: JsonObject | readonly Json[] | ""): boolean {
  for (const _key in value as object) return false;
  return true;
}
