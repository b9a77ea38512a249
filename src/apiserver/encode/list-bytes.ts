import { apiVersionOf } from "../../registry/index.ts";
import type { KindForm } from "../../schema/index.ts";
import type { StoredList } from "../../storage/index.ts";

const comma = 0x2c;
const openingBrace = 0x7b;

/**
 * JSON of a list from the JSON of its items, in one buffer. Items of a built-in kind's list do not repeat their kind and apiVersion, which
 * the store writes first; those of custom kinds do:
 *
 *     {"kind":"PodList","apiVersion":"v1","metadata":{…},"items":[ {│"metadata":… ,{│"metadata":… ]}
 */
export function listBytes(list: StoredList, { kind, custom = false }: KindForm): Buffer {
  const apiVersion = apiVersionOf(kind);
  const head = Buffer.from(
    `{"kind":"${kind.kind}List","apiVersion":"${apiVersion}","metadata":${listMetadata(list, custom)},"items":[`,
  );
  const typeMeta = Buffer.from(`{"kind":"${kind.kind}","apiVersion":"${apiVersion}",`);
  const items = list.items.map((item) => item.json());
  let length = head.length + 3 + Math.max(0, items.length - 1);
  for (const item of items) length += item.length;
  const bytes = Buffer.allocUnsafe(length);
  let at = head.copy(bytes, 0);
  for (let i = 0; i < items.length; i++) {
    const item = items[i] as Uint8Array;
    if (i > 0) bytes[at++] = comma;
    if (!custom && startsWith(item, typeMeta)) {
      bytes[at++] = openingBrace;
      bytes.set(item.subarray(typeMeta.length), at);
      at += item.length - typeMeta.length;
    } else {
      bytes.set(item, at);
      at += item.length;
    }
  }
  at += bytes.write("]}\n", at);
  return bytes.subarray(0, at);
}

function listMetadata(list: StoredList, custom: boolean): string {
  return JSON.stringify({
    ...(list.resourceVersion === "" ? {} : { resourceVersion: list.resourceVersion }),
    ...(list.continue === "" && !custom ? {} : { continue: list.continue }),
    ...(list.remainingItemCount === undefined ? {} : { remainingItemCount: list.remainingItemCount }),
  });
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  if (bytes.length < prefix.length) return false;
  for (let i = 0; i < prefix.length; i++) if (bytes[i] !== prefix[i]) return false;
  return true;
}
