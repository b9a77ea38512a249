import type { BodySource } from "../../h2/index.ts";
import { apiVersionOf } from "../../registry/index.ts";
import type { KindForm } from "../../schema/index.ts";
import type { Stored, StoredList } from "../../storage/index.ts";

const comma = 0x2c;
const newline = 0x0a;

/** What a list keeps for each of its items: their bytes are the store's. */
const heldBytesPerItem = 8;

/** JSON of one object, and the newline that Go's encoder ends it with. */
export class ObjectJson implements BodySource {
  readonly length: number;
  readonly #stored: Stored;
  /** Of an object that leaves in parts. */
  #line: Uint8Array | undefined;
  #sent = 0;

  constructor(stored: Stored) {
    this.#stored = stored;
    this.length = stored.jsonLength + 1;
  }

  get heldBytes(): number {
    return this.length;
  }

  writeNext(target: Uint8Array, at: number, bytes: number): void {
    if (bytes === this.length) {
      target[this.#stored.copyJson(target, at)] = newline;
      return;
    }
    if (this.#line === undefined) {
      this.#line = new Uint8Array(this.length);
      this.#line[this.#stored.copyJson(this.#line, 0)] = newline;
    }
    target.set(this.#line.subarray(this.#sent, this.#sent + bytes), at);
    this.#sent += bytes;
  }
}

/**
 * JSON of a list from the JSON of its items. Items of a built-in kind's list do not repeat their kind and apiVersion, which the store writes first;
 * those of custom kinds do:
 *
 *     {"kind":"PodList","apiVersion":"v1","metadata":{…},"items":[ {│"metadata":… ,{│"metadata":… ]}
 *
 * Each item is written where it leaves from, but for those that two writes share: they are made aside.
 */
export class ListJson implements BodySource {
  readonly length: number;
  readonly #items: readonly Stored[];
  /** How each item begins that is shortened by it, to a brace. */
  readonly #typeMeta: Uint8Array | undefined;
  #next = 0;
  /** What comes before the next item, and how much of it has been written. */
  #rest: Uint8Array;
  #restAt = 0;

  constructor(list: StoredList, { kind, listKind, custom = false }: KindForm) {
    const apiVersion = apiVersionOf(kind);
    const { items } = list;
    this.#items = items;
    this.#rest = Buffer.from(
      `{"kind":"${listKind}","apiVersion":"${apiVersion}","metadata":${listMetadata(list, custom)},"items":[`,
    );
    const typeMeta = Buffer.from(`{"kind":"${kind.kind}","apiVersion":"${apiVersion}",`);
    this.#typeMeta = custom ? undefined : typeMeta;
    let length = this.#rest.length + Math.max(0, items.length - 1) + tail.length;
    for (const item of items) {
      length += item.jsonLength;
      if (!custom && item.jsonBeginsWith(typeMeta)) length -= typeMeta.length - 1;
    }
    this.length = length;
  }

  get heldBytes(): number {
    return heldBytesPerItem * this.#items.length;
  }

  writeNext(target: Uint8Array, start: number, bytes: number): void {
    const end = start + bytes;
    let at = this.#writeRest(target, start, end);
    while (at < end) {
      const item = this.#items[this.#next];
      if (item === undefined) this.#rest = tail;
      else if (item.jsonLength < end - at) {
        at = this.#writeItem(target, at, item);
        continue;
      } else {
        const aside = Buffer.allocUnsafe(item.jsonLength + 1);
        this.#rest = aside.subarray(0, this.#writeItem(aside, 0, item));
      }
      this.#restAt = 0;
      at = this.#writeRest(target, at, end);
    }
  }

  #writeRest(target: Uint8Array, at: number, end: number): number {
    const bytes = Math.min(this.#rest.length - this.#restAt, end - at);
    if (bytes === 0) return at;
    target.set(this.#rest.subarray(this.#restAt, this.#restAt + bytes), at);
    this.#restAt += bytes;
    return at + bytes;
  }

  /** The next item and the comma before it, for which `target` has room even as it stands in the store. */
  #writeItem(target: Uint8Array, start: number, item: Stored): number {
    let at = start;
    if (this.#next++ > 0) target[at++] = comma;
    const end = item.copyJson(target, at);
    const typeMeta = this.#typeMeta;
    if (typeMeta === undefined || !item.jsonBeginsWith(typeMeta)) return end;
    // The brace stays, what follows the type moves up to it.
    target.copyWithin(at + 1, at + typeMeta.length, end);
    return end - typeMeta.length + 1;
  }
}

const tail = Buffer.from("]}\n");

function listMetadata(list: StoredList, custom: boolean): string {
  return JSON.stringify({
    ...(list.resourceVersion === "" ? {} : { resourceVersion: list.resourceVersion }),
    ...(list.continue === "" && !custom ? {} : { continue: list.continue }),
    ...(list.remainingItemCount === undefined ? {} : { remainingItemCount: list.remainingItemCount }),
  });
}
