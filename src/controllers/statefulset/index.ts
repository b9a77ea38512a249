/**
 * Pods with an identity, made and replaced in order: k8s.io/kubernetes/pkg/controller/statefulset. `plan.ts` says what is next,
 * `identity.ts` what a pod is like; here a round does it and writes the status.
 */
import { type KubeObject, selectorFromObject } from "../../apimachinery/index.ts";
import { unreachable } from "../../base/index.ts";
import { createWorkqueue, errorText, keyOf, splitKey } from "../../client/index.ts";
import type { ControllerContext, ControllerDescriptor } from "../context.ts";
import { workUntil } from "../lifecycle.ts";
import { OwnWrites } from "../own-writes.ts";
import { watchOwnedPods } from "../owned-pods.ts";
import { addOwnerIndex, claim, controllerReference, isConflict, isNotFound } from "../owners.ts";
import { availableInMs, isPodReady } from "../pods.ts";
import {
  controllerRevisions,
  inNamespace,
  isTerminating,
  persistentVolumeClaims,
  pods as podResource,
  statefulSets,
} from "../resources.ts";
import { currentRevisions, revisionData, templateOf, truncateRevisions } from "../revisions.ts";
import { SetClaims } from "./claims.ts";
import { ordinalOf, podOf, revisionOf } from "./identity.ts";
import { firstOrdinal, isAvailable, type SetState, type Step, stepsOf } from "./plan.ts";
import { revisionHash } from "./revision-hash.ts";

export const statefulSetController: ControllerDescriptor = {
  name: "statefulset-controller",
  aliases: ["statefulset"],
  create,
};

/** Between two looks at a claim that is to go before its pod can come again. */
const staleClaimWaitMs = 1_000;

interface SetStatus {
  observedGeneration: number;
  replicas: number;
  readyReplicas?: number;
  currentReplicas?: number;
  updatedReplicas?: number;
  currentRevision: string;
  updateRevision: string;
  collisionCount: number;
  availableReplicas: number;
  conditions?: unknown;
}

