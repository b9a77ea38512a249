/**
 * Has volumes of CSI drivers attached to the nodes whose pods mount them, and detached when none does any more: it makes and deletes
 * VolumeAttachments, on which the drivers' sidecars act, and tells each node what it has. k8s.io/kubernetes/pkg/controller/volume/attachdetach.
 *
 * Upstream keeps a picture of the world that is and one of the world that should be, and acts on what differs ten times a second. Here the
 * VolumeAttachments are the world that is: each volume is looked at when something about it changes. One at a time, as what a node is told
 * is one list of all its volumes. Volumes that are none of a CSI driver have nothing to be attached by.
 */
import { deepEqual, type KubeObject } from "../../apimachinery/index.ts";
import { createWorkqueue, keyOf } from "../../client/index.ts";
import type { ControllerContext, ControllerDescriptor } from "../context.ts";
import { workUntil } from "../lifecycle.ts";
import { hasOutOfServiceTaint } from "../node-lifecycle/taints.ts";
import { conditionOf } from "../pods.ts";
import {
  csiDrivers,
  isTerminating,
  nodes as nodeResource,
  persistentVolumeClaims,
  persistentVolumes,
  pods as podResource,
  volumeAttachments,
} from "../resources.ts";
import { createAttachmentSteps, type Wishes } from "./attachment-steps.ts";
import {
  attachErrorOf,
  type CsiVolume,
  csiVolumeOf,
  HeldVolumes,
  isAttached,
  isManaged,
  nodeIndex,
  volumesInUse,
} from "./attachments.ts";
import { claimIndex, isMountedBy, isPodStopped } from "./pod-claims.ts";

export const attachDetachController: ControllerDescriptor = {
  name: "persistentvolume-attach-detach-controller",
  aliases: ["attachdetach"],
  create,
};

/** Delays of what failed, milliseconds. */
const retry = { retryBaseMs: 1_000, retryMaxMs: 122_000 };
const volumeIndex = "csi-volume";
const sourceIndex = "persistent-volume";

