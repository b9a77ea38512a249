/** Volumes that are claimed: from the pod's volume to its claim, to the PersistentVolume, to a directory of this machine. */
import { type KubeObject, StatusError } from "../../apimachinery/index.ts";
import type { Client } from "../../client/index.ts";
import type { Pod, Volume } from "./pod.ts";

/** A claim that cannot be used, in the kubelet's words where it has some. */
export class ClaimError extends Error {}

/** Where a claimed volume is. */
export interface ClaimedPlace {
  readonly path: string;
  /** As of a hostPath. */
  readonly type: string;
  /** Somebody else's directory: its owners and modes stay. */
  readonly isHostPath: boolean;
}

export const isClaimed = (volume: Volume): boolean =>
  volume.persistentVolumeClaim !== undefined || volume.ephemeral !== undefined;

/** @throws ClaimError, or StatusError where the server does not answer */
export async function claimedPlace(client: Client, pod: Pod, volume: Volume): Promise<ClaimedPlace> {
  const namespace = pod.metadata.namespace ?? "";
  const name = volume.persistentVolumeClaim?.claimName ?? `${pod.metadata.name}-${volume.name}`;
  const failed = (why: string): ClaimError =>
    new ClaimError(`error processing PVC ${namespace}/${name}: ${why}`);
  const claims = { group: "", version: "v1", resource: "persistentvolumeclaims", namespace };
  const claim = await found(client.get(claims, name), (why) =>
    failed(`failed to fetch PVC from API server: ${why}`),
  );
  const isOwn = (claim.metadata.ownerReferences ?? []).some(({ uid }) => uid === pod.metadata.uid);
  if (volume.ephemeral !== undefined && !isOwn)
    throw failed(`PVC ${namespace}/${name} was not created for pod ${namespace}/${pod.metadata.name}`);
  if (claim.status?.phase !== "Bound") throw failed("PVC is not bound");
  const volumeName: string = claim.spec?.volumeName ?? "";
  const volumes = { group: "", version: "v1", resource: "persistentvolumes" };
  const { spec } = await found(client.get(volumes, volumeName), (why) =>
    failed(`failed to fetch PV ${volumeName} from API server: ${why}`),
  );
  if (spec.claimRef?.uid !== claim.metadata.uid)
    throw failed(`PV ${volumeName} is bound to another claim than ${namespace}/${name}`);
  if (spec.volumeMode === "Block")
    throw failed(`PV ${volumeName} is a block device: a node that runs local processes mounts directories`);
  if (spec.local !== undefined) return { path: spec.local.path, type: "Directory", isHostPath: false };
  if (spec.hostPath !== undefined)
    return { path: spec.hostPath.path, type: spec.hostPath.type ?? "", isHostPath: true };
  throw failed(
    `PV ${volumeName} is of a type that cannot be had on a node that runs local processes: use hostPath or local`,
  );
}

async function found(object: Promise<KubeObject>, failure: (why: string) => ClaimError): Promise<KubeObject> {
  try {
    return await object;
  } catch (error) {
    if (error instanceof StatusError && error.code === 404) throw failure(error.message);
    throw error;
  }
}
