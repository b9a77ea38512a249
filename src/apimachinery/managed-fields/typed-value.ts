import { deepEqual } from "../json.ts";
import { isJsonObject } from "../json-types.ts";
import type { Json, JsonObject } from "../object.ts";
import type { SchemaField, SchemaNode } from "../structure.ts";
import { FieldSet } from "./field-set.ts";
import { fieldElement, itemElement, type PathElement } from "./path-element.ts";

/**
 * Objects seen through their schema (structured-merge-diff): which paths they have, and how two of them differ. A list is keyed, a
 * set or atomic; an object is granular or atomic; what is atomic counts as one leaf.
 */
export interface Comparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
  /** An item of a keyed list has no key: then nobody can own what is in it. */
  readonly isUnnamed: boolean;
}

/** How a value is to be walked; values without a declared shape are walked as what they look like, their lists as leaves. */
export function shapeOf(schema: SchemaNode | undefined, value: Json | undefined): "leaf" | "map" | "list" {
  if (Array.isArray(value)) return schema?.type === "array" && schema.listType !== "atomic" ? "list" : "leaf";
  if (isJsonObject(value)) return schema?.atomic === true ? "leaf" : "map";
  if (value === null && schema !== undefined) {
    if (schema.type === "array") return schema.listType === "atomic" ? "leaf" : "list";
    if (schema.type === "object") return schema.atomic ? "leaf" : "map";
  }
  return "leaf";
}

export function memberSchema(schema: SchemaNode | undefined, name: string): SchemaNode | undefined {
  return schema?.fields.get(name)?.node ?? schema?.values;
}

/** What is different in `next`. */
export function compare(old: Json, next: Json, schema: SchemaNode): Comparison {
  const walker = new ComparingWalker("everything");
  walker.walk(old, next, schema);
  return walker;
}

/** The same, of `next` as it is written: without the lists and maps that are empty and then left out. */
export function compareWritten(old: Json, next: Json, schema: SchemaNode): Comparison {
  const walker = new ComparingWalker("written");
  walker.walk(old, next, schema);
  return walker;
}

class ComparingWalker implements Comparison {
  readonly added = new FieldSet();
  readonly modified = new FieldSet();
  readonly removed = new FieldSet();
  isUnnamed = false;
  readonly #path: PathElement[] = [];
  readonly #looksAt: "everything" | "written";

  constructor(looksAt: "everything" | "written") {
    this.#looksAt = looksAt;
  }

