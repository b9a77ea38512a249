import {
  deepClone,
  errors,
  type FieldError,
  formatTime,
  generateName,
  type KubeObject,
  nameIsDnsSubdomain,
  StatusError,
  validateObjectMeta,
} from "../apimachinery/index.ts";
import type { Stored } from "../storage/index.ts";
import type { RequestContext } from "./context.ts";
import { isTooLarge, statusOf } from "./failures.ts";
import { finalizerProblems } from "./finalizer-names.ts";
import { objectKey } from "./keys.ts";
import { withoutManagedFields } from "./managed-fields.ts";
import type { CreateOptions } from "./ports.ts";
import type { StoreParts } from "./store-parts.ts";
import type { Finish } from "./strategy.ts";
import { transientObject } from "./transient.ts";

/** How often another random suffix is tried for a generateName; upstream's maxNameGenerationCreateAttempts. */
const nameAttemptsMax = 8;
const nameRetryAfterSeconds = 1;

/** POST: registry/generic Store.Create over rest.BeforeCreate. `object` is the request's own. */
export async function createObject(
  store: StoreParts,
  object: KubeObject,
  context: RequestContext,
  options: CreateOptions,
): Promise<Stored> {
  if (!object.metadata.generateName) return await createOnce(store, object, context, options);
  // Who gave a name as well is told the same, but nothing else is tried.
  const attempts = needsName(object) ? nameAttemptsMax : 1;
  for (let attempt = 1; ; attempt++) {
    // Strategies change the object: every attempt begins with what the client sent.
    const candidate = attempt === attempts ? object : deepClone(object);
    try {
      return await createOnce(store, candidate, context, options);
    } catch (error) {
      if (!(error instanceof StatusError) || error.reason !== "AlreadyExists") throw error;
      if (attempt < attempts) continue;
      throw errors.generateNameConflict(store.resource, candidate.metadata.name ?? "", nameRetryAfterSeconds);
    }
  }
}

const needsName = (object: KubeObject): boolean => !object.metadata.name && !!object.metadata.generateName;

async function createOnce(
  store: StoreParts,
  object: KubeObject,
  context: RequestContext,
  options: CreateOptions,
): Promise<Stored> {
  const { created, finish } = await beforeCreate(store, object, context);
  let outcome: "stored" | "failed" = "failed";
  try {
    await options.validate?.(created, undefined);
    const stored = await write(store, created, context);
    outcome = "stored";
    return stored;
  } finally {
    await finish?.(outcome);
  }
}

/**
 * Everything between decoding and storing, for POST and for a PUT that creates. The caller calls `finish`; when this throws
 * it has been called.
 */
export async function beforeCreate(
  store: StoreParts,
  object: KubeObject,
  context: RequestContext,
): Promise<{ created: KubeObject; finish: Finish | undefined }> {
  const { strategy } = store;
  fillSystemFields(store, object, context);
  let created = strategy.prepareForCreate?.(object, context) ?? object;
  const finish = await strategy.beginCreate?.(created, context);
  try {
    const problems: FieldError[] = validateObjectMeta(created.metadata, {
      namespaced: strategy.namespaced,
      validateName: (name, prefix) =>
        strategy.validateName?.(name, prefix, created) ?? nameIsDnsSubdomain(name, prefix),
    });
    if (strategy.anyFinalizer !== true) problems.push(...finalizerProblems(created.metadata));
    if (strategy.validate !== undefined) problems.push(...strategy.validate(created, context));
    if (problems.length > 0) throw errors.invalid(store.kind, created.metadata.name ?? "", problems);
    for (const text of strategy.warnings?.(created, context) ?? []) context.warn(text);
    created = store.form.canonicalize(strategy.canonicalize?.(created) ?? created);
    return { created, finish };
  } catch (error) {
    await finish?.("failed");
    throw error;
  }
}

/** What only the server says about a new object. */
function fillSystemFields(store: StoreParts, object: KubeObject, context: RequestContext): void {
  object.kind = store.kind.kind;
  object.apiVersion = store.apiVersion;
  const meta = object.metadata;
  meta.creationTimestamp = formatTime(context.now);
  meta.uid = store.random.uuid();
  delete meta.deletionTimestamp;
  delete meta.deletionGracePeriodSeconds;
  delete meta.selfLink;
  if (needsName(object)) meta.name = generateName(meta.generateName as string, () => store.random.number());
}

async function write(store: StoreParts, object: KubeObject, context: RequestContext): Promise<Stored> {
  const name = object.metadata.name as string;
  const key = objectKey(store, object.metadata.namespace ?? "", name);
  const version = object.metadata.resourceVersion;
  // What is no number is none, and forgotten.
  if (!context.dryRun && version !== undefined && /^0*[1-9]\d*$/.test(version)) {
    throw errors.plainError("resourceVersion should not be set on objects to be created");
  }
  // A dry run never comes to where upstream looks at it.
  if (!context.dryRun) delete object.metadata.resourceVersion;
  try {
    if (context.dryRun) {
      if (await exists(store, key)) throw errors.alreadyExists(store.resource, name);
      return transientObject(key, object);
    }
    const ttlSeconds = store.strategy.ttlSeconds?.(object);
    const stored = (next: KubeObject): Promise<Stored> =>
      store.storage.create(key, next, ttlSeconds === undefined ? {} : { ttlSeconds });
    return await stored(object).catch((failure: unknown) => {
      if (!isTooLarge(failure) || object.metadata.managedFields === undefined) throw failure;
      return stored(withoutManagedFields(object));
    });
  } catch (failure) {
    const error = statusOf(failure, { resource: store.resource, verb: "create", name });
    if (error instanceof StatusError && error.reason === "AlreadyExists") {
      await sayWhenTerminating(store, key, error);
    }
    throw error;
  }
}

async function exists(store: StoreParts, key: string): Promise<boolean> {
  return (await store.read(key)) !== undefined;
}

/** The name is free again once the object that has it is gone: worth saying. */
async function sayWhenTerminating(store: StoreParts, key: string, error: StatusError): Promise<void> {
  const present = await store.read(key).catch(() => undefined);
  if (present?.object.metadata.deletionTimestamp === undefined) return;
  error.status.message = `object is being deleted: ${error.status.message}`;
}
