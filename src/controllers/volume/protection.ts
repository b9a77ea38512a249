import type { GroupVersionResource, KubeObject } from "../../apimachinery/index.ts";
import { type Client, createWorkqueue, type Informer, keyOf, type Workqueue } from "../../client/index.ts";
import type { ControllerContext, ControllerDescriptor } from "../context.ts";
import { workUntil } from "../lifecycle.ts";
import { controllerOf, isNotFound } from "../owners.ts";
import {
  inNamespace,
  isTerminating,
  persistentVolumeClaims,
  persistentVolumes,
  pods as podResource,
  volumeAttributesClasses,
} from "../resources.ts";
import { claimIndex, isMountedBy } from "./pod-claims.ts";

/**
 * Storage in use stays: admission puts a finalizer on claims, volumes and classes of attributes, and these controllers take it off
 * what is deleted and used by nobody (pkg/controller/volume/{pvc,pv,vac}protection).
 */

const claimFinalizer = "kubernetes.io/pvc-protection";
const volumeFinalizer = "kubernetes.io/pv-protection";
const classFinalizer = "kubernetes.io/vac-protection";

/** A claim goes when no pod that has a node mounts it. */
export const claimProtectionController: ControllerDescriptor = {
  name: "persistentvolumeclaim-protection-controller",
  aliases: ["pvc-protection"],
  create(context) {
    const claims = context.informers.informer(persistentVolumeClaims);
    const pods = context.informers.informer(podResource);
    pods.addIndex(claimIndex.name, claimIndex.keys);
    const protection = protect(context, {
      resource: persistentVolumeClaims,
      informer: claims,
      finalizer: claimFinalizer,
      isUsed: (claim) => pods.lister.byIndex(claimIndex.name, keyOf(claim)).some((pod) => uses(pod, claim)),
    });
    const release = (pod: KubeObject): void => {
      for (const key of claimIndex.keys(pod)) protection.look(key);
    };
    pods.addHandler({
      delete: release,
      update(pod, old) {
        if (isForceDeleted(pod) && !isForceDeleted(old)) release(pod);
      },
    });
    return protection;
  },
};

function uses(pod: KubeObject, claim: KubeObject): boolean {
  if (!isMountedBy(claim, pod)) return false;
  // The pod's own claim does not wait for a pod of which nothing but finalizers is left: one of them may wait for the claim.
  return !isForceDeleted(pod) || controllerOf(claim)?.uid !== pod.metadata.uid;
}

/** The node agent is done with it, or will not be asked. */
function isForceDeleted(pod: KubeObject): boolean {
  return isTerminating(pod) && pod.metadata.deletionGracePeriodSeconds === 0;
}

/** A volume goes when it is not bound to a claim. */
export const volumeProtectionController: ControllerDescriptor = {
  name: "persistentvolume-protection-controller",
  aliases: ["pv-protection"],
  create: (context) =>
    protect(context, {
      resource: persistentVolumes,
      informer: context.informers.informer(persistentVolumes),
      finalizer: volumeFinalizer,
      isUsed: (volume) => volume.status?.phase === "Bound",
    }),
};

/** A class of attributes goes when no claim and no volume names it. */
export const attributesClassProtectionController: ControllerDescriptor = {
  name: "volumeattributesclass-protection-controller",
  aliases: ["vac-protection"],
  create(context) {
    const users = [persistentVolumeClaims, persistentVolumes].map((each) => context.informers.informer(each));
    const byClass = "volume-attributes-class";
    for (const informer of users) informer.addIndex(byClass, classesOf);
    const protection = protect(context, {
      resource: volumeAttributesClasses,
      informer: context.informers.informer(volumeAttributesClasses),
      finalizer: classFinalizer,
      isUsed: ({ metadata }) =>
        users.some(({ lister }) => lister.byIndex(byClass, metadata.name as string).length > 0),
    });
    const release = (user: KubeObject): void => {
      for (const name of classesOf(user)) protection.look(name);
    };
    for (const informer of users) informer.addHandler({ delete: release, update: (_, old) => release(old) });
    return protection;
  },
};

function classesOf({ spec, status }: KubeObject): string[] {
  const names = [spec?.volumeAttributesClassName, status?.currentVolumeAttributesClassName];
  return names.filter((name): name is string => typeof name === "string" && name !== "");
}

interface Protected {
  readonly resource: GroupVersionResource;
  readonly informer: Informer;
  readonly finalizer: string;
  isUsed(object: KubeObject): boolean;
}

/** Takes the finalizer off what is deleted and not used; `look` when what used it may be gone. */
function protect(
  { client, clock, log, signal }: ControllerContext,
  { resource, informer, finalizer, isUsed }: Protected,
): { run(): Promise<void>; look(key: string): void } {
  const queue: Workqueue = createWorkqueue({
    name: `${resource.resource} protection`,
    clock,
    log,
    process: reconcile,
  });
  const notice = (object: KubeObject): void => {
    if (isTerminating(object)) queue.add(keyOf(object));
  };
  informer.addHandler({ add: notice, update: notice });

  async function reconcile(key: string): Promise<void> {
    const object = informer.lister.getByKey(key);
    if (object === undefined || !isTerminating(object) || isUsed(object)) return;
    await removeFinalizer(client, resource, object, finalizer);
  }

  return { run: () => workUntil(signal, queue), look: (key) => queue.add(key) };
}

async function removeFinalizer(
  client: Client,
  resource: GroupVersionResource,
  object: KubeObject,
  finalizer: string,
): Promise<void> {
  const finalizers = object.metadata.finalizers ?? [];
  if (!finalizers.includes(finalizer)) return;
  const others = finalizers.filter((name) => name !== finalizer);
  const metadata = { ...object.metadata, finalizers: others };
  try {
    await client.update(inNamespace(resource, object.metadata.namespace), { ...object, metadata });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
