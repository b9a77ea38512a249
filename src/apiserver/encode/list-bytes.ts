import type { GroupVersionKind } from "../../apimachinery/index.ts";
import { apiVersionOf } from "../../registry/index.ts";
import type { StoredList } from "../../storage/index.ts";

const comma = 0x2c;
const openingBrace = 0x7b;

/**
 * JSON of a list from the JSON of its items, in one buffer. Items of a typed list do not repeat their kind and apiVersion, which
 * the store writes first:
 *
 *     {"kind":"PodList","apiVersion":"v1","metadata":{…},"items":[ {│"metadata":… ,{│"metadata":… ]}
 */
export function listBytes(list: StoredList, kind: GroupVersionKind): Buffer {
  const apiVersion = apiVersionOf(kind);
  const head = Buffer.from(
    `{"kind":"${kind.kind}List","apiVersion":"${apiVersion}","metadata":${listMetadata(list)},"items":[`,
  );
  const typeMeta = Buffer.from(`{"kind":"${kind.kind}","apiVersion":"${apiVersion}",`);
  const items = list.items.map((item) => item.json());
  let length = head.length + 2 + Math.max(0, items.length - 1);
  for (const item of items) length += item.length;
  const bytes = Buffer.allocUnsafe(length);
  let at = head.copy(bytes, 0);
  for (let i = 0; i < items.length; i++) {
    const item = items[i] as Uint8Array;
    if (i > 0) bytes[at++] = comma;
    if (startsWith(item, typeMeta)) {
      bytes[at++] = openingBrace;
      bytes.set(item.subarray(typeMeta.length), at);
      at += item.length - typeMeta.length;
    } else {
      bytes.set(item, at);
      at += item.length;
    }
  }
  at += bytes.write("]}", at);
  return bytes.subarray(0, at);
}

function listMetadata(list: StoredList): string {
  return JSON.stringify({
    ...(list.resourceVersion === "" ? {} : { resourceVersion: list.resourceVersion }),
    ...(list.continue === "" ? {} : { continue: list.continue }),
    ...(list.remainingItemCount === undefined ? {} : { remainingItemCount: list.remainingItemCount }),
  });
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  if (bytes.length < prefix.length) return false;
  for (let i = 0; i < prefix.length; i++) if (bytes[i] !== prefix[i]) return false;
  return true;
}
