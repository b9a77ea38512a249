import {
  errors,
  type FieldError,
  type JsonObject,
  type KubeObject,
  nameIsDnsSubdomain,
  pathSegmentErrors,
  validateObjectMeta,
  validateObjectMetaUpdate,
} from "../apimachinery/index.ts";
import type { Stored } from "../storage/index.ts";
import type { RequestContext } from "./context.ts";
import { beforeCreate } from "./create.ts";
import { removeFromStore } from "./delete.ts";
import { dropUnchangedEmpties } from "./empty-values.ts";
import { isTooLarge, statusOf } from "./failures.ts";
import { finalizerProblems } from "./finalizer-names.ts";
import { objectKey } from "./keys.ts";
import { keepIdleTimes, withoutManagedFields } from "./managed-fields.ts";
import type { NextObject, UpdateOptions } from "./ports.ts";
import { checkPreconditions } from "./preconditions.ts";
import type { StoreParts } from "./store-parts.ts";
import type { Finish, UpdateRules } from "./strategy.ts";
import { transientObject } from "./transient.ts";

/** Thrown out of the store's update loop: the last finalizer is gone, and the object goes with it. */
class Vanishing extends Error {
  readonly object: KubeObject;

  constructor(object: KubeObject) {
    super("the object is being deleted and nothing holds it any more");
    this.object = object;
  }
}

/** PUT and PATCH, of the resource or of a subresource with other `rules`: Store.Update over rest.BeforeUpdate. */
export async function updateObject(
  store: StoreParts,
  rules: UpdateRules,
  name: string,
  next: NextObject,
  context: RequestContext,
  options: UpdateOptions,
): Promise<Stored & { created: boolean }> {
  const key = objectKey(store, context.namespace, name);
  const mayCreate =
    options.forceAllowCreate === true ||
    (rules === store.strategy && store.strategy.allowCreateOnUpdate === true);
  let finish: Finish | undefined;
  let outcome: "stored" | "failed" = "failed";
  let creating = false;

  const attempt = async (current: Stored | undefined): Promise<KubeObject> => {
    // The attempt before lost its race: what it took goes back.
    await finish?.("failed");
    finish = undefined;
    if (current === undefined) {
      if (!mayCreate) throw errors.notFound(store.resource, name);
      creating = true;
      const begun = await beforeCreate(store, await next(undefined), context);
      finish = begun.finish;
      await options.validateCreate?.(begun.created, undefined);
      delete begun.created.metadata.resourceVersion;
      return begun.created;
    }
    creating = false;
    checkPreconditions(store, { key, name, current }, { uid: options.uid });
    const object = await next(current);
    checkResourceVersion(store, rules, name, object, current);
    return await prepared(object, current.object);
  };

  const prepared = async (object: KubeObject, old: KubeObject): Promise<KubeObject> => {
    const begun = await beforeUpdate(store, rules, object, old, context);
    finish = begun.finish;
    await options.validateUpdate?.(begun.updated, old);
    if (vanishes(store, begun.updated, old)) throw new Vanishing(begun.updated);
    return begun.updated;
  };

  try {
    const write = (next: typeof attempt): Promise<Stored & { created: boolean }> =>
      store.storage.guaranteedUpdate(key, next, { createIfMissing: mayCreate });
    const stored = context.dryRun
      ? await dryUpdate(store, key, attempt)
      : await write(attempt).catch((failure: unknown) => {
          if (options.keepManagedFields === true || !isTooLarge(failure)) throw failure;
          return write(async (current) => withoutManagedFields(await attempt(current)));
        });
    outcome = "stored";
    return stored;
  } catch (failure) {
    if (failure instanceof Vanishing) {
      if (!context.dryRun) await removeFromStore(store, key, name, context);
      outcome = "stored";
      return Object.assign(transientObject(key, failure.object), { created: false });
    }
    throw statusOf(failure, { resource: store.resource, verb: creating ? "create" : "update", name });
  } finally {
    await finish?.(outcome);
  }
}

/** What a dry run answers: the same steps on the newest object, and no write. */
async function dryUpdate(
  store: StoreParts,
  key: string,
  attempt: (current: Stored | undefined) => Promise<KubeObject>,
): Promise<Stored & { created: boolean }> {
  const current = await store.read(key);
  const object = await attempt(current);
  return Object.assign(transientObject(key, object), { created: current === undefined });
}

