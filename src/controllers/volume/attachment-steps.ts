import { deepEqual, type KubeObject } from "../../apimachinery/index.ts";
import type { Client, EventRecorder, Lister } from "../../client/index.ts";
import type { Clock } from "../../platform/index.ts";
import { hasOutOfServiceTaint } from "../node-lifecycle/taints.ts";
import { isAlreadyExists, isNotFound } from "../owners.ts";
import { conditionOf } from "../pods.ts";
import { isTerminating, nodes as nodeResource, volumeAttachments } from "../resources.ts";
import {
  attachErrorOf,
  attachmentName,
  type CsiVolume,
  type HeldVolumes,
  isAttached,
  isManaged,
  isSharable,
  nodeIndex,
  volumesInUse,
} from "./attachments.ts";

/** Who is to have a volume: for each node the pods that mount it there. */
export type Wishes = ReadonlyMap<string, readonly KubeObject[]>;

export interface AttachmentStepOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly recorder: EventRecorder;
  readonly nodes: Lister;
  /** With an index by node. */
  readonly attachments: Lister;
  readonly held: HeldVolumes;
  /** What a node that is gone had mounted when it was seen last. */
  mountedBefore(node: string): readonly string[];
  /** Looks at the volume again. */
  later(volume: string, milliseconds: number): void;
}

/** What is done about one volume and one node; each step is found done or waits for what it needs. */
export interface AttachmentSteps {
  /** @throws Error where the driver says that it failed, or says nothing for too long; the pods have been told */
  attach(source: KubeObject, volume: CsiVolume, node: string, wishes: Wishes): Promise<void>;
  detach(attachment: KubeObject, volume: CsiVolume): Promise<void>;
  /** The informer knows the attachment. */
  seen(attachment: string): void;
  /** The attachment is gone. */
  forget(attachment: string): void;
}

/** A node that is not ready and does not say that it let go of a volume loses it after so long. Milliseconds. */
const unmountMaxMs = 360_000;
/** How long a driver's sidecar may take until the pods are told. Milliseconds. */
const attachMaxMs = 120_000;

