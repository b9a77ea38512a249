import type { JsonObject } from "../object.ts";
import type { SchemaNode } from "../structure.ts";
import { comparePathElements, fieldName } from "./path-element.ts";

/**
 * A set of paths into an object, as a tree: an element may be a member itself, have members below it, or both. Immutable but for
 * `insert`, which only its maker calls. Its JSON form is FieldsV1:
 *
 *   {"f:metadata": {"f:labels": {".": {}, "f:app": {}}}}      metadata.labels and metadata.labels.app are members, metadata is not
 */
export class FieldSet {
  readonly members = new Set<string>();
  readonly children = new Map<string, FieldSet>();

  static of(...paths: readonly (readonly string[])[]): FieldSet {
    const set = new FieldSet();
    for (const path of paths) set.insert(path);
    return set;
  }

  get isEmpty(): boolean {
    if (this.members.size > 0) return false;
    for (const child of this.children.values()) if (!child.isEmpty) return false;
    return true;
  }

  insert(path: readonly string[]): void {
    let node: FieldSet = this;
    for (let i = 0; i < path.length - 1; i++) {
      const element = path[i] as string;
      let next = node.children.get(element);
      if (next === undefined) {
        next = new FieldSet();
        node.children.set(element, next);
      }
      node = next;
    }
    const last = path.at(-1);
    if (last !== undefined) node.members.add(last);
  }

  union(other: FieldSet): FieldSet {
    const joined = new FieldSet();
    for (const member of this.members) joined.members.add(member);
    for (const member of other.members) joined.members.add(member);
    for (const [element, child] of this.children) {
      const counterpart = other.children.get(element);
      joined.children.set(element, counterpart === undefined ? child : child.union(counterpart));
    }
    for (const [element, child] of other.children) {
      if (!this.children.has(element)) joined.children.set(element, child);
    }
    return joined;
  }

  intersection(other: FieldSet): FieldSet {
    const shared = new FieldSet();
    for (const member of this.members) if (other.members.has(member)) shared.members.add(member);
    for (const [element, child] of this.children) {
      const counterpart = other.children.get(element);
      if (counterpart !== undefined) shared.#adopt(element, child.intersection(counterpart));
    }
    return shared;
  }

  difference(other: FieldSet): FieldSet {
    const rest = new FieldSet();
    for (const member of this.members) if (!other.members.has(member)) rest.members.add(member);
    for (const [element, child] of this.children) {
      const counterpart = other.children.get(element);
      rest.#adopt(element, counterpart === undefined ? child : child.difference(counterpart));
    }
    return rest;
  }

  /** Without the members of `other` and everything below them. */
  recursiveDifference(other: FieldSet): FieldSet {
    const rest = new FieldSet();
    for (const member of this.members) if (!other.members.has(member)) rest.members.add(member);
    for (const [element, child] of this.children) {
      if (other.members.has(element)) continue;
      const counterpart = other.children.get(element);
      rest.#adopt(element, counterpart === undefined ? child : child.recursiveDifference(counterpart));
    }
    return rest;
  }

  /** Declared fields on the way to a member become members themselves, so that removing them can be told. */
  withNamedFields(schema: SchemaNode | undefined): FieldSet {
    const set = new FieldSet();
    for (const member of this.members) set.members.add(member);
    for (const [element, child] of this.children) {
      const name = fieldName(element);
      const field = name === undefined ? undefined : schema?.fields.get(name);
      if (field !== undefined) set.members.add(element);
      set.children.set(element, child.withNamedFields(field?.node ?? schema?.values ?? schema?.items));
    }
    return set;
  }

  /** Every path: at each level first the members, then what is below, both in the order of path elements. */
  *paths(prefix: readonly string[] = []): Generator<string[]> {
    for (const element of [...this.members].sort(comparePathElements)) yield [...prefix, element];
    for (const element of [...this.children.keys()].sort(comparePathElements))
      yield* this.children.get(element)?.paths([...prefix, element]) ?? [];
  }

  toFieldsV1(): JsonObject {
    const elements = [...new Set([...this.members, ...this.children.keys()])].sort(comparePathElements);
    const json: JsonObject = {};
    for (const element of elements) {
      const child = this.children.get(element);
      const below = child === undefined ? {} : child.toFieldsV1();
      if (Object.keys(below).length === 0 && !this.members.has(element)) continue;
      json[element] =
        this.members.has(element) && Object.keys(below).length > 0 ? { ".": {}, ...below } : below;
    }
    return json;
  }

  /** Undefined where it is not FieldsV1. */
  static fromFieldsV1(json: unknown, depth = depthMax): FieldSet | undefined {
    if (typeof json !== "object" || json === null || Array.isArray(json) || depth === 0) return undefined;
    const set = new FieldSet();
    for (const [element, below] of Object.entries(json)) {
      if (element === ".") continue;
      if (!/^(f:|k:\{|v:|i:)/.test(element)) return undefined;
      if (typeof below !== "object" || below === null) return undefined;
      const keys = Object.keys(below);
      if (keys.length === 0 || Object.hasOwn(below, ".")) set.members.add(element);
      if (keys.length > 0) {
        const child = FieldSet.fromFieldsV1(below, depth - 1);
        if (child === undefined) return undefined;
        set.#adopt(element, child);
      }
    }
    return set;
  }

  #adopt(element: string, child: FieldSet): void {
    if (!child.isEmpty) this.children.set(element, child);
  }
}

const depthMax = 200;
