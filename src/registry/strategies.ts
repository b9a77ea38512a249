import type { GroupResource, KubeObject } from "../apimachinery/index.ts";
import type { Clock, Random } from "../platform/index.ts";
import type { Storage } from "../storage/index.ts";
import type { StoredForm } from "./converting-store.ts";
import type { Access, RegistryFlags } from "./ports.ts";
import type { Review } from "./reviews/review-store.ts";
import type { Strategy } from "./strategy.ts";

/** What a Strategy may use besides the objects it is given. */
export interface StrategyDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly flags: RegistryFlags;
  readonly access: Access;
  /** The store and the key prefix of another resource (allocators look at every Service). */
  storageOf(resource: GroupResource): { readonly storage: Storage; readonly keyPrefix: string };
  /** A store of the rules' own under the common prefix, that no resource shows; the same for the same name. */
  ownStorage(name: string): { readonly storage: Storage; readonly keyPrefix: string };
}

/** A Strategy, or what makes one where it needs more than the object. */
export type StrategySource = Strategy | ((deps: StrategyDeps) => Strategy);

/** A kind's Strategy among those of others: the registry hands each only objects of its own kind. */
export function ofAnyKind<T extends KubeObject>(strategy: Strategy<T>): Strategy {
  return strategy as unknown as Strategy;
}

/** Strategies of one API version, by resource; each group's folder has one of these for each version it serves. */
export interface ServedVersion {
  readonly group: string;
  readonly version: string;
  readonly resources: Readonly<Record<string, StrategySource>>;
  /** Resources of which nothing is stored. */
  readonly reviews?: Readonly<Record<string, (deps: StrategyDeps) => Review>>;
  /** Of these, what is stored in the form of another resource. The Strategy sees the stored form. */
  readonly storedAs?: Readonly<Record<string, StoredForm>>;
}
