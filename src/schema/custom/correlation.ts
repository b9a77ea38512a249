import type { Json } from "../../apimachinery/index.ts";
import type { CustomNode } from "./custom-node.ts";

/**
 * A value of an update beside the one it replaces. Members correlate by name, items of a list by its map keys; what an atomic list or a set
 * holds has no counterpart. Whether both are the same is worked out once, and by what is already known of the parts.
 */
export class Correlation {
  readonly value: Json;
  readonly old: Json;
  readonly #node: CustomNode;
  readonly #members = new Map<string | number, Correlation | undefined>();
  #byKeys: ReadonlyMap<string, Json> | undefined;
  #equal: boolean | undefined;

  constructor(value: Json, old: Json, node: CustomNode) {
    this.value = value;
    this.old = old;
    this.#node = node;
  }

  /** Undefined: nothing to compare with. */
  member(name: string): Correlation | undefined {
    if (!this.#members.has(name)) this.#members.set(name, this.#correlateMember(name));
    return this.#members.get(name);
  }

  #correlateMember(name: string): Correlation | undefined {
    const { value, old } = this;
    if (!isMap(value) || !isMap(old) || !Object.hasOwn(value, name) || !Object.hasOwn(old, name))
      return undefined;
    const node = this.#node.member(name);
    return node && new Correlation(value[name] as Json, old[name] as Json, node);
  }

  item(index: number): Correlation | undefined {
    if (!this.#members.has(index)) this.#members.set(index, this.#correlateItem(index));
    return this.#members.get(index);
  }

  #correlateItem(index: number): Correlation | undefined {
    const { value, old } = this;
    const { items, listType, listKeys } = this.#node;
    if (!Array.isArray(value) || !Array.isArray(old) || listType !== "map" || items === undefined)
      return undefined;
    this.#byKeys ??= new Map(
      old.map((item): [string, Json] => [keyText(item, listKeys) ?? "", item]).filter(([key]) => key !== ""),
    );
    const item = value[index] as Json;
    const key = keyText(item, listKeys);
    const counterpart = key === undefined ? undefined : this.#byKeys.get(key);
    return counterpart === undefined || counterpart === null
      ? undefined
      : new Correlation(item, counterpart, items);
  }

  /** Whether the update leaves the value as it is. */
  get unchanged(): boolean {
    this.#equal ??= this.#compare();
    return this.#equal;
  }

  #compare(): boolean {
    const { value, old } = this;
    if (value === null || old === null) return value === old;
    if (Array.isArray(value)) {
      if (!Array.isArray(old) || old.length !== value.length) return false;
      if (this.#node.listType !== "map") return sameJson(value, old);
      return value.every((_, index) => this.item(index)?.unchanged === true);
    }
    if (!isMap(value) || !isMap(old)) return sameJson(value, old);
    const keys = Object.keys(value);
    if (keys.length !== Object.keys(old).length) return false;
    return keys.every((key) => {
      const member = this.member(key);
      return member === undefined
        ? Object.hasOwn(old, key) && sameJson(value[key], old[key])
        : member.unchanged;
    });
  }
}

/** Upstream's reflect.DeepEqual: unlike apimachinery's equality it tells an empty list from none. */
function sameJson(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, index) => sameJson(item, b[index]));
  }
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && sameJson(a[key], b[key]));
}

function isMap(value: Json): value is { [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The keys of a list's item as one text; undefined for what is no object. */
function keyText(item: Json, keys: readonly string[]): string | undefined {
  if (!isMap(item)) return undefined;
  return JSON.stringify(
    keys.map((key) => (Object.hasOwn(item, key) ? String(typeof item[key] + String(item[key])) : null)),
  );
}
