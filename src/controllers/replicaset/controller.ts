/**
 * Keeps as many pods as a ReplicaSet or a ReplicationController asks for: k8s.io/kubernetes/pkg/controller/replicaset.
 *
 * One round: see what pods the owner has (adopting and releasing), make or delete the difference, write the status. Pods are
 * made in batches of 1, 2, 4, … so that a template which the server refuses costs one request and not five hundred. A
 * round after its own writes waits until the informer has shown them (`Expectations`).
 */
import { type GroupVersionResource, type KubeObject, StatusError } from "../../apimachinery/index.ts";
import { createWorkqueue, type EventRecorder, errorText, keyOf, splitKey } from "../../client/index.ts";
import type { ControllerContext } from "../context.ts";
import { workUntil } from "../lifecycle.ts";
import { OwnWrites } from "../own-writes.ts";
import {
  addOwnerIndex,
  claim,
  controllerOf,
  controllerReference,
  isNamespaceTerminating,
  isNotFound,
  ownedBy,
} from "../owners.ts";
import { availableInMs, isPodActive, isPodTerminal } from "../pods.ts";
import { inNamespace, isTerminating, pods as podResource } from "../resources.ts";
import { Expectations } from "./expectations.ts";
import { rankForDeletion } from "./ranking.ts";
import { replicaStatus, type StatusInput, sameStatus } from "./status.ts";

/** What differs between the two kinds. */
export interface ReplicaKind {
  readonly resource: GroupVersionResource;
  readonly apiVersion: string;
  readonly kind: string;
  /** The component in events. */
  readonly component: string;
  readonly reportsTerminating: boolean;
  selector(owner: KubeObject): (labels: Record<string, string> | undefined) => boolean;
}

/** Pods made or deleted in one round at most. */
const burstReplicas = 500;

