/**
 * Brings claims and volumes together, and takes back what was claimed: k8s.io/kubernetes/pkg/controller/volume/persistentvolume.
 *
 * A binding is written in four steps, any of which may be the last before a crash: the volume names the claim, is Bound, the claim
 * names the volume, is Bound. Each step is found done or does itself again.
 */
import { deepEqual, type KubeObject } from "../../apimachinery/index.ts";
import { createWorkqueue, keyOf } from "../../client/index.ts";
import type { ControllerContext, ControllerDescriptor } from "../context.ts";
import { workUntil } from "../lifecycle.ts";
import { isNotFound } from "../owners.ts";
import {
  inNamespace,
  persistentVolumeClaims,
  persistentVolumes,
  pods as podResource,
  storageClasses,
} from "../resources.ts";
import {
  bindCompleted,
  boundByController,
  classOf,
  findVolume,
  isFor,
  mismatch,
  provisionedBy,
  sameMode,
  selectedNode,
} from "./matching.ts";
import { claimsOfPod, isPodStopped } from "./pod-claims.ts";

export const volumeBinderController: ControllerDescriptor = {
  name: "persistentvolume-binder-controller",
  aliases: ["persistentvolume-binder"],
  create,
};

/** What waits for somebody else (a provisioner, a pod) says so again so often: upstream's resync. Milliseconds. */
const remindMs = 15_000;
const provisionerAnnotations = [
  "volume.beta.kubernetes.io/storage-provisioner",
  "volume.kubernetes.io/storage-provisioner",
];
const defaultClass = "storageclass.kubernetes.io/is-default-class";