/** Optimistic locking: a resourceVersion in the body must be the present one; without one the update is unconditional where allowed. */
function checkResourceVersion(
  store: StoreParts,
  rules: UpdateRules,
  name: string,
  object: KubeObject,
  current: Stored,
): void {
  const wanted = object.metadata.resourceVersion ?? "";
  if (wanted !== "" && !/^[0-9]{1,20}$/.test(wanted)) {
    throw errors.plainError(`strconv.ParseUint: parsing ${JSON.stringify(wanted)}: invalid syntax`);
  }
  if (wanted === "" || /^0+$/.test(wanted)) {
    if (rules.allowUnconditionalUpdate === false) {
      const problem: FieldError = {
        type: "FieldValueInvalid",
        field: "metadata.resourceVersion",
        badValue: 0,
        detail: "must be specified for an update",
      };
      throw errors.invalid({ group: store.resource.group, kind: store.resource.resource }, name, [problem]);
    }
    object.metadata.resourceVersion = current.resourceVersion;
    return;
  }
  if (wanted !== current.resourceVersion) throw errors.conflict(store.resource, name);
}

async function beforeUpdate(
  store: StoreParts,
  rules: UpdateRules,
  object: KubeObject,
  old: KubeObject,
  context: RequestContext,
): Promise<{ updated: KubeObject; finish: Finish | undefined }> {
  if (store.form.custom !== true)
    dropUnchangedEmpties(object as unknown as JsonObject, old as unknown as JsonObject, store.form.schema);
  keepSystemFields(store, object, old);
  keepIdleTimes(object, old);
  let updated = rules.prepareForUpdate?.(object, old, context) ?? object;
  restoreTimes(updated, old);
  const finish = await rules.beginUpdate?.(updated, old, context);
  try {
    const problems = metadataProblems(store, rules, updated, old);
    if (rules.validateUpdate !== undefined) problems.push(...rules.validateUpdate(updated, old, context));
    if (problems.length > 0) throw errors.invalid(store.kind, updated.metadata.name ?? "", problems);
    for (const text of rules.warningsOnUpdate?.(updated, old, context) ?? []) context.warn(text);
    // One form for what means the same: an update that changes nothing is then the same bytes, and is not written.
    updated = store.form.canonicalize(rules.canonicalize?.(updated) ?? updated);
    return { updated, finish };
  } catch (error) {
    await finish?.("failed");
    throw error;
  }
}

/** `generation` belongs to the strategy, which sees the old one. */
function keepSystemFields(store: StoreParts, object: KubeObject, old: KubeObject): void {
  object.kind = store.kind.kind;
  object.apiVersion = store.apiVersion;
  delete object.metadata.selfLink;
  if (old.metadata.generation === undefined) delete object.metadata.generation;
  else object.metadata.generation = old.metadata.generation;
}

/** Times and identity that an update can neither set nor take away. */
function restoreTimes(object: KubeObject, old: KubeObject): void {
  const meta = object.metadata;
  if (!meta.uid && old.metadata.uid !== undefined) meta.uid = old.metadata.uid;
  if (old.metadata.creationTimestamp != null) meta.creationTimestamp = old.metadata.creationTimestamp;
  if (old.metadata.deletionTimestamp !== undefined) meta.deletionTimestamp = old.metadata.deletionTimestamp;
  if (
    old.metadata.deletionGracePeriodSeconds !== undefined &&
    meta.deletionGracePeriodSeconds === undefined
  ) {
    meta.deletionGracePeriodSeconds = old.metadata.deletionGracePeriodSeconds;
  }
}

/**
 * Upstream checks metadata generically and once more in each kind's own validation, so that immutable fields are told
 * twice; clients compare causes.
 */
function metadataProblems(
  store: StoreParts,
  rules: UpdateRules,
  object: KubeObject,
  old: KubeObject,
): FieldError[] {
  const { strategy } = store;
  const changes = validateObjectMetaUpdate(object.metadata, old.metadata);
  const problems = [
    ...validateObjectMeta(object.metadata, {
      namespaced: store.namespaced,
      validateName: (name) => pathSegmentErrors(name),
    }),
    ...changes,
  ];
  const again = (rules === strategy ? strategy.metadataOnUpdate : undefined) ?? (["changes"] as const);
  const finalizers = strategy.anyFinalizer === true ? [] : finalizerProblems(object.metadata);
  for (const what of again) {
    if (what === "changes") problems.push(...changes);
    else problems.push(...newObjectProblems(store, object));
    problems.push(...finalizers);
  }
  return problems;
}

function newObjectProblems({ strategy, namespaced }: StoreParts, object: KubeObject): FieldError[] {
  return validateObjectMeta(object.metadata, {
    namespaced,
    validateName: (name, prefix) =>
      strategy.validateName?.(name, prefix, object) ?? nameIsDnsSubdomain(name, prefix),
  });
}

/** Upstream's ShouldDeleteDuringUpdate. */
function vanishes(store: StoreParts, object: KubeObject, old: KubeObject): boolean {
  if ((object.metadata.finalizers?.length ?? 0) > 0) return false;
  if (old.metadata.deletionTimestamp === undefined) return false;
  if ((old.metadata.deletionGracePeriodSeconds ?? 0) !== 0) return false;
  return store.strategy.mayVanish?.(object) ?? true;
}
