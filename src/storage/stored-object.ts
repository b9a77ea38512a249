import { type KubeObject, parseJson, stringifyJson } from "../apimachinery/index.ts";
import { equalBytes, fromUtf8, type LeaseId, noLease, type Revision } from "../base/index.ts";
import type { KeyValue } from "../kv/index.ts";
import type { DecodedObjects } from "./decoded-objects.ts";
import { type Attributes, type SelectionPredicate, StorageError, type Stored } from "./ports.ts";

interface StoredAt {
  readonly key: string;
  readonly value: Uint8Array;
  readonly revision: Revision;
  readonly lease: LeaseId;
}

/**
 * An object at a revision. What stands in the store is its JSON without `metadata.resourceVersion`, for that is the mod revision
 * the key gets by being written:
 *
 *     {"kind":"Pod","apiVersion":"v1","metadata":{"name":"web","namespace":"default","uid":"…"│,"creationTimestamp":…
 *                                                                                             └ ,"resourceVersion":"42"
 *
 * `encodeObject` writes these fields first and in this order, so that the JSON of a revision is two slices of the stored bytes and
 * a few bytes between them, put together in the answer that wants it. A value that somebody else laid out differently is encoded anew.
 */
export class StoredObject implements Stored {
  readonly key: string;
  readonly revision: Revision;
  /** As it stands in the store. */
  readonly value: Uint8Array;
  readonly lease: LeaseId;
  readonly #decoded: DecodedObjects | undefined;
  #object: KubeObject | undefined;
  #attributes: Attributes | undefined;
  /** Where in `value` the resourceVersion goes; undefined until somebody wants the JSON. */
  #gap: number | undefined;

  /** `decoded`: who decides how long the object stays decoded; without anybody, as long as this. */
  constructor(at: StoredAt, object?: KubeObject, decoded?: DecodedObjects) {
    this.key = at.key;
    this.value = at.value;
    this.revision = at.revision;
    this.lease = at.lease;
    this.#object = object;
    this.#decoded = decoded;
  }

  static of(kv: KeyValue, key = fromUtf8(kv.key), decoded?: DecodedObjects): StoredObject {
    const { value, modRevision: revision, lease } = kv;
    return new StoredObject({ key, value, revision, lease }, undefined, decoded);
  }

  /** `content` is what `at.value` was encoded from; its resourceVersion does not count. */
  static from(content: KubeObject, at: StoredAt, decoded?: DecodedObjects): StoredObject {
    const metadata = { ...content.metadata, resourceVersion: String(at.revision) };
    const stored = new StoredObject(at, { ...content, metadata }, decoded);
    decoded?.keep(stored);
    return stored;
  }

  get resourceVersion(): string {
    return String(this.revision);
  }

  /** Decoded when asked for. @throws StorageError CORRUPT_OBJECT */
  get object(): KubeObject {
    if (this.#object !== undefined) return this.#object;
    const object = decodeObject(this.key, this.value, this.revision);
    this.#object = object;
    this.#decoded?.keep(this);
    return object;
  }

  /** Lets go of the decoded object. */
  forget(): void {
    this.#object = undefined;
  }

  /** Only where somebody decides how long it stays decoded. @throws StorageError CORRUPT_OBJECT */
  get attributes(): Attributes | undefined {
    this.#attributes ??= this.#decoded?.attributesOf(this.object);
    return this.#attributes;
  }

  matches(predicate: SelectionPredicate): boolean {
    if (predicate.empty) return true;
    const { attributes } = this;
    const decided = attributes && predicate.matchesAttributes?.(attributes);
    return decided ?? predicate.matches(this.object);
  }

  json(): Uint8Array {
    const json = Buffer.allocUnsafe(this.jsonLength);
    this.copyJson(json, 0);
    return json;
  }

  get jsonLength(): number {
    const gap = this.#findGap();
    if (gap === foreign) return this.#encoded().length;
    return this.value.length + this.#fillingLength(gap);
  }

  copyJson(target: Uint8Array, at: number): number {
    const gap = this.#findGap();
    const content = gap === foreign ? this.#encoded() : this.value;
    target.set(content, at);
    const end = at + content.length;
    if (gap === foreign) return end;
    // What stands behind the gap moves on: cheaper than two views of the value for each object of a list.
    const length = this.#fillingLength(gap);
    target.copyWithin(at + gap + length, at + gap, end);
    this.#fill(target, at + gap, gap);
    return end + length;
  }

  jsonBeginsWith(bytes: Uint8Array): boolean {
    const gap = this.#findGap();
    return gap === foreign
      ? startsWith(this.#encoded(), bytes, 0)
      : bytes.length <= gap && startsWith(this.value, bytes, 0);
  }

  #findGap(): number {
    this.#gap ??= resourceVersionGap(this.value);
    return this.#gap;
  }

  /** Of the field that goes into the gap, with its comma where it has a neighbour. */
  #fillingLength(gap: number): number {
    const isAlone = this.value[gap - 1] === openingBrace && this.value[gap] === closingBrace;
    return beforeVersion.length + digitsOf(this.revision) + (isAlone ? 1 : 2);
  }

