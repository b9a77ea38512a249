import { apiVersionOf } from "../../registry/index.ts";
import type { KindForm } from "../../schema/index.ts";
import type { Stored, StoredList } from "../../storage/index.ts";

const comma = 0x2c;

/**
 * JSON of a list from the JSON of its items, in one buffer, written once. Items of a built-in kind's list do not repeat their kind and apiVersion, which
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
  let length = head.length + 3;
  for (const item of list.items) length += item.jsonLength + 1;
  const bytes = Buffer.allocUnsafe(length);
  let at = head.copy(bytes, 0);
  for (let i = 0; i < list.items.length; i++) {
    if (i > 0) bytes[at++] = comma;
    const end = (list.items[i] as Stored).copyJson(bytes, at);
    const shortened = !custom && startsWith(bytes, typeMeta, at);
    // The brace stays, what follows the type moves up to it.
    if (shortened) bytes.copyWithin(at + 1, at + typeMeta.length, end);
    at = shortened ? end - typeMeta.length + 1 : end;
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

function startsWith(bytes: Uint8Array, prefix: Uint8Array, at: number): boolean {
  for (let i = 0; i < prefix.length; i++) if (bytes[at + i] !== prefix[i]) return false;
  return true;
}
