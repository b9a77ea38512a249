import type { KubeObject } from "../apimachinery/index.ts";

/**
 * What a controller wrote and its informer has not shown yet. A round on an older version would only lose the race with
 * its own last write; the informer wakes it when it has caught up.
 */
export class OwnWrites {
  readonly #versions = new Map<string, string>();

  note(object: KubeObject): void {
    const { uid, resourceVersion } = object.metadata;
    if (uid !== undefined && resourceVersion !== undefined) this.#versions.set(uid, resourceVersion);
  }

  /** The cached object is older than what was written last. */
  isBehind(cached: KubeObject): boolean {
    const uid = cached.metadata.uid as string;
    const version = this.#versions.get(uid);
    if (version === undefined) return false;
    if (!isAtLeast(cached.metadata.resourceVersion, version)) return true;
    this.#versions.delete(uid);
    return false;
  }

  forget(object: KubeObject): void {
    this.#versions.delete(object.metadata.uid as string);
  }
}

/** Whether a version is as new as another: decimal numbers that grow (KEP-5504). Others are only equal to themselves. */
export function isAtLeast(version: string | undefined, other: string): boolean {
  if (version === undefined || !/^\d{1,20}$/.test(version) || !/^\d{1,20}$/.test(other))
    return version === other;
  return BigInt(version) >= BigInt(other);
}
