import { type KubeObject, stringifyJson } from "../apimachinery/index.ts";
import { equalBytes } from "../base/index.ts";
import type { Stored } from "../storage/index.ts";

/** An object that is answered but not stored: a dry run's, a Scale, what a delete removed. */
export function transientObject(key: string, object: KubeObject): Stored {
  let bytes: Uint8Array | undefined;
  const json = (): Uint8Array => {
    if (bytes === undefined) {
      const { kind, apiVersion, metadata, ...rest } = object;
      bytes = Buffer.from(stringifyJson({ kind, apiVersion, metadata, ...rest }));
    }
    return bytes;
  };
  return {
    key,
    object,
    resourceVersion: object.metadata.resourceVersion ?? "",
    json,
    get jsonLength() {
      return json().length;
    },
    copyJson(target, at) {
      target.set(json(), at);
      return at + json().length;
    },
    jsonBeginsWith: (bytes) => equalBytes(json().subarray(0, bytes.length), bytes),
  };
}
