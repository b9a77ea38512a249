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
  #members: Set<string> | undefined;
  #children: Map<string, FieldSet> | undefined;

  static of(...paths: readonly (readonly string[])[]): FieldSet {
    const set = new FieldSet();
    for (const path of paths) set.insert(path);
    return set;
  }

  get members(): ReadonlySet<string> {
    return this.#members ?? noMembers;
  }

  get children(): ReadonlyMap<string, FieldSet> {
    return this.#children ?? noChildren;
  }

  get isEmpty(): boolean {
    if (this.members.size > 0) return false;
    for (const child of this.children.values()) if (!child.isEmpty) return false;
    return true;
  }

  /** Only while a set is being made: others may share its parts afterwards. */
  insert(path: readonly string[]): void {
    let node: FieldSet = this;
    for (let i = 0; i < path.length - 1; i++) {
      const element = path[i] as string;
      let next = node.children.get(element);
      if (next === undefined) {
        next = new FieldSet();
        node.#put(element, next);
      }
      node = next;
    }
    const last = path.at(-1);
    if (last !== undefined) node.#add(last);
  }

  /** Adds an element with what is below it; as `insert`. */
  place(element: string, isMember: boolean, below: FieldSet | undefined): void {
    if (isMember) this.#add(element);
    if (below !== undefined) this.#adopt(element, below);
  }

  union(other: FieldSet): FieldSet {
    if (other.isEmpty) return this;
    if (this.isEmpty) return other;
    const joined = new FieldSet();
    for (const member of this.members) joined.#add(member);
    for (const member of other.members) joined.#add(member);
    for (const [element, child] of this.children) {
      const counterpart = other.children.get(element);
      joined.#put(element, counterpart === undefined ? child : child.union(counterpart));
    }
    for (const [element, child] of other.children) {
      if (!this.children.has(element)) joined.#put(element, child);
    }
    return joined;
  }

  intersection(other: FieldSet): FieldSet {
    const shared = new FieldSet();
    for (const member of this.members) if (other.members.has(member)) shared.#add(member);
    for (const [element, child] of this.children) {
      const counterpart = other.children.get(element);
      if (counterpart !== undefined) shared.#adopt(element, child.intersection(counterpart));
    }
    return shared;
  }

  difference(other: FieldSet): FieldSet {
    if (other.isEmpty) return this;
    const rest = new FieldSet();
    for (const member of this.members) if (!other.members.has(member)) rest.#add(member);
    for (const [element, child] of this.children) {
      const counterpart = other.children.get(element);
      rest.#adopt(element, counterpart === undefined ? child : child.difference(counterpart));
    }
    return rest;
  }

  /** Without the members of `other` and everything below them. */
  recursiveDifference(other: FieldSet): FieldSet {
    if (other.isEmpty) return this;
    const rest = new FieldSet();
    for (const member of this.members) if (!other.members.has(member)) rest.#add(member);
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
    for (const member of this.members) set.#add(member);
    for (const [element, child] of this.children) {
      const name = fieldName(element);
      const field = name === undefined ? undefined : schema?.fields.get(name);
      if (field !== undefined) set.#add(element);
      set.#put(element, child.withNamedFields(field?.node ?? schema?.values ?? schema?.items));
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
    const elements = [...this.members];
    for (const element of this.children.keys()) if (!this.members.has(element)) elements.push(element);
    if (elements.length > 1) elements.sort(comparePathElements);
    const json: JsonObject = {};
    for (const element of elements) {
      const below = this.children.get(element)?.toFieldsV1();
      const hasBelow = below !== undefined && !isEmptyMap(below);
      if (!this.members.has(element)) {
        if (hasBelow) json[element] = below;
      } else json[element] = hasBelow ? { ".": {}, ...below } : {};
    }
    return json;
  }

  /** Undefined where it is not FieldsV1. */
  static fromFieldsV1(json: unknown, depth = depthMax): FieldSet | undefined {
    if (typeof json !== "object" || json === null || Array.isArray(json) || depth === 0) return undefined;
    const set = new FieldSet();
    const map = json as JsonObject;
    for (const element in map) {
      if (element === ".") continue;
      if (!isPathElement(element)) return undefined;
      const below = map[element];
      if (typeof below !== "object" || below === null) return undefined;
      const isEmpty = isEmptyMap(below);
      if (isEmpty || Object.hasOwn(below, ".")) set.#add(element);
      if (!isEmpty) {
        const child = FieldSet.fromFieldsV1(below, depth - 1);
        if (child === undefined) return undefined;
        set.#adopt(element, child);
      }
    }
    return set;
  }

  #add(member: string): void {
    this.#members ??= new Set();
    this.#members.add(member);
  }

  #put(element: string, child: FieldSet): void {
    this.#children ??= new Map();
    this.#children.set(element, child);
  }

  #adopt(element: string, child: FieldSet): void {
    if (!child.isEmpty) this.#put(element, child);
  }
}

// Most sets have one of the two only.
const noMembers: ReadonlySet<string> = new Set();
const noChildren: ReadonlyMap<string, FieldSet> = new Map();

function isEmptyMap(map: object): boolean {
  for (const _key in map) return false;
  return true;
}

function isPathElement(text: string): boolean {
  if (text[1] !== ":") return false;
  const kind = text[0];
  return kind === "f" || kind === "v" || kind === "i" || (kind === "k" && text[2] === "{");
}

const depthMax = 200;
