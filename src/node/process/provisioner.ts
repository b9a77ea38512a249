/**
 * Makes the volumes of claims whose StorageClass names this provisioner: directories below the node's own, as PersistentVolumes that only
 * this node reaches, and removes them when they are given back. What a CSI driver's external-provisioner does on each node.
 */
import { join } from "node:path";
import { type KubeObject, StatusError } from "../../apimachinery/index.ts";
import {
  type Client,
  createInformer,
  createWorkqueue,
  type EventRecorder,
  errorText,
  keyOf,
  type Log,
} from "../../client/index.ts";
import type { Machine } from "../../platform/index.ts";
import { directoryProvisioner } from "../agent/storage.ts";

/** What the binder and the scheduler write on claims and volumes. */
const annotation = {
  provisioner: "volume.kubernetes.io/storage-provisioner",
  selectedNode: "volume.kubernetes.io/selected-node",
  provisionedBy: "pv.kubernetes.io/provisioned-by",
};
const hostNameLabel = "kubernetes.io/hostname";

const claims = { group: "", version: "v1", resource: "persistentvolumeclaims" };
const volumes = { group: "", version: "v1", resource: "persistentvolumes" };
const classes = { group: "storage.k8s.io", version: "v1", resource: "storageclasses" };

export interface ProvisionerOptions {
  readonly client: Client;
  readonly machine: Machine;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly recorder: EventRecorder;
  readonly nodeName: string;
  /** Below which the volumes are. */
  readonly directory: string;
}

/** Works until the signal fires. */
export function startProvisioner(options: ProvisionerOptions): void {
  const { client, machine, log, signal, recorder, nodeName, directory } = options;
  const { clock, random, files } = machine;
  const watching = { client, clock, random, log };
  const claimInformer = createInformer({ ...watching, scope: claims });
  const volumeInformer = createInformer({ ...watching, scope: volumes });
  const queue = { clock, log, concurrency: 1, retryBaseMs: 100, retryMaxMs: 60_000 };
  const claimQueue = createWorkqueue({ ...queue, name: "provisioning", process: provision });
  const volumeQueue = createWorkqueue({ ...queue, name: "deprovisioning", process: removeReleased });
  const lookAtClaim = (claim: KubeObject): void => {
    if (isWaiting(claim)) claimQueue.add(keyOf(claim));
  };
  const lookAtVolume = (volume: KubeObject): void => {
    if (isReleased(volume)) volumeQueue.add(keyOf(volume));
  };
  claimInformer.addHandler({ add: lookAtClaim, update: lookAtClaim });
  volumeInformer.addHandler({ add: lookAtVolume, update: lookAtVolume });
  for (const informer of [claimInformer, volumeInformer]) informer.start(signal);
  for (const one of [claimQueue, volumeQueue]) {
    one.start();
    signal.addEventListener("abort", () => void one.stop(), { once: true });
  }

  /** A claim of a class that binds at once has no node: whoever writes the volume first has it. */
  function isWaiting({ metadata, spec }: KubeObject): boolean {
    const { annotations } = metadata;
    return (
      annotations?.[annotation.provisioner] === directoryProvisioner &&
      (annotations[annotation.selectedNode] ?? nodeName) === nodeName &&
      (spec?.volumeName ?? "") === "" &&
      metadata.deletionTimestamp === undefined
    );
  }

  function isReleased({ metadata, spec, status }: KubeObject): boolean {
    return (
      metadata.annotations?.[annotation.provisionedBy] === directoryProvisioner &&
      spec?.hostPath?.path === join(directory, metadata.name ?? "") &&
      spec.persistentVolumeReclaimPolicy === "Delete" &&
      status?.phase === "Released" &&
      metadata.deletionTimestamp === undefined
    );
  }

  async function provision(key: string): Promise<void> {
    const claim = claimInformer.lister.getByKey(key);
    if (claim === undefined || !isWaiting(claim)) return;
    const known = { ...claim, apiVersion: "v1", kind: "PersistentVolumeClaim" };
    const storageClass = await client.get(classes, claim.spec.storageClassName);
    if (isDelayed(storageClass) && claim.metadata.annotations?.[annotation.selectedNode] === undefined)
      return;
    recorder.event(
      known,
      "Normal",
      "Provisioning",
      `External provisioner is provisioning volume for claim "${key}"`,
    );
    try {
      const volume = volumeFor(claim, storageClass);
      await makeVolume(volume);
      const text = `Successfully provisioned volume ${volume.metadata.name}`;
      recorder.event(known, "Normal", "ProvisioningSucceeded", text);
    } catch (error) {
      const text = `failed to provision volume with StorageClass "${storageClass.metadata.name}": ${errorText(error)}`;
      recorder.event(known, "Warning", "ProvisioningFailed", text);
      // Nothing of the claim can change so that it could be had.
      if (!(error instanceof UnsupportedClaim)) throw error;
    }
  }

  function volumeFor({ metadata, spec }: KubeObject, storageClass: KubeObject): KubeObject {
    if (spec.volumeMode === "Block")
      throw new UnsupportedClaim(`${directoryProvisioner} makes no block devices`);
    if (spec.selector !== undefined) throw new UnsupportedClaim("claim Selector is not supported");
    const { namespace, name, uid, resourceVersion } = metadata;
    const volumeName = `pvc-${uid}`;
    return {
      metadata: { name: volumeName, annotations: { [annotation.provisionedBy]: directoryProvisioner } },
      spec: {
        accessModes: spec.accessModes,
        capacity: { storage: spec.resources.requests.storage },
        claimRef: {
          apiVersion: "v1",
          kind: "PersistentVolumeClaim",
          namespace,
          name,
          uid,
          resourceVersion,
        },
        // As a hostPath it keeps its owners and modes, about which databases are particular, whatever fsGroup the pod has.
        hostPath: { path: join(directory, volumeName), type: "DirectoryOrCreate" },
        nodeAffinity: {
          required: {
            nodeSelectorTerms: [
              { matchExpressions: [{ key: hostNameLabel, operator: "In", values: [nodeName] }] },
            ],
          },
        },
        persistentVolumeReclaimPolicy: storageClass["reclaimPolicy"],
        storageClassName: storageClass.metadata.name,
        volumeMode: "Filesystem",
      },
    };
  }

  async function makeVolume(volume: KubeObject): Promise<void> {
    const path: string = volume.spec.hostPath.path;
    // For whatever user the pods run as; only they find the way through the node's directory.
    await files.makeDirectory(path, 0o777);
    try {
      await client.create(volumes, volume);
    } catch (error) {
      if (!(error instanceof StatusError) || error.code !== 409) throw error;
      const present = await client.get(volumes, volume.metadata.name ?? "");
      // Another node was faster.
      if (present.spec?.hostPath?.path !== path) await files.removeDirectory(path);
    }
  }

  async function removeReleased(name: string): Promise<void> {
    const volume = volumeInformer.lister.getByKey(name);
    if (volume === undefined || !isReleased(volume)) return;
    try {
      await files.remove(volume.spec.hostPath.path);
      await client.delete(volumes, name, { preconditions: { uid: volume.metadata.uid as string } });
    } catch (error) {
      if (error instanceof StatusError && error.code === 404) return;
      const known = { ...volume, apiVersion: "v1", kind: "PersistentVolume" };
      recorder.event(known, "Warning", "VolumeFailedDelete", errorText(error));
      throw error;
    }
  }
}

class UnsupportedClaim extends Error {}

const isDelayed = (storageClass: KubeObject): boolean =>
  storageClass["volumeBindingMode"] === "WaitForFirstConsumer";