export function createReplicaController(
  context: ControllerContext,
  kind: ReplicaKind,
): { run(): Promise<void> } {
  const { client, clock, log, signal } = context;
  const owners = context.informers.informer(kind.resource);
  const pods = context.informers.informer(podResource);
  addOwnerIndex(pods);
  addOwnerIndex(owners);
  const recorder = context.recorder(kind.component);
  const expectations = new Expectations(clock);
  const written = new OwnWrites();
  const queue = createWorkqueue({ name: kind.kind, clock, log, process: reconcile });

  owners.addHandler({
    add: (owner) => queue.add(keyOf(owner)),
    update: (owner) => queue.add(keyOf(owner)),
    delete(owner) {
      expectations.forget(owner.metadata.uid as string);
      written.forget(owner);
      queue.add(keyOf(owner));
    },
  });
  pods.addHandler({
    add(pod) {
      const owner = ownerOf(pod);
      if (isTerminating(pod)) podDeleted(pod);
      else if (owner !== undefined) {
        expectations.created(owner.metadata.uid as string);
        queue.add(keyOf(owner));
      } else if (controllerOf(pod) === undefined) wakeAdopters(pod);
    },
    update(pod, old) {
      const owner = ownerOf(pod);
      if (controllerOf(pod)?.uid !== controllerOf(old)?.uid) {
        const former = ownerOf(old);
        if (former !== undefined) queue.add(keyOf(former));
      }
      if (isTerminating(pod)) {
        if (owner !== undefined)
          expectations.deleted(owner.metadata.uid as string, pod.metadata.uid as string);
      }
      if (owner === undefined) {
        if (controllerOf(pod) === undefined) wakeAdopters(pod);
        return;
      }
      queue.add(keyOf(owner));
      const minReadySeconds: number = owner.spec?.minReadySeconds ?? 0;
      const wait = availableInMs(pod, minReadySeconds, clock.now());
      // One second more, since timestamps have whole seconds.
      if (minReadySeconds > 0 && wait !== undefined && wait > 0) queue.addAfter(keyOf(owner), wait + 1_000);
    },
    delete: podDeleted,
  });

  function podDeleted(pod: KubeObject): void {
    const owner = ownerOf(pod);
    if (owner === undefined) return;
    expectations.deleted(owner.metadata.uid as string, pod.metadata.uid as string);
    queue.add(keyOf(owner));
  }

  function ownerOf(pod: KubeObject): KubeObject | undefined {
    const reference = controllerOf(pod);
    if (reference?.kind !== kind.kind) return undefined;
    const owner = owners.lister.get(pod.metadata.namespace, reference.name);
    return owner?.metadata.uid === reference.uid ? owner : undefined;
  }

  function wakeAdopters(pod: KubeObject): void {
    for (const owner of owners.lister.list(pod.metadata.namespace ?? "")) {
      if (kind.selector(owner)(pod.metadata.labels)) queue.add(keyOf(owner));
    }
  }

  async function reconcile(key: string): Promise<void> {
    const { namespace, name } = splitKey(key);
    const owner = owners.lister.getByKey(key);
    if (owner === undefined || written.isBehind(owner)) return;
    const uid = owner.metadata.uid as string;
    const scope = inNamespace(kind.resource, namespace);
    const mayAct = expectations.fulfilled(uid);
    const owned = await claim({
      client,
      informer: pods,
      scope: inNamespace(podResource, namespace),
      owner,
      reference: controllerReference(owner, kind.apiVersion, kind.kind),
      matches: kind.selector(owner),
      adoptable: isPodActive,
      freshOwner: () => client.get(scope, name),
    });
    let active = owned.filter(isPodActive);
    let failure: StatusInput["failure"];
    let failed: unknown;
    if (mayAct && !isTerminating(owner)) {
      try {
        active = await scale(owner, active);
      } catch (error) {
        failed = error;
        const wanted: number = owner.spec.replicas ?? 1;
        const reason = active.length < wanted ? "FailedCreate" : "FailedDelete";
        failure = { reason, message: errorText(error) };
      }
    }
    const nowMs = clock.now();
    const status = replicaStatus({
      owner,
      active,
      terminating: kind.reportsTerminating
        ? owned.filter((pod) => isTerminating(pod) && !isPodTerminal(pod)).length
        : undefined,
      failure,
      nowMs,
    });
    if (!sameStatus(owner.status, status)) {
      try {
        written.note(await client.update(scope, { ...owner, status: { ...status } }, "status"));
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
    if (failed !== undefined && !isNamespaceTerminating(failed)) throw failed;
    const minReadySeconds: number = owner.spec.minReadySeconds ?? 0;
    if (minReadySeconds > 0 && (status.readyReplicas ?? 0) !== (status.availableReplicas ?? 0)) {
      const waits = active
        .map((pod) => availableInMs(pod, minReadySeconds, nowMs) ?? 0)
        .filter((wait) => wait > 0);
      if (waits.length > 0) queue.addAfter(key, Math.min(...waits) + 1_000);
    }
  }

  /** Makes or deletes the difference; answers the pods that are there afterwards, as far as known. */
  async function scale(owner: KubeObject, active: KubeObject[]): Promise<KubeObject[]> {
    const difference = active.length - ((owner.spec.replicas ?? 1) as number);
    if (difference < 0) {
      await createPods(owner, Math.min(-difference, burstReplicas));
      return active;
    }
    if (difference > 0) {
      const leaving = rankForDeletion(active, relatedPods(owner), clock.now());
      await deletePods(owner, leaving.slice(0, Math.min(difference, burstReplicas)));
    }
    return active;
  }

  async function createPods(owner: KubeObject, count: number): Promise<void> {
    const uid = owner.metadata.uid as string;
    const pod = podFromTemplate(owner, kind);
    const scope = inNamespace(podResource, owner.metadata.namespace);
    expectations.expectCreations(uid, count);
    let left = count;
    for (let batch = 1; left > 0; batch *= 2) {
      const size = Math.min(batch, left);
      const outcomes = await Promise.allSettled(
        Array.from({ length: size }, async () => {
          const created = await client.create(scope, pod);
          recorder.event(owner, "Normal", "SuccessfulCreate", `Created pod: ${created.metadata.name}`);
        }),
      );
      left -= size;
      const failures = outcomes.filter((outcome) => outcome.status === "rejected");
      if (failures.length === 0) continue;
      // What was not tried and what failed will never be seen by the informer.
      for (let i = 0; i < left + failures.length; i++) expectations.created(uid);
      const error: unknown = failures[0]?.reason;
      if (!isNamespaceTerminating(error)) reportFailure(recorder, owner, "FailedCreate", "creating", error);
      throw error;
    }
  }

  async function deletePods(owner: KubeObject, leaving: readonly KubeObject[]): Promise<void> {
    const uid = owner.metadata.uid as string;
    const scope = inNamespace(podResource, owner.metadata.namespace);
    expectations.expectDeletions(
      uid,
      leaving.map((pod) => pod.metadata.uid as string),
    );
    const outcomes = await Promise.allSettled(
      leaving.map(async (pod) => {
        const name = pod.metadata.name as string;
        try {
          await client.delete(scope, name, { preconditions: { uid: pod.metadata.uid as string } });
          recorder.event(owner, "Normal", "SuccessfulDelete", `Deleted pod: ${name}`);
        } catch (error) {
          expectations.deleted(uid, pod.metadata.uid as string);
          if (isNotFound(error)) return;
          reportFailure(recorder, owner, "FailedDelete", "deleting", error);
          throw error;
        }
      }),
    );
    const failure = outcomes.find((outcome) => outcome.status === "rejected");
    if (failure !== undefined) throw failure.reason;
  }

  /** Active pods of all owners of this kind under the same Deployment; of this owner where there is none. */
  function relatedPods(owner: KubeObject): KubeObject[] {
    const above = controllerOf(owner);
    const siblings = above === undefined ? [owner] : ownedBy(owners, above.uid);
    return siblings.flatMap((sibling) => ownedBy(pods, sibling.metadata.uid as string)).filter(isPodActive);
  }

  return {
    run: () => workUntil(signal, queue),
  };
}

function reportFailure(
  recorder: EventRecorder,
  owner: KubeObject,
  reason: string,
  doing: string,
  error: unknown,
): void {
  if (error instanceof StatusError && error.code === 404) return;
  recorder.event(owner, "Warning", reason, `Error ${doing}: ${errorText(error)}`);
}

/** A pod as the template says, owned. The server makes up the end of its name. */
function podFromTemplate(owner: KubeObject, kind: ReplicaKind): KubeObject {
  const { labels, annotations, finalizers } = owner.spec.template.metadata ?? {};
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      generateName: `${owner.metadata.name}-`,
      namespace: owner.metadata.namespace as string,
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ownerReferences: [controllerReference(owner, kind.apiVersion, kind.kind)],
    },
    spec: owner.spec.template.spec,
  };
}