  /** Undefined stands for a value that is not there; at least one is. */
  walk(old: Json | undefined, next: Json | undefined, schema: SchemaNode | undefined): void {
    const shape = shapeOf(schema, next ?? old ?? null);
    const otherShape = old === undefined || next === undefined ? shape : shapeOf(schema, old ?? next ?? null);
    if (shape !== otherShape || shape === "leaf" || (isEmpty(old) && isEmpty(next))) {
      this.#leaf(old, next);
      return;
    }
    if (shape === "map") this.#maps(asMap(old), asMap(next), schema);
    else this.#lists(asList(old), asList(next), schema as SchemaNode);
    if (old === undefined) this.added.insert(this.#path);
    else if (next === undefined) this.removed.insert(this.#path);
  }

  #leaf(old: Json | undefined, next: Json | undefined): void {
    if (old === undefined) this.added.insert(this.#path);
    else if (next === undefined) this.removed.insert(this.#path);
    else if (!this.#isSame(old, next)) this.modified.insert(this.#path);
  }

  /** What is atomic is compared to the letter: a null that only one of them has is a difference. */
  #isSame(old: Json, next: Json): boolean {
    if (this.#looksAt === "everything") return identical(old, next);
    return (old === null) === (next === null) && deepEqual(old, next);
  }

  #maps(old: JsonObject, next: JsonObject, schema: SchemaNode | undefined): void {
    for (const key in next) {
      if (old[key] !== next[key] && !this.#isLeftOut(next[key], schema?.fields.get(key)))
        this.#descend(fieldElement(key), old[key], next[key], memberSchema(schema, key));
    }
    for (const key in old) {
      if (!Object.hasOwn(next, key) || this.#isLeftOut(next[key], schema?.fields.get(key)))
        this.#descend(fieldElement(key), old[key], undefined, memberSchema(schema, key));
    }
  }

  #isLeftOut(value: Json | undefined, field: SchemaField | undefined): boolean {
    return this.#looksAt === "written" && field?.leavesOutEmpty === true && (value === "" || isEmpty(value));
  }

  #lists(old: readonly Json[], next: readonly Json[], schema: SchemaNode): void {
    const before = itemsByElement(old, schema);
    const after = itemsByElement(next, schema);
    for (const element of new Set([...before.keys(), ...after.keys()])) {
      if (element.startsWith("i:")) this.isUnnamed = true;
      const left = before.get(element) ?? [];
      const right = after.get(element) ?? [];
      // Items of the same name cannot be told apart: all of them together are one leaf.
      if (left.length > 1 || right.length > 1) {
        this.#path.push(element);
        this.#leaf(left.length === 0 ? undefined : left, right.length === 0 ? undefined : right);
        this.#path.pop();
      } else this.#descend(element, left[0], right[0], schema.items);
    }
  }

  #descend(
    element: PathElement,
    old: Json | undefined,
    next: Json | undefined,
    schema: SchemaNode | undefined,
  ): void {
    if (old === next) return;
    this.#path.push(element);
    this.walk(old, next, schema);
    this.#path.pop();
  }
}

/** Items by their name in the list; those without one go by their index, which keeps updates of objects of old working. */
export function itemsByElement(list: readonly Json[], schema: SchemaNode): Map<PathElement, Json[]> {
  const byElement = new Map<PathElement, Json[]>();
  list.forEach((item, i) => {
    const element = itemElement(schema, item).element ?? `i:${i}`;
    const same = byElement.get(element);
    if (same === undefined) byElement.set(element, [item]);
    else same.push(item);
  });
  return byElement;
}

function isEmpty(value: Json | undefined): boolean {
  if (value === undefined || value === null) return true;
  if (Array.isArray(value)) return value.length === 0;
  if (typeof value !== "object") return false;
  for (const _key in value) return false;
  return true;
}

/** To the letter: null, absent and an empty list differ. */
function identical(a: Json, b: Json): boolean {
  if (Array.isArray(a))
    return Array.isArray(b) && a.length === b.length && a.every((item, i) => identical(item, b[i] as Json));
  if (!isJsonObject(a)) return a === b;
  if (!isJsonObject(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && identical(a[key] as Json, b[key] as Json))
  );
}

export function asMap(value: Json | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

export function asList(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

/** The paths that an applied configuration lays claim to. */
export function fieldSetOf(value: Json, schema: SchemaNode): FieldSet {
  return pathsBelow(value, schema) ?? new FieldSet();
}

/** Undefined for a leaf. */
function pathsBelow(value: Json, schema: SchemaNode | undefined): FieldSet | undefined {
  const shape = shapeOf(schema, value);
  if (shape === "leaf") return undefined;
  const set = new FieldSet();
  if (shape === "list") {
    for (const [element, items] of itemsByElement(asList(value), schema as SchemaNode)) {
      const only = items.length === 1 ? pathsBelow(items[0] as Json, schema?.items) : undefined;
      set.place(element, true, only);
    }
    return set;
  }
  const map = asMap(value);
  for (const key in map) {
    const member = map[key] as Json;
    const below = pathsBelow(member, memberSchema(schema, key));
    // Of a declared field with something below it only that is claimed.
    const isDeclared = schema?.fields.has(key) === true;
    const holdsNothing = member === null || (isJsonObject(member) && isEmpty(member));
    set.place(fieldElement(key), below === undefined || !isDeclared || holdsNothing, below);
  }
  return set;
}