function create(context: ControllerContext): { run(): Promise<void> } {
  const { client, clock, log, signal, informers } = context;
  const pods = informers.informer(podResource);
  const nodes = informers.informer(nodeResource);
  const claims = informers.informer(persistentVolumeClaims);
  const volumes = informers.informer(persistentVolumes);
  const drivers = informers.informer(csiDrivers);
  const attachments = informers.informer(volumeAttachments);
  const recorder = context.recorder("attachdetach-controller");
  pods.addIndex(nodeIndex, (pod) => [pod.spec?.nodeName ?? ""]);
  pods.addIndex(claimIndex.name, claimIndex.keys);
  volumes.addIndex(volumeIndex, (volume) => [csiVolumeOf(volume)?.name ?? ""]);
  attachments.addIndex(nodeIndex, ({ spec }) => [spec?.nodeName ?? ""]);
  attachments.addIndex(sourceIndex, ({ spec }) => [spec?.source?.persistentVolumeName ?? ""]);
  const queue = createWorkqueue({
    name: "volume attachments",
    clock,
    log,
    process,
    concurrency: 1,
    ...retry,
  });
  const held = new HeldVolumes();
  /** What nodes that are gone had mounted when they were seen last. */
  const departed = new Map<string, readonly string[]>();

  const steps = createAttachmentSteps({
    client,
    clock,
    recorder,
    nodes: nodes.lister,
    attachments: attachments.lister,
    held,
    mountedBefore: (node) => departed.get(node) ?? [],
    later: (key, ms) => queue.addAfter(key, ms),
  });

  function look(volume: KubeObject | undefined): void {
    const name = volume === undefined ? undefined : csiVolumeOf(volume)?.name;
    if (name !== undefined) queue.add(name);
  }
  function lookAtClaim(claim: KubeObject | undefined): void {
    look(volumes.lister.get("", claim?.["spec"]?.volumeName ?? ""));
  }
  function lookAtPod(pod: KubeObject): void {
    for (const key of claimIndex.keys(pod)) lookAtClaim(claims.lister.getByKey(key));
  }
  function lookAtNode({ metadata }: KubeObject): void {
    for (const pod of pods.lister.byIndex(nodeIndex, metadata.name as string)) lookAtPod(pod);
    for (const attachment of attachments.lister.byIndex(nodeIndex, metadata.name as string)) {
      queue.add(held.nameOf(attachment.metadata.name as string) ?? "");
    }
  }
  function hold(attachment: KubeObject): void {
    const name = attachment.metadata.name as string;
    const source = volumes.lister.get("", attachment["spec"]?.source?.persistentVolumeName ?? "");
    const volume = source && csiVolumeOf(source);
    if (volume !== undefined) held.add(volume, name);
    queue.add(held.nameOf(name) ?? "");
  }

  pods.addHandler({
    add: lookAtPod,
    update(pod, old) {
      if (pod.spec?.nodeName !== old.spec?.nodeName || isPodStopped(pod) !== isPodStopped(old))
        lookAtPod(pod);
    },
    delete: lookAtPod,
  });
  nodes.addHandler({
    add(node) {
      departed.delete(node.metadata.name as string);
      lookAtNode(node);
    },
    update(node, old) {
      if (!deepEqual(standing(node), standing(old))) lookAtNode(node);
    },
    delete(node) {
      if (volumesInUse(node).length > 0) departed.set(node.metadata.name as string, volumesInUse(node));
      lookAtNode(node);
    },
  });
  claims.addHandler({ add: lookAtClaim, update: lookAtClaim, delete: lookAtClaim });
  volumes.addHandler({
    add(volume) {
      for (const each of attachments.lister.byIndex(sourceIndex, volume.metadata.name as string)) hold(each);
      look(volume);
    },
    update: look,
    delete: look,
  });
  const lookAtDriver = ({ metadata }: KubeObject): void => {
    for (const volume of volumes.lister.list()) if (volume.spec?.csi?.driver === metadata.name) look(volume);
  };
  drivers.addHandler({ add: lookAtDriver, update: lookAtDriver, delete: lookAtDriver });
  attachments.addHandler({
    add(attachment) {
      steps.seen(attachment.metadata.name as string);
      hold(attachment);
    },
    update(attachment, old) {
      if (!deepEqual(progress(attachment), progress(old))) hold(attachment);
    },
    delete({ metadata, spec }) {
      const name = metadata.name as string;
      queue.add(held.nameOf(name) ?? "");
      steps.forget(name);
      held.delete(name);
      if (attachments.lister.byIndex(nodeIndex, spec.nodeName).length === 0) departed.delete(spec.nodeName);
    },
  });

  async function process(key: string): Promise<void> {
    const source = volumes.lister.byIndex(volumeIndex, key)[0];
    const volume = source === undefined ? held.volume(key) : csiVolumeOf(source);
    if (volume === undefined) return;
    const wishes: Wishes = source === undefined ? new Map() : wishesFor(source, volume);
    for (const attachment of held.attachmentsOf(key).map((name) => attachments.lister.get("", name))) {
      if (attachment !== undefined && !wishes.has(attachment["spec"].nodeName)) {
        await steps.detach(attachment, volume);
      }
    }
    if (source === undefined) return;
    const failures: unknown[] = [];
    for (const node of wishes.keys()) {
      await steps.attach(source, volume, node, wishes).catch((error) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  }

  function wishesFor({ metadata, spec }: KubeObject, { driver }: CsiVolume): Wishes {
    const wishes = new Map<string, KubeObject[]>();
    const { namespace, name, uid } = (spec.claimRef ?? {}) as {
      namespace?: string;
      name?: string;
      uid?: string;
    };
    const claim = name === undefined ? undefined : claims.lister.get(namespace, name);
    if (claim === undefined || claim.metadata.uid !== uid) return wishes;
    if (claim["status"]?.phase !== "Bound" || claim.spec?.volumeName !== metadata.name) return wishes;
    if (drivers.lister.get("", driver)?.["spec"]?.attachRequired === false) return wishes;
    for (const pod of pods.lister.byIndex(claimIndex.name, keyOf(claim))) {
      const node = nodes.lister.get("", pod.spec.nodeName);
      if (node === undefined || !isManaged(node) || isPodStopped(pod) || !isMountedBy(claim, pod)) continue;
      wishes.set(pod.spec.nodeName, [...(wishes.get(pod.spec.nodeName) ?? []), pod]);
    }
    return wishes;
  }

  return { run: () => workUntil(signal, queue) };
}

/** What of a node decides what it has attached. */
const standing = (node: KubeObject): unknown => [
  isManaged(node),
  volumesInUse(node),
  node["status"]?.volumesAttached ?? [],
  conditionOf(node, "Ready")?.status,
  hasOutOfServiceTaint(node),
];

const progress = (attachment: KubeObject): unknown => [
  isAttached(attachment),
  isTerminating(attachment),
  attachErrorOf(attachment),
];
