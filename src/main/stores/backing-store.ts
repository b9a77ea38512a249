import type { Revision } from "../../base/index.ts";
import type { Kv } from "../../kv/index.ts";
import type { Replica } from "../../replica/index.ts";

/** What the resource API stands on: a member in this process (member-store.ts), or an etcd cluster elsewhere (external-store.ts). */
export interface BackingStore {
  readonly kv: Kv;
  /** Watches may begin here, though nobody was interested in their resource at the time; undefined where that cannot be had. */
  readonly windowFrom: Revision | undefined;
  /** Where etcd's clients find it; several are joined by commas. */
  readonly etcdUrl: string;
  /** Whose controllers work, where several servers share the store. */
  readonly leadership: Leadership;
  /** It has a leader. */
  readonly ready: Promise<void>;
  /** Rejects when it cannot go on. */
  readonly failed: Promise<never>;
  /** Why nothing can be read or written at the moment. */
  problem(): string | undefined;
  close(): Promise<void>;
}

/** `alone`: nobody else is there. `store`: those of the member that leads the store. `lease`: those of who holds a Lease object. */
export type Leadership =
  | { readonly by: "alone" }
  | { readonly by: "store"; readonly replica: Replica }
  | { readonly by: "lease" };
