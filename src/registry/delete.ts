import {
  errors,
  formatTime,
  type KubeObject,
  parseTime,
  type Status,
  StatusError,
} from "../apimachinery/index.ts";
import type { Stored } from "../storage/index.ts";
import type { RequestContext } from "./context.ts";
import { statusOf } from "./failures.ts";
import { objectKey } from "./keys.ts";
import type { DeleteOptions, DeleteResult } from "./ports.ts";
import type { StoreParts } from "./store-parts.ts";
import { transientObject } from "./transient.ts";

/** Where what is deleted by default is not what everybody expects. */
export function warnOfPropagation(
  { strategy }: StoreParts,
  context: RequestContext,
  options: DeleteOptions,
): void {
  const { defaultPropagationWarning: warning } = strategy;
  if (warning === undefined || options.orphanDependents !== undefined) return;
  if (options.propagationPolicy === undefined) context.warn(warning);
}

/**
 * DELETE: registry/generic Store.Delete over rest.BeforeDelete. An object goes at once, or stays marked with a deletionTimestamp
 * while its grace period runs (somebody then deletes it with grace 0) or while finalizers hold it (the update that takes the
 * last one removes it).
 */
export async function deleteObject(
  store: StoreParts,
  name: string,
  context: RequestContext,
  options: DeleteOptions,
): Promise<DeleteResult> {
  const key = objectKey(store, context.namespace, name);
  warnOfPropagation(store, context, options);
  const found = await store.read(key);
  if (found === undefined) throw errors.notFound(store.resource, name);
  const kept = await keepForNow(store, key, found, context, options);
  if (kept !== undefined) return { object: kept, removed: false, status: undefined };
  const plan = planDeletion(store, found.object, context, options);
  if (plan.step === "pending")
    return { object: found, removed: false, status: statusFor(store, found.object) };
  let last = found;
  if (plan.step === "keep") {
    const marked = await mark(store, key, name, context, options);
    if (marked.step !== "remove") {
      return {
        object: marked.object,
        removed: false,
        status: marked.step === "pending" ? statusFor(store, marked.object.object) : undefined,
      };
    }
    last = marked.object;
  }
  if (context.dryRun) {
    await options.validate?.(found.object, found.object);
    return { object: last, removed: true, status: statusFor(store, last.object) };
  }
  // Marking it has moved its resourceVersion on.
  const { uid } = options.preconditions ?? {};
  const still = plan.step === "keep" ? { preconditions: uid === undefined ? {} : { uid } } : options;
  const removed = await removeFromStore(store, key, name, context, async (current) => {
    checkPreconditions(store, current.object, still);
    await options.validate?.(current.object, current.object);
  });
  return { object: removed, removed: true, status: statusFor(store, removed.object) };
}

/** Takes the object out of the store and gives back what it held. */
export async function removeFromStore(
  store: StoreParts,
  key: string,
  name: string,
  context: RequestContext,
  validate?: (current: Stored) => Promise<void>,
): Promise<Stored> {
  let removed: Stored;
  try {
    removed = await store.storage.delete(key, validate);
  } catch (error) {
    throw statusOf(error, { resource: store.resource, verb: "delete", name });
  }
  await store.strategy.afterDelete?.(removed.object, context);
  return removed;
}

/** DELETE answers a Status unless the kind says otherwise. */
function statusFor(store: StoreParts, object: KubeObject): Status | undefined {
  if (store.strategy.returnDeletedObject === true) return undefined;
  const { group, resource } = store.resource;
  const { name = "", uid = "" } = object.metadata;
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Success",
    details: { name, ...(group === "" ? {} : { group }), kind: resource, uid },
  };
}

type Plan =
  /** Gone at once. */
  | { readonly step: "remove" }
  /** Being deleted already, and nothing to change. */
  | { readonly step: "pending" }
  /** Stays for now, as `object`. `graceSeconds` 0 and no finalizers: marked, then removed. */
  | { readonly step: "keep"; readonly object: KubeObject; readonly graceSeconds: number };

/** Decides on the present object; called again on a newer one when the write that follows loses a race. */
function planDeletion(
  store: StoreParts,
  object: KubeObject,
  context: RequestContext,
  options: DeleteOptions,
): Plan {
  checkPreconditions(store, object, options);
  const grace = graceful(store, object, context, options);
  if (grace === "pending") return { step: "pending" };
  const finalizers = collectionFinalizers(store, object, options);
  const marked = withFinalizers(grace?.object ?? object, finalizers);
  if (grace !== undefined) return { step: "keep", object: marked, graceSeconds: grace.seconds };
  if (finalizers.length === 0) return { step: "remove" };
  return { step: "keep", object: markedWithoutGrace(marked, context.now), graceSeconds: 0 };
}

