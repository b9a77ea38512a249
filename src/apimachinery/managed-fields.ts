import type { KubeObject } from "./object.ts";
import type { SchemaNode } from "./structure.ts";

/** Who writes, how. */
export interface FieldManagerRequest {
  /** `fieldManager`, or the User-Agent up to its first "/". */
  readonly manager: string;
  /** Of the version that the request speaks, such as `apps/v1`. */
  readonly apiVersion: string;
  /** "" for the main resource. */
  readonly subresource: string;
  /** RFC 3339 seconds, now. */
  readonly time: string;
  /** Of the object's kind. */
  readonly schema: SchemaNode;
}

/**
 * metadata.managedFields of `next` after a create, update or patch over `live` (undefined for a create): fields that
 * changed become the manager's. Answers `next` with managedFields set; neither argument is changed.
 */
export function trackUpdate(
  live: KubeObject | undefined,
  next: KubeObject,
  request: FieldManagerRequest,
): KubeObject {
  void live;
  void request;
  return next;
}

/**
 * Server-side apply: merges `applied` into `live` (undefined creates), removes what this manager owned alone and no longer
 * applies. @throws StatusError Conflict where another manager owns a field with another value, unless `force`
 */
export function applyConfiguration(
  live: KubeObject | undefined,
  applied: KubeObject,
  request: FieldManagerRequest & { readonly force: boolean },
): KubeObject {
  void live;
  void request;
  return applied;
}
