import { createHash } from "node:crypto";
import type { KubeObject } from "../../apimachinery/index.ts";

/** A volume of a CSI driver, as nodes and the controller name it: `kubernetes.io/csi/DRIVER^HANDLE`. */
export interface CsiVolume {
  readonly name: string;
  readonly driver: string;
  readonly handle: string;
}

/** Name of the index by node that pods and attachments have. */
export const nodeIndex = "node-name";

const prefix = "kubernetes.io/csi/";

/** Undefined where the PersistentVolume is none of a CSI driver. */
export function csiVolumeOf({ spec }: KubeObject): CsiVolume | undefined {
  const source: { driver?: string; volumeHandle?: string } | undefined = spec?.csi;
  if (source === undefined) return undefined;
  const { driver = "", volumeHandle: handle = "" } = source;
  return { name: `${prefix}${driver}^${handle}`, driver, handle };
}

/** Name of the VolumeAttachment of a volume and a node: what CSI's sidecars look for too. */
export function attachmentName({ driver, handle }: CsiVolume, node: string): string {
  return `csi-${createHash("sha256").update(`${handle}${driver}${node}`).digest("hex")}`;
}

/** Whether several nodes may have the volume; one that says nothing may, and its driver refuses where it must. */
export function isSharable({ spec }: KubeObject): boolean {
  const modes: string[] = spec?.accessModes ?? [];
  return modes.length === 0 || modes.some((mode) => mode === "ReadWriteMany" || mode === "ReadOnlyMany");
}

/** Driver volumes that the node says are mounted, or about to be. */
export const volumesInUse = (node: KubeObject | undefined): readonly string[] =>
  node?.["status"]?.volumesInUse ?? [];

/** The node's attachments are this controller's, and not its kubelet's. */
export function isManaged(node: KubeObject): boolean {
  return node.metadata.annotations?.["volumes.kubernetes.io/controller-managed-attach-detach"] !== undefined;
}

export const isAttached = (attachment: KubeObject): boolean => attachment["status"]?.attached === true;

/** What the driver's sidecar says went wrong. */
export const attachErrorOf = (attachment: KubeObject): string | undefined =>
  attachment["status"]?.attachError === undefined
    ? undefined
    : (attachment["status"].attachError.message ?? "");

/** The attachments of each volume, also of one whose PersistentVolume is gone. */
export class HeldVolumes {
  readonly #volumes = new Map<string, { readonly volume: CsiVolume; readonly attachments: Set<string> }>();
  readonly #byAttachment = new Map<string, string>();

  add(volume: CsiVolume, attachment: string): void {
    const held = this.#volumes.get(volume.name) ?? { volume, attachments: new Set<string>() };
    this.#volumes.set(volume.name, held);
    held.attachments.add(attachment);
    this.#byAttachment.set(attachment, volume.name);
  }

  delete(attachment: string): void {
    const name = this.#byAttachment.get(attachment) ?? "";
    const held = this.#volumes.get(name);
    this.#byAttachment.delete(attachment);
    held?.attachments.delete(attachment);
    if (held?.attachments.size === 0) this.#volumes.delete(name);
  }

  /** Name of the attachment's volume. */
  nameOf(attachment: string): string | undefined {
    return this.#byAttachment.get(attachment);
  }

  volume(name: string): CsiVolume | undefined {
    return this.#volumes.get(name)?.volume;
  }

  attachmentsOf(name: string): readonly string[] {
    return [...(this.#volumes.get(name)?.attachments ?? [])];
  }
}