function create(context: ControllerContext): { run(): Promise<void> } {
  const { client, clock, log, signal } = context;
  const sets = context.informers.informer(statefulSets);
  const pods = context.informers.informer(podResource);
  const revisions = context.informers.informer(controllerRevisions);
  addOwnerIndex(revisions);
  const recorder = context.recorder("statefulset-controller");
  const claims = new SetClaims({
    client,
    claims: context.informers.informer(persistentVolumeClaims),
    recorder,
  });
  const written = new OwnWrites();
  const queue = createWorkqueue({ name: "stateful sets", clock, log, process: reconcile });

  sets.addHandler({
    add: (set) => queue.add(keyOf(set)),
    update: (set) => queue.add(keyOf(set)),
    delete: (set) => written.forget(set),
  });
  watchOwnedPods({
    pods,
    owners: sets,
    kind: "StatefulSet",
    selects: (set, labels) => selectorOf(set)(labels),
    wake: (set) => queue.add(keyOf(set)),
  });

  async function reconcile(key: string): Promise<void> {
    const { namespace, name } = splitKey(key);
    const set = sets.lister.getByKey(key);
    if (set === undefined || written.isBehind(set)) return;
    const scope = inNamespace(statefulSets, namespace);
    const reference = controllerReference(set, "apps/v1", "StatefulSet");
    const owned = await claim({
      client,
      informer: pods,
      scope: inNamespace(podResource, namespace),
      owner: set,
      reference,
      matches: selectorOf(set),
      adoptable: (pod) => ordinalOf(set, pod) >= 0,
      freshOwner: () => client.get(scope, name),
    });
    const collisionCount: number = set.status?.collisionCount ?? 0;
    const history = await currentRevisions({
      client,
      revisions,
      owner: set,
      reference,
      matches: selectorOf(set),
      freshOwner: () => client.get(scope, name),
      hash: revisionHash(revisionData(set.spec.template), collisionCount),
      hashLabel: "controller.kubernetes.io/hash",
      annotations: set.metadata.annotations,
    });
    if (history === undefined) {
      await writeStatus(set, { ...set.status, collisionCount: collisionCount + 1 });
      return;
    }
    const updateRevision = history.update.metadata.name as string;
    const current =
      history.all.find((revision) => revision.metadata.name === set.status?.currentRevision) ??
      history.update;
    const state: SetState = { set, pods: owned, updateRevision, nowMs: clock.now() };
    const status = statusOf(state, current.metadata.name as string, collisionCount);
    await writeStatus(set, status);
    // One that goes only counts its pods; the garbage collector takes them.
    if (isTerminating(set)) return;
    for (const step of stepsOf(state)) await take(step, set, current, history.update);
    await truncateRevisions({
      client,
      owner: set,
      all: history.all,
      inUse: ({ metadata }) =>
        metadata.name === updateRevision ||
        metadata.name === status.currentRevision ||
        owned.some((pod) => revisionOf(pod) === metadata.name),
    });
    wakeWhenAvailable(key, state);
  }

  async function take(step: Step, set: KubeObject, current: KubeObject, update: KubeObject): Promise<void> {
    switch (step.do) {
      case "create":
        return await createPod(set, step.ordinal, needsCurrent(set, step.ordinal) ? current : update);
      case "delete":
        return await deletePod(set, step.pod);
      case "make-claims":
        await claims.make(set, ordinalOf(set, step.pod));
        await claims.keepOwners(set, step.pod, ordinalOf(set, step.pod), false);
        return;
      case "keep-claims": {
        const { pod, scaledDown } = step;
        if ((await claims.keepOwners(set, pod, ordinalOf(set, pod), scaledDown)) && !scaledDown)
          recorder.event(set, "Normal", "SuccessfulUpdate", `${aboutPod(set, "Update", pod)} successful`);
        return;
      }
      default:
        return unreachable(step);
    }
  }

  async function createPod(set: KubeObject, ordinal: number, revision: KubeObject): Promise<void> {
    const scope = inNamespace(podResource, set.metadata.namespace);
    const wanted = podOf(set, ordinal, {
      name: revision.metadata.name as string,
      template: templateOf(revision),
    });
    // Nothing tells when the claim has gone.
    if (claims.isStale(set, wanted, ordinal)) return queue.addAfter(keyOf(set), staleClaimWaitMs);
    let made: KubeObject;
    try {
      await claims.make(set, ordinal);
      made = await client.create(scope, wanted);
    } catch (error) {
      // The informer is behind, or somebody else has the name: seen when the pod changes.
      if (isConflict(error)) return;
      const message = `${aboutPod(set, "Create", wanted)} failed error: ${errorText(error)}`;
      recorder.event(set, "Warning", "FailedCreate", message);
      throw error;
    }
    await claims.keepOwners(set, made, ordinal, false);
    recorder.event(set, "Normal", "SuccessfulCreate", `${aboutPod(set, "Create", wanted)} successful`);
  }

  async function deletePod(set: KubeObject, pod: KubeObject): Promise<void> {
    const { namespace, name = "", uid = "" } = pod.metadata;
    try {
      await client.delete(inNamespace(podResource, namespace), name, { preconditions: { uid } });
      recorder.event(set, "Normal", "SuccessfulDelete", `${aboutPod(set, "Delete", pod)} successful`);
    } catch (error) {
      if (isNotFound(error)) return;
      const message = `${aboutPod(set, "Delete", pod)} failed error: ${errorText(error)}`;
      recorder.event(set, "Warning", "FailedDelete", message);
      throw error;
    }
  }

  async function writeStatus(set: KubeObject, status: object): Promise<void> {
    const view = (value: object): string =>
      JSON.stringify(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
    if (view(set.status ?? {}) === view(status)) return;
    const scope = inNamespace(statefulSets, set.metadata.namespace);
    try {
      written.note(await client.update(scope, { ...set, status: { ...status } }, "status"));
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  function wakeWhenAvailable(key: string, { set, pods: owned, nowMs }: SetState): void {
    const minReadySeconds: number = set.spec.minReadySeconds ?? 0;
    const waits = owned
      .map((pod) => availableInMs(pod, minReadySeconds, nowMs) ?? 0)
      .filter((wait) => wait > 0);
    // One second more, since timestamps have whole seconds.
    if (waits.length > 0) queue.addAfter(key, Math.min(...waits) + 1_000);
  }

  return { run: () => workUntil(signal, queue) };
}

function aboutPod(set: KubeObject, verb: "Create" | "Update" | "Delete", pod: KubeObject): string {
  return `${verb} Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name}`;
}

function statusOf(state: SetState, currentRevision: string, collisionCount: number): SetStatus {
  const { set, pods: owned, updateRevision } = state;
  const members = owned.filter((pod) => ordinalOf(set, pod) >= 0);
  const count = (holds: (pod: KubeObject) => boolean): number => members.filter(holds).length;
  const ofRevision = (name: string): number =>
    count((pod) => revisionOf(pod) === name && !isTerminating(pod));
  const replicas = members.length;
  const readyReplicas = count((pod) => pod.status?.phase === "Running" && isPodReady(pod));
  const updatedReplicas = ofRevision(updateRevision);
  let currentReplicas = ofRevision(currentRevision);
  let shownRevision = currentRevision;
  // The update is through: what was new is now what is.
  if (
    set.spec.updateStrategy?.type !== "OnDelete" &&
    [updatedReplicas, readyReplicas, replicas].every((value) => value === (set.spec.replicas ?? 1))
  ) {
    shownRevision = updateRevision;
    currentReplicas = updatedReplicas;
  }
  return {
    ...(set.status?.conditions === undefined ? {} : { conditions: set.status.conditions }),
    observedGeneration: set.metadata.generation ?? 0,
    replicas,
    ...(readyReplicas > 0 ? { readyReplicas } : {}),
    ...(currentReplicas > 0 ? { currentReplicas } : {}),
    ...(updatedReplicas > 0 ? { updatedReplicas } : {}),
    currentRevision: shownRevision,
    updateRevision,
    collisionCount,
    availableReplicas: count((pod) => isAvailable(state, pod)),
  };
}

/** Below the partition of a rolling update a new pod is like the old ones. */
function needsCurrent(set: KubeObject, ordinal: number): boolean {
  if (set.spec.updateStrategy?.type === "OnDelete") return false;
  const rolling: { partition?: number } | undefined = set.spec.updateStrategy?.rollingUpdate;
  const kept = rolling === undefined ? (set.status?.currentReplicas ?? 0) : (rolling.partition ?? 0);
  return ordinal < firstOrdinal(set) + kept;
}

function selectorOf(set: KubeObject): (labels: Record<string, string> | undefined) => boolean {
  const selector = selectorFromObject(set.spec?.selector);
  return (labels) => !selector.empty && selector.matches(labels);
}
