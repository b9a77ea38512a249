import {
  deepClone,
  deepEqual,
  type FieldManagerRequest,
  formatTime,
  type JsonObject,
  type KubeObject,
  type ManagedFieldsEntry,
  type OtherVersion,
  trackUpdate,
} from "../apimachinery/index.ts";
import type { KindForm } from "../schema/index.ts";
import type { RequestContext } from "./context.ts";
import type { EquivalentForm } from "./ports.ts";
import { apiVersionOf } from "./store-parts.ts";
import type { UpdateRules } from "./strategy.ts";

/** Whose object, and through which door it is written. */
export interface FieldOwnership {
  readonly form: KindForm;
  /** "" for the resource itself. */
  readonly subresource: string;
  readonly rules: Pick<UpdateRules, "resetFields">;
  readonly context: RequestContext;
  /** The object as other versions have it. */
  readonly equivalents?: readonly EquivalentForm[] | undefined;
}

/** Who owns what is written, in apimachinery's terms. */
export function fieldManagerRequest(ownership: FieldOwnership): FieldManagerRequest {
  const { form, subresource, rules, context } = ownership;
  return {
    manager: context.fieldManager,
    apiVersion: apiVersionOf(form.kind),
    subresource,
    time: formatTime(context.now),
    schema: form.schema,
    empty: form.empty,
    ...(rules.resetFields === undefined ? {} : { resetFields: rules.resetFields }),
    ...(form.custom === true ? {} : { otherVersions: otherVersions(form, ownership.equivalents) }),
  };
}

const noVersions: ReadonlyMap<string, OtherVersion> = new Map();

/** Those of the same group: upstream does not see an Event of the one group as one of the other when it looks who owns it. */
function otherVersions(
  { kind, decode }: KindForm,
  equivalents: readonly EquivalentForm[] = [],
): ReadonlyMap<string, OtherVersion> {
  const ofGroup = equivalents.filter(({ form }) => form.kind.group === kind.group);
  if (ofGroup.length === 0) return noVersions;
  return new Map(
    ofGroup.map(({ form, fromHere }) => [
      apiVersionOf(form.kind),
      {
        schema: form.schema,
        convert: (object) => {
          // What is applied is as the client wrote it. Of kinds built in all versions are made without waiting.
          const whole = decode(deepClone(object) as unknown as JsonObject).object;
          return form.canonicalize(fromHere(whole) as KubeObject);
        },
      },
    ]),
  );
}

/**
 * Makes the request's manager owner of what it changes from `live` (undefined: creates) to `next`. Changes only
 * `next.metadata.managedFields`.
 */
export function trackFields(
  live: KubeObject | undefined,
  next: KubeObject,
  ownership: FieldOwnership,
): KubeObject {
  const request = fieldManagerRequest(ownership);
  const { managedFields } = trackUpdate(live, next, request).metadata;
  if (managedFields === undefined || managedFields.length === 0) delete next.metadata.managedFields;
  else next.metadata.managedFields = managedFields;
  return next;
}

/**
 * Whoever writes and changes nothing but the time at which it wrote has changed nothing: then `next` keeps the managers of `old`, and is not
 * written. So it is with applies that leave out what defaults fill in.
 */
export function keepIdleTimes(next: KubeObject, old: KubeObject): void {
  const after = next.metadata.managedFields;
  const before = old.metadata.managedFields;
  if (after === undefined || before === undefined || after.length !== before.length) return;
  if (after.every(({ time }, i) => time === before[i]?.time)) return;
  if (!deepEqual(contentOf(next), contentOf(old))) return;
  const isKnown = ({ time: _, ...claim }: ManagedFieldsEntry): boolean =>
    before.some(({ time: __, ...other }) => deepEqual(claim, other));
  if (after.every(isKnown)) next.metadata.managedFields = before;
}

/** What a client can change: of when the object was made it may say null, as clients in Go do, and it stays. */
function contentOf(object: KubeObject): object {
  const { managedFields: _, resourceVersion: __, creationTimestamp: ___, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** What may go where an object is too large to be stored: that takes more room than anything else that nobody asked for. */
export function withoutManagedFields(object: KubeObject): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}