function create(context: ControllerContext): { run(): Promise<void> } {
  const { client, clock, log, signal, informers } = context;
  const claims = informers.informer(persistentVolumeClaims);
  const volumes = informers.informer(persistentVolumes);
  const classes = informers.informer(storageClasses);
  const pods = informers.informer(podResource);
  const recorder = context.recorder("persistentvolume-controller");
  const claimQueue = createWorkqueue({ name: "claims", clock, log, process: syncClaim });
  const volumeQueue = createWorkqueue({ name: "volumes", clock, log, process: syncVolume });

  /** Claims that are new or changed since they were looked at: those are told of. */
  const changed = new Set<string>();
  /** When a claim that waits was told of last, monotonic milliseconds. */
  const told = new Map<string, number>();

  /** A volume that came free, or a class that came, may be what somebody waits for. */
  const lookAtWaiting = (): void => {
    for (const claim of claims.lister.list())
      if (claim.status?.phase !== "Bound") claimQueue.add(keyOf(claim));
  };
  const lookAtVolumeOf = (claim: KubeObject): void => {
    const key = keyOf(claim);
    changed.add(key);
    claimQueue.add(key);
    const name: string = claim.spec?.volumeName ?? "";
    if (name !== "") volumeQueue.add(name);
  };
  claims.addHandler({
    add: lookAtVolumeOf,
    update: lookAtVolumeOf,
    delete(claim) {
      told.delete(keyOf(claim));
      lookAtVolumeOf(claim);
    },
  });
  const lookAtVolume = (volume: KubeObject): void => {
    volumeQueue.add(keyOf(volume));
    const reference: { namespace?: string; name?: string } | undefined = volume.spec?.claimRef;
    if (reference?.name !== undefined) claimQueue.add(`${reference.namespace}/${reference.name}`);
    else lookAtWaiting();
  };
  volumes.addHandler({ add: lookAtVolume, update: lookAtVolume, delete: lookAtVolume });
  classes.addHandler({ add: lookAtWaiting, update: lookAtWaiting });

  async function syncClaim(key: string): Promise<void> {
    const claim = claims.lister.getByKey(key);
    const isNews = changed.delete(key);
    if (claim === undefined) return;
    const name: string = claim.spec.volumeName ?? "";
    if (claim.metadata.annotations?.[bindCompleted] !== undefined) await syncBound(claim, name);
    else if (name === "") await syncUnbound(key, claim, isNews);
    else await syncNamed(claim, name);
  }

  /** Was bound once: is it still? */
  async function syncBound(claim: KubeObject, name: string): Promise<void> {
    const volume = volumes.lister.get("", name);
    if (name === "") {
      const text = "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!";
      await lose(claim, "ClaimLost", text);
    } else if (volume === undefined) {
      await lose(
        claim,
        "ClaimLost",
        "Bound claim has lost its PersistentVolume. Data on the volume is lost!",
      );
    } else if (volume.spec.claimRef === undefined || volume.spec.claimRef.uid === claim.metadata.uid) {
      await bind(volume, claim);
    } else {
      const text = "Two claims are bound to the same volume, this one is bound incorrectly";
      await lose(claim, "ClaimMisbound", text);
    }
  }

  async function lose(claim: KubeObject, reason: string, message: string): Promise<void> {
    if (claim.status?.phase === "Lost") return;
    await setClaimStatus(claim, "Lost", undefined);
    recorder.event(claim, "Warning", reason, message);
  }

  /** The claim says which volume it wants. */
  async function syncNamed(claim: KubeObject, name: string): Promise<void> {
    const volume = volumes.lister.get("", name);
    if (volume === undefined) return await setClaimStatus(claim, "Pending", undefined);
    if (volume.spec.claimRef === undefined) {
      const problem = mismatch(volume, claim);
      if (problem === undefined) return await bind(volume, claim);
      const message = `Cannot bind to requested volume "${name}": ${problem}`;
      recorder.event(claim, "Warning", "VolumeMismatch", message);
    } else if (isFor(volume, claim)) {
      return await bind(volume, claim);
    } else {
      const message = `volume "${name}" already bound to a different claim.`;
      recorder.event(claim, "Warning", "FailedBinding", message);
    }
    await setClaimStatus(claim, "Pending", undefined);
  }

  async function syncUnbound(key: string, claim: KubeObject, isNews: boolean): Promise<void> {
    const now = clock.monotonic();
    const tells = isNews || now - (told.get(key) ?? now) >= remindMs;
    if (tells) told.set(key, now);
    const tell = (type: "Normal" | "Warning", reason: string, message: string): void => {
      if (tells) recorder.event(claim, type, reason, message);
    };
    const storageClass = classes.lister.get("", classOf(claim));
    const delayed = storageClass?.["volumeBindingMode"] === "WaitForFirstConsumer";
    const volume = findVolume(claim, volumes.lister.list(), { delayed });
    if (volume !== undefined) return await bind(volume, claim);
    if (await assignDefaultClass(claim)) return;
    if (delayed && claim.metadata.annotations?.[selectedNode] === undefined) {
      const [pod, ...more] = podsOf(claim);
      const who = more.length === 0 ? `pod ${pod}` : `pods ${[pod, ...more]}`;
      if (pod === undefined)
        tell("Normal", "WaitForFirstConsumer", "waiting for first consumer to be created before binding");
      else tell("Normal", "WaitForPodScheduled", `waiting for ${who} to be scheduled`);
    } else if (classOf(claim) !== "") {
      if (await askProvisioner(claim, storageClass, tell)) return;
    } else {
      const message = "no persistent volumes available for this claim and no storage class is set";
      tell("Normal", "FailedBinding", message);
    }
    await setClaimStatus(claim, "Pending", undefined);
    claimQueue.addAfter(key, remindMs);
  }

  /** Names of the pods that use the claim and have no node yet. */
  function podsOf(claim: KubeObject): string[] {
    return pods.lister
      .list(claim.metadata.namespace)
      .filter((pod) => (pod.spec?.nodeName ?? "") === "" && !isPodStopped(pod))
      .filter((pod) => claimsOfPod(pod).some(({ name }) => name === claim.metadata.name))
      .map(({ metadata }) => metadata.name as string);
  }

  /** A claim that named no class gets the default one, also where that came later. */
  async function assignDefaultClass(claim: KubeObject): Promise<boolean> {
    if (claim.spec.storageClassName !== undefined) return false;
    const standard = classes.lister
      .list()
      .filter(({ metadata }) => metadata.annotations?.[defaultClass] === "true")
      .sort((a, b) =>
        (a.metadata.creationTimestamp ?? "") < (b.metadata.creationTimestamp ?? "") ? 1 : -1,
      )[0];
    if (standard === undefined) return false;
    const spec = { ...claim.spec, storageClassName: standard.metadata.name };
    await client.update(claimScope(claim), { ...claim, spec });
    return true;
  }

  /** Says who is to make a volume. True: the claim was written. */
  async function askProvisioner(
    claim: KubeObject,
    storageClass: KubeObject | undefined,
    tell: (type: "Normal" | "Warning", reason: string, message: string) => void,
  ): Promise<boolean> {
    if (storageClass === undefined) {
      const message = `storageclass.storage.k8s.io "${classOf(claim)}" not found`;
      tell("Warning", "ProvisioningFailed", message);
      return false;
    }
    const provisioner: string = storageClass["provisioner"];
    if (provisioner === "kubernetes.io/no-provisioner") {
      const message = `no volume plugin matched name: ${provisioner}`;
      tell("Warning", "ProvisioningFailed", message);
      return false;
    }
    const message = `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`;
    tell("Normal", "ExternalProvisioning", message);
    const annotations = claim.metadata.annotations ?? {};
    if (provisionerAnnotations.every((name) => annotations[name] === provisioner)) return false;
    const wanted = Object.fromEntries(provisionerAnnotations.map((name) => [name, provisioner]));
    const metadata = { ...claim.metadata, annotations: { ...annotations, ...wanted } };
    await client.update(claimScope(claim), { ...claim, metadata });
    return true;
  }

  async function bind(volume: KubeObject, claim: KubeObject): Promise<void> {
    const owned = await nameClaim(volume, claim);
    await setVolumePhase(owned, "Bound");
    const named = await nameVolume(claim, owned);
    await setClaimStatus(named, "Bound", owned);
  }

  async function nameClaim(volume: KubeObject, claim: KubeObject): Promise<KubeObject> {
    const { namespace, name, uid, resourceVersion } = claim.metadata;
    const present: { uid?: string } | undefined = volume.spec.claimRef;
    if (isFor(volume, claim) && present?.uid === uid) return volume;
    const kept = isFor(volume, claim);
    const claimRef = {
      kind: "PersistentVolumeClaim",
      namespace,
      name,
      uid,
      apiVersion: "v1",
      resourceVersion,
    };
    const annotations = { ...volume.metadata.annotations, ...(kept ? {} : { [boundByController]: "yes" }) };
    return await client.update(persistentVolumes, {
      ...volume,
      metadata: { ...volume.metadata, annotations },
      spec: { ...volume.spec, claimRef },
    });
  }

  async function nameVolume(claim: KubeObject, volume: KubeObject): Promise<KubeObject> {
    const volumeName = volume.metadata.name;
    const found = claim.spec.volumeName === volumeName;
    if (found && claim.metadata.annotations?.[bindCompleted] !== undefined) return claim;
    const annotations = {
      ...claim.metadata.annotations,
      ...(found ? {} : { [boundByController]: "yes" }),
      [bindCompleted]: "yes",
    };
    return await client.update(claimScope(claim), {
      ...claim,
      metadata: { ...claim.metadata, annotations },
      spec: { ...claim.spec, volumeName },
    });
  }

  async function setClaimStatus(
    claim: KubeObject,
    phase: "Pending" | "Bound" | "Lost",
    volume: KubeObject | undefined,
  ): Promise<void> {
    const { accessModes, capacity, currentVolumeAttributesClassName, ...rest } = claim.status ?? {};
    const status: Record<string, unknown> = { ...rest, phase };
    if (volume !== undefined) {
      status["accessModes"] = volume.spec.accessModes;
      // A volume that grew is told by whoever grows it.
      status["capacity"] =
        claim.status?.phase === phase && capacity !== undefined ? capacity : volume.spec.capacity;
      const attributes =
        claim.status?.phase === "Bound"
          ? currentVolumeAttributesClassName
          : volume.spec.volumeAttributesClassName;
      if (attributes !== undefined) status["currentVolumeAttributesClassName"] = attributes;
    }
    if (deepEqual(status, claim.status ?? {})) return;
    await client.update(claimScope(claim), { ...claim, status }, "status");
  }

  async function setVolumePhase(volume: KubeObject, phase: string, message = ""): Promise<KubeObject> {
    if (volume.status?.phase === phase) return volume;
    const { message: _, ...rest } = volume.status ?? {};
    const status = { ...rest, phase, ...(message === "" ? {} : { message }) };
    return await client.update(persistentVolumes, { ...volume, status }, "status");
  }

  async function syncVolume(name: string): Promise<void> {
    const volume = volumes.lister.get("", name);
    if (volume === undefined) return;
    const reference: { namespace?: string; name?: string; uid?: string } | undefined = volume.spec.claimRef;
    // Free, or kept for a claim that may come.
    if (reference === undefined || (reference.uid ?? "") === "") {
      await setVolumePhase(volume, "Available");
      return;
    }
    const claim = await claimOf(reference);
    if (claim === undefined) {
      const gone = ["Released", "Failed"].includes(volume.status?.phase);
      await reclaim(gone ? volume : await setVolumePhase(volume, "Released"));
    } else if ((claim.spec.volumeName ?? "") === "") {
      if (sameMode(volume, claim)) return claimQueue.add(keyOf(claim));
      const why = "due to incompatible volumeMode.";
      const claimName = claim.metadata.name;
      const onVolume = `Cannot bind PersistentVolume to requested PersistentVolumeClaim "${claimName}" ${why}`;
      recorder.event(volume, "Warning", "VolumeMismatch", onVolume);
      const onClaim = `Cannot bind PersistentVolume "${name}" to requested PersistentVolumeClaim ${why}`;
      recorder.event(claim, "Warning", "VolumeMismatch", onClaim);
    } else if (claim.spec.volumeName === name) {
      await setVolumePhase(volume, "Bound");
    } else {
      await unbind(volume);
    }
  }

  /** As it is now, where the cache may be behind: nobody's data is deleted on an old picture. */
  async function claimOf(reference: {
    namespace?: string;
    name?: string;
    uid?: string;
  }): Promise<KubeObject | undefined> {
    const { namespace = "", name = "", uid } = reference;
    const cached = claims.lister.get(namespace, name);
    if (cached?.metadata.uid === uid) return cached;
    try {
      const live = await client.get(inNamespace(persistentVolumeClaims, namespace), name);
      return live.metadata.uid === uid ? live : undefined;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** The claim went to another volume. */
  async function unbind(volume: KubeObject): Promise<void> {
    const { [boundByController]: ours, ...annotations } = volume.metadata.annotations ?? {};
    const { claimRef, ...spec } = volume.spec;
    const { uid: _, ...kept } = claimRef;
    const next = await client.update(persistentVolumes, {
      ...volume,
      metadata: { ...volume.metadata, annotations },
      spec: ours === undefined ? { ...spec, claimRef: kept } : spec,
    });
    await setVolumePhase(next, "Available");
  }

  async function reclaim(volume: KubeObject): Promise<void> {
    const policy: string = volume.spec.persistentVolumeReclaimPolicy;
    if (policy === "Retain" || volume.status?.phase === "Failed") return;
    if (policy === "Recycle") {
      return await fail(volume, "VolumeFailedRecycle", "No recycler plugin found for the volume!");
    }
    // Whoever made it deletes it.
    if (volume.metadata.annotations?.[provisionedBy] !== undefined || volume.spec.csi !== undefined) return;
    const path: string | undefined = volume.spec.hostPath?.path;
    if (path === undefined) {
      const text = `error getting deleter volume plugin for volume "${volume.metadata.name}": no deletable volume plugin matched`;
      return await fail(volume, "VolumeFailedDelete", text);
    }
    if (!/^\/tmp\/.+/.test(path)) {
      const text = `host_path deleter only supports /tmp/.+ but received provided ${path}`;
      return await fail(volume, "VolumeFailedDelete", text);
    }
    // No machine runs pods here, so nothing was ever written to that path.
    try {
      await client.delete(persistentVolumes, volume.metadata.name ?? "", {
        preconditions: { uid: volume.metadata.uid as string },
      });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async function fail(volume: KubeObject, reason: string, message: string): Promise<void> {
    await setVolumePhase(volume, "Failed", message);
    recorder.event(volume, "Warning", reason, message);
  }

  const claimScope = (claim: KubeObject) => inNamespace(persistentVolumeClaims, claim.metadata.namespace);

  return { run: () => workUntil(signal, claimQueue, volumeQueue) };
}
