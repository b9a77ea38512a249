import { errors } from "../apimachinery/index.ts";
import type { Stored } from "../storage/index.ts";
import type { StoreParts } from "./store-parts.ts";

export interface Preconditions {
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
}

/** @throws StatusError Conflict where the object is another of the same name, or not as it was seen; in the store's words, as upstream */
export function checkPreconditions(
  store: StoreParts,
  { key, name, current }: { key: string; name: string; current: Stored },
  wanted: Preconditions,
): void {
  const check = (what: string, expected: string | undefined, found: string): void => {
    if (!expected || expected === found) return;
    throw errors.conflict(
      store.resource,
      name,
      `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: ${what} in precondition: ${expected}, ${what} in object meta: ${found}`,
    );
  };
  check("UID", wanted.uid, current.object.metadata.uid ?? "");
  check("ResourceVersion", wanted.resourceVersion, current.resourceVersion);
}
