import type { JsonObject } from "../object.ts";
import type { SchemaNode } from "../structure.ts";
import { comparePathElements, fieldName } from "./path-element.ts";

/** A step that is a member itself, has members below it, or both: never neither. */
interface Entry {
  readonly element: string;
  readonly isMember: boolean;
  readonly below: FieldSet | undefined;
}

/**
 * A set of paths into an object, as a tree: an element may be a member itself, have members below it, or both. Immutable but for
 * `insert` and `place`, which only its maker calls: sets share their parts. Its JSON form is FieldsV1:
 *
 *   {"f:metadata": {"f:labels": {".": {}, "f:app": {}}}}      metadata.labels and metadata.labels.app are members, metadata is not
 *
 * The entries of a level are in the order in which FieldsV1 writes them, so that two sets are joined or told apart in one pass over both.
 */
export class FieldSet {
  readonly #entries: Entry[];

  constructor(entries: Entry[] = []) {
    this.#entries = entries;
  }

  static of(...paths: readonly (readonly string[])[]): FieldSet {
    const set = new FieldSet();
    for (const path of paths) set.insert(path);
    return set;
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  has(element: string): boolean {
    return this.#at(element)?.isMember === true;
  }

  below(element: string): FieldSet | undefined {
    return this.#at(element)?.below;
  }

  /** Only while a set is being made: others may share its parts afterwards. */
  insert(path: readonly string[], from = 0): void {
    const element = path[from];
    if (element === undefined) return;
    if (from === path.length - 1) {
      this.place(element, true, undefined);
      return;
    }
    const known = this.below(element);
    if (known !== undefined) {
      known.insert(path, from + 1);
      return;
    }
    const below = new FieldSet();
    below.insert(path, from + 1);
    this.place(element, false, below);
  }

  /** Adds an element with what is below it, which nothing was before; as `insert`. */
  place(element: string, isMember: boolean, below: FieldSet | undefined): void {
    const kept = below?.isEmpty === true ? undefined : below;
    if (!isMember && kept === undefined) return;
    const at = this.#position(element);
    const known = this.#entries[at];
    if (known?.element !== element) this.#entries.splice(at, 0, { element, isMember, below: kept });
    else this.#entries[at] = { element, isMember: isMember || known.isMember, below: kept ?? known.below };
  }

  union(other: FieldSet): FieldSet {
    if (other.isEmpty) return this;
    if (this.isEmpty) return other;
    const joined: Entry[] = [];
    const [mine, theirs] = [this.#entries, other.#entries];
    for (let i = 0, j = 0; i < mine.length || j < theirs.length; ) {
      const [a, b] = [mine[i], theirs[j]];
      const order = a === undefined ? 1 : b === undefined ? -1 : comparePathElements(a.element, b.element);
      if (order <= 0) i++;
      if (order >= 0) j++;
      joined.push(order === 0 ? unionOf(a as Entry, b as Entry) : ((order < 0 ? a : b) as Entry));
    }
    return new FieldSet(joined);
  }

  intersection(other: FieldSet): FieldSet {
    return this.#paired(other, (mine, theirs) => {
      if (theirs === undefined) return undefined;
      const below = mine.below && theirs.below && mine.below.intersection(theirs.below);
      return entryOf(mine, mine.isMember && theirs.isMember, below);
    });
  }

