import { formatTime, type GroupVersionKind, type KubeObject, trackUpdate } from "../apimachinery/index.ts";
import { schemaOfKind } from "../schema/index.ts";
import type { RequestContext } from "./context.ts";
import { apiVersionOf } from "./store.ts";
import type { UpdateRules } from "./strategy.ts";

/** Whose object, and through which door it is written. */
export interface FieldOwnership {
  readonly kind: GroupVersionKind;
  /** "" for the resource itself. */
  readonly subresource: string;
  readonly rules: Pick<UpdateRules, "resetFields">;
  readonly context: RequestContext;
}

/**
 * Makes the request's manager owner of what it changes from `live` (undefined: creates) to `next`. Fields that the endpoint
 * will put back anyway are left out, so that nobody owns what they cannot set. Changes only `next.metadata.managedFields`.
 */
export function trackFields(
  live: KubeObject | undefined,
  next: KubeObject,
  { kind, subresource, rules, context }: FieldOwnership,
): KubeObject {
  const schema = schemaOfKind(kind);
  if (schema === undefined) return next;
  const seen = (rules.resetFields ?? []).reduce((object, path) => withFieldOf(object, live, path), next);
  const tracked = trackUpdate(live, seen, {
    manager: context.fieldManager,
    apiVersion: apiVersionOf(kind),
    subresource,
    time: formatTime(context.now),
    schema,
  });
  const { managedFields } = tracked.metadata;
  if (managedFields === undefined || managedFields.length === 0) delete next.metadata.managedFields;
  else next.metadata.managedFields = managedFields;
  return next;
}

type Fields = Record<string, unknown>;

/** `object` with the field at `path` as `live` has it; shares everything else. */
function withFieldOf<T extends object>(object: T, live: object | undefined, path: readonly string[]): T {
  const [name, ...rest] = path as [string, ...string[]];
  const theirs = (live as Fields | undefined)?.[name];
  const ours = (object as Fields)[name];
  if (ours === undefined && theirs === undefined) return object;
  const copy: Fields = { ...(object as Fields) };
  if (rest.length === 0 || !isObject(ours)) {
    if (theirs === undefined) delete copy[name];
    else copy[name] = theirs;
  } else {
    copy[name] = withFieldOf(ours, isObject(theirs) ? theirs : undefined, rest);
  }
  return copy as T;
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;