function checkPreconditions(store: StoreParts, object: KubeObject, options: DeleteOptions): void {
  const { uid, resourceVersion } = options.preconditions ?? {};
  const target = { group: store.kind.group, resource: store.kind.kind };
  const name = object.metadata.name ?? "";
  if (uid !== undefined && uid !== object.metadata.uid) {
    throw errors.conflict(
      target,
      name,
      `the UID in the precondition (${uid}) does not match the UID in record (${object.metadata.uid ?? ""}). The object might have been deleted and then recreated`,
    );
  }
  const version = object.metadata.resourceVersion ?? "";
  if (resourceVersion !== undefined && resourceVersion !== version) {
    throw errors.conflict(
      target,
      name,
      `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${version}). The object might have been modified`,
    );
  }
}

/** rest.BeforeDelete: undefined deletes without grace. */
function graceful(
  store: StoreParts,
  object: KubeObject,
  context: RequestContext,
  options: DeleteOptions,
): { object: KubeObject; seconds: number } | "pending" | undefined {
  const { strategy } = store;
  if (strategy.gracePeriodSeconds === undefined) return undefined;
  const asked = options.gracePeriodSeconds;
  const requested = asked !== undefined && asked < 0 ? 1 : asked;
  const meta = object.metadata;
  if (meta.deletionTimestamp !== undefined) {
    const running = meta.deletionGracePeriodSeconds ?? 0;
    if (running === 0) return undefined;
    // A running grace period can only be shortened.
    if (requested === undefined || requested >= running) return "pending";
    const end = (parseTime(meta.deletionTimestamp) ?? context.now) - (running - requested) * 1000;
    return { object: withDeletion(object, end, requested), seconds: requested };
  }
  const seconds = strategy.gracePeriodSeconds(object, requested, context);
  if (seconds === undefined) return undefined;
  return { object: withGeneration(withDeletion(object, context.now + seconds * 1000, seconds)), seconds };
}

function withDeletion(object: KubeObject, end: number, seconds: number): KubeObject {
  return {
    ...object,
    metadata: { ...object.metadata, deletionTimestamp: formatTime(end), deletionGracePeriodSeconds: seconds },
  };
}

/** Controllers act differently on an object that is being deleted: that is a change of what is wanted. */
function withGeneration(object: KubeObject): KubeObject {
  const generation = object.metadata.generation ?? 0;
  if (generation === 0) return object;
  return { ...object, metadata: { ...object.metadata, generation: generation + 1 } };
}

function markedWithoutGrace(object: KubeObject, now: number): KubeObject {
  const present = object.metadata.deletionTimestamp;
  const first = present === undefined ? withGeneration(object) : object;
  const end = present === undefined ? now : Math.min(now, parseTime(present) ?? now);
  return withDeletion(first, end, 0);
}

function withFinalizers(object: KubeObject, finalizers: readonly string[]): KubeObject {
  const present = object.metadata.finalizers ?? [];
  if (present.length === finalizers.length && present.every((item, i) => item === finalizers[i]))
    return object;
  const { finalizers: _, ...metadata } = object.metadata;
  return {
    ...object,
    metadata: finalizers.length === 0 ? metadata : { ...metadata, finalizers: [...finalizers] },
  };
}

/** The finalizers that tell the garbage collector what is to become of dependents. */
const orphanFinalizer = "orphan";
const foregroundFinalizer = "foregroundDeletion";

function collectionFinalizers(store: StoreParts, object: KubeObject, options: DeleteOptions): string[] {
  const present = object.metadata.finalizers ?? [];
  const orphan = orphansDependents(store, present, options);
  const foreground = deletesInForeground(present, options);
  if (orphan === present.includes(orphanFinalizer) && foreground === present.includes(foregroundFinalizer)) {
    return present;
  }
  const others = present.filter((item) => item !== orphanFinalizer && item !== foregroundFinalizer);
  if (orphan) others.push(orphanFinalizer);
  if (foreground) others.push(foregroundFinalizer);
  return others;
}