  difference(other: FieldSet): FieldSet {
    if (other.isEmpty) return this;
    return this.#paired(other, (mine, theirs) => {
      if (theirs === undefined) return mine;
      const below = mine.below && theirs.below ? mine.below.difference(theirs.below) : mine.below;
      return entryOf(mine, mine.isMember && !theirs.isMember, below);
    });
  }

  /** Without the members of `other` and everything below them. */
  recursiveDifference(other: FieldSet): FieldSet {
    if (other.isEmpty) return this;
    return this.#paired(other, (mine, theirs) => {
      if (theirs === undefined) return mine;
      if (theirs.isMember) return undefined;
      const below = mine.below && theirs.below ? mine.below.recursiveDifference(theirs.below) : mine.below;
      return entryOf(mine, mine.isMember, below);
    });
  }

  /** Declared fields on the way to a member become members themselves, so that removing them can be told. */
  withNamedFields(schema: SchemaNode | undefined): FieldSet {
    const named = this.#entries.map((entry) => {
      const { element, isMember, below } = entry;
      if (below === undefined) return entry;
      const name = fieldName(element);
      const field = name === undefined ? undefined : schema?.fields.get(name);
      const node = field?.node ?? schema?.values ?? schema?.items;
      return { element, isMember: isMember || field !== undefined, below: below.withNamedFields(node) };
    });
    return new FieldSet(named);
  }

  /** Every path: at each level first the members, then what is below, both in the order of path elements. */
  *paths(prefix: readonly string[] = []): Generator<string[]> {
    for (const { element, isMember } of this.#entries) if (isMember) yield [...prefix, element];
    for (const { element, below } of this.#entries)
      if (below !== undefined) yield* below.paths([...prefix, element]);
  }

  toFieldsV1(): JsonObject {
    const json: JsonObject = {};
    this.#writeTo(json);
    return json;
  }

  #writeTo(json: JsonObject): void {
    for (const { element, isMember, below } of this.#entries) {
      const inner: JsonObject = isMember && below !== undefined ? { ".": {} } : {};
      if (below !== undefined) below.#writeTo(inner);
      json[element] = inner;
    }
  }

  /** Undefined where it is not FieldsV1. */
  static fromFieldsV1(json: unknown, depth = depthMax): FieldSet | undefined {
    if (typeof json !== "object" || json === null || Array.isArray(json) || depth === 0) return undefined;
    const entries: Entry[] = [];
    const map = json as JsonObject;
    let isSorted = true;
    for (const element in map) {
      if (element === ".") continue;
      if (!isPathElement(element)) return undefined;
      const below = map[element];
      if (typeof below !== "object" || below === null) return undefined;
      const isEmpty = isEmptyMap(below);
      const child = isEmpty ? undefined : FieldSet.fromFieldsV1(below, depth - 1);
      if (!isEmpty && child === undefined) return undefined;
      const isMember = isEmpty || Object.hasOwn(below, ".");
      const kept = child?.isEmpty === true ? undefined : child;
      if (!isMember && kept === undefined) continue;
      const last = entries.at(-1);
      if (last !== undefined && comparePathElements(last.element, element) > 0) isSorted = false;
      entries.push({ element, isMember, below: kept });
    }
    // Whatever we wrote is in order.
    if (!isSorted) entries.sort((a, b) => comparePathElements(a.element, b.element));
    return new FieldSet(entries);
  }

  /** What becomes of each entry, given the other set's of the same element. */
  #paired(other: FieldSet, pair: (mine: Entry, theirs: Entry | undefined) => Entry | undefined): FieldSet {
    const theirs = other.#entries;
    const kept: Entry[] = [];
    let isChanged = false;
    let j = 0;
    for (const entry of this.#entries) {
      while (j < theirs.length && comparePathElements((theirs[j] as Entry).element, entry.element) < 0) j++;
      const counterpart = theirs[j]?.element === entry.element ? theirs[j] : undefined;
      const next = pair(entry, counterpart);
      if (next !== entry) isChanged = true;
      if (next !== undefined) kept.push(next);
    }
    return isChanged ? new FieldSet(kept) : this;
  }

  #at(element: string): Entry | undefined {
    const entry = this.#entries[this.#position(element)];
    return entry?.element === element ? entry : undefined;
  }

  /** Where the element is, or would be. */
  #position(element: string): number {
    const entries = this.#entries;
    let low = 0;
    let high = entries.length;
    // Most come in their order.
    const last = entries[high - 1];
    if (last === undefined || comparePathElements(last.element, element) < 0) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (comparePathElements((entries[middle] as Entry).element, element) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function unionOf(a: Entry, b: Entry): Entry {
  const below = a.below === undefined ? b.below : b.below === undefined ? a.below : a.below.union(b.below);
  return { element: a.element, isMember: a.isMember || b.isMember, below };
}

/** `known` itself where it is that; undefined where nothing is left of it. */
function entryOf(known: Entry, isMember: boolean, below: FieldSet | undefined): Entry | undefined {
  const kept = below?.isEmpty === true ? undefined : below;
  if (known.isMember === isMember && known.below === kept) return known;
  return isMember || kept !== undefined ? { element: known.element, isMember, below: kept } : undefined;
}

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
