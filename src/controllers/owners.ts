import { type KubeObject, type OwnerReference, StatusError } from "../apimachinery/index.ts";
import type { Client, Informer, ResourceScope } from "../client/index.ts";
import { isTerminating } from "./resources.ts";

/** The owner that manages the object, if it has one. */
export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((reference) => reference.controller === true);
}

export function controllerReference(owner: KubeObject, apiVersion: string, kind: string): OwnerReference {
  return {
    apiVersion,
    kind,
    name: owner.metadata.name as string,
    uid: owner.metadata.uid as string,
    controller: true,
    blockOwnerDeletion: true,
  };
}

const ownerIndex = "controller-uid";

/** Files objects under their controller's uid, and those without one under their namespace: see `claim`. */
export function addOwnerIndex(informer: Informer): void {
  informer.addIndex(ownerIndex, (object) => [
    controllerOf(object)?.uid ?? orphansOf(object.metadata.namespace ?? ""),
  ]);
}

/** Not a uid. */
function orphansOf(namespace: string): string {
  return `/${namespace}`;
}

export function ownedBy(informer: Informer, uid: string): KubeObject[] {
  return informer.lister.byIndex(ownerIndex, uid);
}

export interface ClaimOptions {
  readonly client: Client;
  readonly informer: Informer;
  /** Where the claimed objects live, with the namespace. */
  readonly scope: ResourceScope;
  readonly owner: KubeObject;
  readonly reference: OwnerReference;
  readonly matches: (labels: Record<string, string> | undefined) => boolean;
  /** Further condition for objects to be adopted: not finished, say. */
  readonly adoptable?: (object: KubeObject) => boolean;
  /** What an object gets with its owner, and loses with it. */
  readonly finalizers?: readonly string[];
  /** The owner as it is now, not as the cache has it; throws StatusError 404 when it is gone. */
  readonly freshOwner: () => Promise<KubeObject>;
}

/**
 * The objects of an owner: those that it controls and still selects; it releases those that it controls and does not select
 * any more, and adopts those that it selects and nobody controls. client-go's ControllerRefManager.
 */
export async function claim(options: ClaimOptions): Promise<KubeObject[]> {
  const { client, informer, scope, owner, reference, matches, finalizers = [] } = options;
  const claimed: KubeObject[] = [];
  for (const object of ownedBy(informer, owner.metadata.uid as string)) {
    if (matches(object.metadata.labels)) claimed.push(object);
    else if (!isTerminating(owner)) await release(client, scope, object, reference.uid, finalizers);
  }
  if (isTerminating(owner)) return claimed;
  let checked = false;
  for (const object of informer.lister.byIndex(ownerIndex, orphansOf(owner.metadata.namespace ?? ""))) {
    if (isTerminating(object) || !matches(object.metadata.labels)) continue;
    if (options.adoptable?.(object) === false) continue;
    if (!checked) {
      // An owner that was deleted and made anew under its name must not adopt in the old one's stead.
      const fresh = await options.freshOwner();
      if (fresh.metadata.uid !== owner.metadata.uid || isTerminating(fresh)) return claimed;
      checked = true;
    }
    const adopted = await adopt(client, scope, object, reference, finalizers);
    if (adopted !== undefined) claimed.push(adopted);
  }
  return claimed;
}

async function adopt(
  client: Client,
  scope: ResourceScope,
  object: KubeObject,
  reference: OwnerReference,
  finalizers: readonly string[],
): Promise<KubeObject | undefined> {
  const { uid } = object.metadata;
  const body = {
    metadata: { uid, ownerReferences: [reference], ...(finalizers.length > 0 && { finalizers }) },
  };
  try {
    return await client.patch(scope, object.metadata.name as string, { type: "strategic", body });
  } catch (error) {
    if (isGoneOrChanged(error)) return undefined;
    throw error;
  }
}

async function release(
  client: Client,
  scope: ResourceScope,
  object: KubeObject,
  ownerUid: string,
  finalizers: readonly string[],
): Promise<void> {
  const { uid } = object.metadata;
  const ownerReferences = [{ $patch: "delete", uid: ownerUid }];
  const lost = finalizers.length > 0 && { "$deleteFromPrimitiveList/finalizers": finalizers };
  const body = { metadata: { uid, ownerReferences, ...lost } };
  try {
    await client.patch(scope, object.metadata.name as string, { type: "strategic", body });
  } catch (error) {
    if (!isGoneOrChanged(error)) throw error;
  }
}

/** Deleted, or replaced by another of its name (the uid in the patch does not fit). */
function isGoneOrChanged(error: unknown): boolean {
  return error instanceof StatusError && (error.code === 404 || error.code === 409 || error.code === 422);
}

export function isNotFound(error: unknown): boolean {
  return error instanceof StatusError && error.code === 404;
}

/** The write lost a race: the object is read again and the loop runs again. */
export function isConflict(error: unknown): boolean {
  return error instanceof StatusError && error.code === 409;
}

export function isAlreadyExists(error: unknown): boolean {
  return error instanceof StatusError && error.reason === "AlreadyExists";
}

/** Nothing can be made in a namespace that is going away; retrying is idle. */
export function isNamespaceTerminating(error: unknown): boolean {
  return (
    error instanceof StatusError &&
    error.status.details?.causes?.some((cause) => cause.reason === "NamespaceTerminating") === true
  );
}