/** What the request says counts, then what an earlier request left on the object, then the kind's default. */
function orphansDependents(store: StoreParts, present: readonly string[], options: DeleteOptions): boolean {
  if (options.orphanDependents !== undefined) return options.orphanDependents;
  if (options.propagationPolicy !== undefined) return options.propagationPolicy === "Orphan";
  if (present.includes(orphanFinalizer)) return true;
  if (present.includes(foregroundFinalizer)) return false;
  return store.strategy.defaultPropagation === "Orphan";
}

function deletesInForeground(present: readonly string[], options: DeleteOptions): boolean {
  if (options.orphanDependents !== undefined) return false;
  if (options.propagationPolicy !== undefined) return options.propagationPolicy === "Foreground";
  return present.includes(foregroundFinalizer) && !present.includes(orphanFinalizer);
}

/** Thrown out of the update loop: on the newest object nothing has to be written. */
class Decided extends Error {
  readonly step: "remove" | "pending";
  readonly current: Stored;

  constructor(step: "remove" | "pending", current: Stored) {
    super("the deletion needs no update");
    this.step = step;
    this.current = current;
  }
}

async function mark(
  store: StoreParts,
  key: string,
  name: string,
  context: RequestContext,
  options: DeleteOptions,
): Promise<{ step: "remove" | "pending" | "kept"; object: Stored }> {
  let removeNext = false;
  const attempt = async (current: Stored | undefined): Promise<KubeObject> => {
    if (current === undefined) throw errors.notFound(store.resource, name);
    await options.validate?.(current.object, current.object);
    const plan = planDeletion(store, current.object, context, options);
    if (plan.step !== "keep") throw new Decided(plan.step, current);
    removeNext = plan.graceSeconds === 0 && (plan.object.metadata.finalizers?.length ?? 0) === 0;
    return plan.object;
  };
  try {
    const object = await write(store, key, context, attempt);
    return { step: removeNext ? "remove" : "kept", object };
  } catch (error) {
    if (error instanceof Decided) return { step: error.step, object: error.current };
    throw statusOf(error, { resource: store.resource, verb: "delete", name });
  }
}

async function write(
  store: StoreParts,
  key: string,
  context: RequestContext,
  mark: (current: Stored | undefined) => Promise<KubeObject>,
): Promise<Stored> {
  const attempt = async (current: Stored | undefined): Promise<KubeObject> =>
    store.form.canonicalize(await mark(current));
  if (!context.dryRun) return await store.storage.guaranteedUpdate(key, attempt);
  return transientObject(key, await attempt(await store.read(key)));
}

/** Kinds that end in two steps. Undefined: the object is deleted as any other. */
async function keepForNow(
  store: StoreParts,
  key: string,
  found: Stored,
  context: RequestContext,
  options: DeleteOptions,
): Promise<Stored | undefined> {
  const { strategy } = store;
  if (strategy.keepOnDelete === undefined) return undefined;
  checkKeptPreconditions(store, found.object, options);
  const kept = strategy.keepOnDelete(found.object, context);
  if (kept === undefined || kept === found.object) return kept === undefined ? undefined : found;
  const name = found.object.metadata.name ?? "";
  try {
    return await write(store, key, context, async (current) => {
      if (current === undefined) throw errors.notFound(store.resource, name);
      checkKeptPreconditions(store, current.object, options);
      await options.validate?.(current.object, current.object);
      const next = strategy.keepOnDelete?.(current.object, context) ?? current.object;
      return withFinalizers(next, collectionFinalizers(store, next, options));
    });
  } catch (error) {
    throw statusOf(error, { resource: store.resource, verb: "delete", name });
  }
}

/** The same preconditions in the words that upstream has for Namespaces. */
function checkKeptPreconditions(store: StoreParts, object: KubeObject, options: DeleteOptions): void {
  const { uid, resourceVersion } = options.preconditions ?? {};
  const { metadata } = object;
  const refuse = (what: string, wanted: string, found = ""): void => {
    const text = `Precondition failed: ${what} in precondition: ${wanted}, ${what} in object meta: ${found}`;
    throw errors.conflict(store.resource, metadata.name ?? "", text);
  };
  if (uid !== undefined && uid !== metadata.uid) refuse("UID", uid, metadata.uid);
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    refuse("ResourceVersion", resourceVersion, metadata.resourceVersion);
  }
}

/** True for the failure that a deletion in a list of many may meet: somebody else was faster. */
export function isGone(error: unknown): boolean {
  return error instanceof StatusError && error.reason === "NotFound";
}