  #fill(target: Uint8Array, start: number, gap: number): void {
    let at = start;
    const isFirst = this.value[gap - 1] === openingBrace;
    if (!isFirst) target[at++] = comma;
    for (let i = 0; i < beforeVersion.length; i++) target[at++] = beforeVersion[i] as number;
    const digits = digitsOf(this.revision);
    for (let i = digits - 1, rest: number = this.revision; i >= 0; i--) {
      const more = Math.floor(rest / 10);
      target[at + i] = zero + (rest - 10 * more);
      rest = more;
    }
    at += digits;
    target[at++] = quote;
    if (isFirst && this.value[gap] !== closingBrace) target[at] = comma;
  }

  /** Of a value that somebody else laid out. */
  #encoded(): Uint8Array {
    return Buffer.from(stringifyJson(this.object));
  }

  /** The same content at the revision at which it was deleted or left a selection. */
  at(revision: Revision): StoredObject {
    return new StoredObject({ key: this.key, value: this.value, revision, lease: noLease });
  }

  /** Whether writing `value` would change nothing, the order of fields apart. */
  holds(value: Uint8Array): boolean {
    if (equalBytes(this.value, value)) return true;
    // The same fields in another order are the same bytes in another order: only then is it worth comparing them.
    return isPermutation(this.value, value) && equalJson(parse(this.value), parse(value));
  }
}

/** The bytes to store: no resourceVersion, the identifying fields first. */
export function encodeObject(object: KubeObject): Uint8Array {
  const { kind, apiVersion, metadata, ...rest } = object;
  const { name, generateName, namespace, uid, resourceVersion: _, ...others } = metadata;
  const ordered = { kind, apiVersion, metadata: { name, generateName, namespace, uid, ...others }, ...rest };
  return Buffer.from(stringifyJson(ordered));
}

function decodeObject(key: string, value: Uint8Array, revision: Revision): KubeObject {
  let object: KubeObject;
  try {
    object = parse(value) as KubeObject;
  } catch (error) {
    throw new StorageError(
      "CORRUPT_OBJECT",
      key,
      `object at key ${key} is not JSON: ${(error as Error).message}`,
    );
  }
  if (typeof object?.metadata !== "object" || object.metadata === null) {
    throw new StorageError("CORRUPT_OBJECT", key, `object at key ${key} has no metadata`);
  }
  object.metadata.resourceVersion = String(revision);
  return object;
}

const parse = (value: Uint8Array): unknown => parseJson(fromUtf8(value));

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const zero = 0x30;
const openingBrace = 0x7b;
const closingBrace = 0x7d;
/** No place: the bytes are not ours. */
const foreign = -1;
const beforeMetadata = Buffer.from('"metadata":{');
const beforeVersion = Buffer.from('"resourceVersion":"');
const resourceVersionField = Buffer.from('"resourceVersion"');
const identifying = ['"name":"', '"generateName":"', '"namespace":"', '"uid":"'].map((text) =>
  Buffer.from(text),
);

/** Decimal digits of a revision. */
function digitsOf(revision: number): number {
  let digits = 1;
  for (let bound = 10; revision >= bound; bound *= 10) digits++;
  return digits;
}

/** Where the resourceVersion goes in bytes that are laid out as `encodeObject` does; else `foreign`. */
function resourceVersionGap(value: Uint8Array): number {
  const begin = metadataBegin(value);
  if (begin < 0) return foreign;
  let at = begin;
  for (const field of identifying) {
    const start = at === begin ? at : at + 1;
    if (at !== begin && value[at] !== comma) break;
    if (startsWith(value, field, start)) at = stringEnd(value, start + field.length);
    if (at < 0) return foreign;
  }
  return startsWith(value, resourceVersionField, value[at] === comma ? at + 1 : at) ? foreign : at;
}

/** Just after `"metadata":{` where only kind and apiVersion stand before it; else -1. */
function metadataBegin(value: Uint8Array): number {
  let at = 1;
  for (const field of leading) {
    if (!startsWith(value, field, at)) continue;
    at = stringEnd(value, at + field.length);
    if (at < 0 || value[at] !== comma) return -1;
    at++;
  }
  return value[0] === 0x7b && startsWith(value, beforeMetadata, at) ? at + beforeMetadata.length : -1;
}

const leading = ['"kind":"', '"apiVersion":"'].map((text) => Buffer.from(text));

function startsWith(value: Uint8Array, text: Uint8Array, at: number): boolean {
  for (let i = 0; i < text.length; i++) if (value[at + i] !== text[i]) return false;
  return true;
}

/** Just after the quote that ends the string whose content begins at `at`; -1 where there is none or it has escapes. */
function stringEnd(value: Uint8Array, at: number): number {
  for (let i = at; i < value.length; i++) {
    if (value[i] === quote) return i + 1;
    if (value[i] === backslash) return -1;
  }
  return -1;
}

/** Whether both have the same bytes as often: never false where one is the other in another order, hardly ever true otherwise. */
function isPermutation(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < a.length; i++) {
    const left = a[i] as number;
    const right = b[i] as number;
    sum += left - right;
    squares += left * left - right * right;
  }
  return sum === 0 && squares === 0;
}

/** Deep equality of two JSON values; the order of an object's fields does not count. */
function equalJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return (
      Array.isArray(a) &&
      Array.isArray(b) &&
      a.length === b.length &&
      a.every((item, i) => equalJson(item, b[i]))
    );
  }
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && equalJson((a as never)[key], (b as never)[key]))
  );
}