export function createAttachmentSteps(options: AttachmentStepOptions): AttachmentSteps {
  const { client, clock, recorder, nodes, attachments, held, mountedBefore, later } = options;
  /** Attachments made that the informer has not shown yet, and their nodes. */
  const made = new Map<string, string>();
  /** Attachments that are being taken back: their nodes are not to mount them. */
  const leaving = new Set<string>();
  /** Since when nobody wants the attachment, or waits for it; monotonic milliseconds. */
  const unwanted = new Map<string, number>();
  const awaited = new Map<string, number>();
  /** Attachments of which the pods know. */
  const announced = new Set<string>();
  /** By volume: the nodes whose pods know that another node has it. */
  const refused = new Map<string, Set<string>>();

  async function attach(source: KubeObject, volume: CsiVolume, node: string, wishes: Wishes): Promise<void> {
    const name = attachmentName(volume, node);
    unwanted.delete(name);
    const told = refused.get(volume.name) ?? new Set<string>();
    for (const each of told) if (!wishes.has(each)) told.delete(each);
    const attachment = attachments.get("", name);
    // Another is made when this one is gone.
    if (attachment !== undefined && isTerminating(attachment)) return;
    const users = wishes.get(node) ?? [];
    if (attachment !== undefined && isAttached(attachment)) {
      awaited.delete(name);
      const isNews = await report(node, volume.name);
      if (isNews && !announced.has(name)) {
        const text = `AttachVolume.Attach succeeded for volume "${source.metadata.name}" `;
        for (const pod of users) recorder.event(pod, "Normal", "SuccessfulAttachVolume", text);
      }
      announced.add(name);
      return;
    }
    const error = attachment && attachErrorOf(attachment);
    if (error !== undefined) fail(users, source, error);
    if (attachment === undefined && !made.has(name)) {
      const others = isSharable(source) ? [] : holdersOf(volume.name);
      if (others.length > 0) {
        // It is on its way already: nothing that pods must hear.
        if (isLeaving(volume.name)) return;
        const pods = others.flatMap((other) => wishes.get(other) ?? []);
        if (!told.has(node)) tellOfOthers(users, source, pods);
        refused.set(volume.name, told.add(node));
        return;
      }
      await make(name, source, volume, node);
    }
    const now = clock.monotonic();
    const since = awaited.get(name) ?? now;
    const left = since + attachMaxMs - now;
    if (left > 0) {
      awaited.set(name, since);
      later(volume.name, left);
      return;
    }
    awaited.delete(name);
    const { driver, handle } = volume;
    fail(
      users,
      source,
      `timed out waiting for external-attacher of ${driver} CSI driver to attach volume ${handle}`,
    );
  }

  function fail(users: readonly KubeObject[], { metadata }: KubeObject, why: string): never {
    const text = `AttachVolume.Attach failed for volume "${metadata.name}" : ${why}`;
    for (const pod of users) recorder.event(pod, "Warning", "FailedAttachVolume", text);
    throw new Error(text);
  }

  async function make(name: string, source: KubeObject, volume: CsiVolume, node: string): Promise<void> {
    const spec = {
      attacher: volume.driver,
      nodeName: node,
      source: { persistentVolumeName: source.metadata.name },
    };
    try {
      await client.create(volumeAttachments, { metadata: { name }, spec });
      if (attachments.get("", name) === undefined) made.set(name, node);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
    held.add(volume, name);
  }

  /** Nodes that have the volume, or will. */
  const holdersOf = (volume: string): string[] =>
    held
      .attachmentsOf(volume)
      .flatMap((name) => attachments.get("", name)?.["spec"].nodeName ?? made.get(name) ?? []);

  const isLeaving = (volume: string): boolean =>
    held.attachmentsOf(volume).every((name) => {
      const attachment = attachments.get("", name);
      return attachment !== undefined && isTerminating(attachment);
    });

  /** Each pod hears of the others of its own namespace by name. */
  function tellOfOthers(
    users: readonly KubeObject[],
    source: KubeObject,
    others: readonly KubeObject[],
  ): void {
    for (const pod of users) {
      const here = others.filter(({ metadata }) => metadata.namespace === pod.metadata.namespace);
      const elsewhere = others.length - here.length;
      const who = [
        ...(here.length === 0 ? [] : [`pod(s) ${here.map(({ metadata }) => metadata.name).join(", ")}`]),
        ...(elsewhere === 0 ? [] : [`${elsewhere} pod(s) in different namespaces`]),
      ];
      const why =
        who.length === 0
          ? "Volume is already exclusively attached to one node and can't be attached to another"
          : `Volume is already used by ${who.join(" and ")}`;
      const text = `Multi-Attach error for volume "${source.metadata.name}" ${why}`;
      recorder.event(pod, "Warning", "FailedAttachVolume", text);
    }
  }

  async function detach(attachment: KubeObject, volume: CsiVolume): Promise<void> {
    if (isTerminating(attachment)) return;
    const name = attachment.metadata.name as string;
    const nodeName: string = attachment["spec"].nodeName;
    const node = nodes.get("", nodeName);
    const now = clock.monotonic();
    const since = unwanted.get(name) ?? now;
    unwanted.set(name, since);
    const left = since + unmountMaxMs - now;
    const isAlive = node !== undefined && conditionOf(node, "Ready")?.status === "True";
    const isLost = node !== undefined && hasOutOfServiceTaint(node);
    const mounted = node === undefined ? mountedBefore(nodeName) : volumesInUse(node);
    if (mounted.includes(volume.name) && !isLost && (isAlive || left > 0)) {
      if (left > 0) later(volume.name, left);
      return;
    }
    leaving.add(name);
    try {
      await report(nodeName, volume.name);
      if (!isLost && left > 0) await checkUnused(nodeName, volume.name);
      await client.delete(volumeAttachments, name);
    } catch (error) {
      if (isNotFound(error)) return;
      leaving.delete(name);
      throw error;
    }
  }

  /** What the cache says of mounts may be older than the last pod that came to the node. */
  async function checkUnused(node: string, volume: string): Promise<void> {
    try {
      if (!volumesInUse(await client.get(nodeResource, node)).includes(volume)) return;
    } catch (error) {
      if (isNotFound(error)) return;
      throw error;
    }
    throw new Error(`${volume} is still in use by node ${node}, as its status says`);
  }

  /** Tells the node what it may mount. Whether it had not heard of this volume. */
  async function report(name: string, volume: string): Promise<boolean> {
    const node = nodes.get("", name);
    if (node === undefined || !isManaged(node)) return false;
    const told = ((node["status"]?.volumesAttached ?? []) as { name: string }[]).map((each) => each.name);
    const attached = attachments
      .byIndex(nodeIndex, name)
      .filter(
        (each) => isAttached(each) && !isTerminating(each) && !leaving.has(each.metadata.name as string),
      )
      .flatMap((each) => held.nameOf(each.metadata.name as string) ?? [])
      .sort();
    if (!deepEqual(attached, told.toSorted())) {
      const body = { status: { volumesAttached: attached.map((each) => ({ name: each, devicePath: "" })) } };
      await client.patch(nodeResource, name, { type: "strategic", body, subresource: "status" });
    }
    return !told.includes(volume);
  }

  return {
    attach,
    detach,
    seen: (attachment) => made.delete(attachment),
    forget(attachment) {
      refused.delete(held.nameOf(attachment) ?? "");
      for (const book of [made, leaving, unwanted, awaited, announced]) book.delete(attachment);
    },
  };
}
