import type { GroupVersionKind, GroupVersionResource } from "../apimachinery/index.ts";
import type { Random } from "../platform/index.ts";
import type { KindForm } from "../schema/index.ts";
import type { Storage, Stored } from "../storage/index.ts";
import type { KeySpace } from "./keys.ts";
import type { Strategy } from "./strategy.ts";

/** What the verbs of the generic store share. */
export interface StoreParts extends KeySpace {
  readonly resource: GroupVersionResource;
  readonly kind: GroupVersionKind;
  readonly form: KindForm;
  /** As objects carry it: `apps/v1`, `v1`. */
  readonly apiVersion: string;
  readonly strategy: Strategy;
  readonly storage: Storage;
  readonly random: Random;
  /** The newest object under a key, undefined where there is none. */
  read(key: string): Promise<Stored | undefined>;
}

export function apiVersionOf(kind: { readonly group: string; readonly version: string }): string {
  return kind.group === "" ? kind.version : `${kind.group}/${kind.version}`;
}
