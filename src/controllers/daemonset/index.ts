/**
 * One pod on every node that it fits: k8s.io/kubernetes/pkg/controller/daemon. The pods name their node in their affinity, so that
 * the scheduler binds them. `plan.ts` says what is to be made and deleted.
 */
import { type KubeObject, selectorFromObject } from "../../apimachinery/index.ts";
import { createWorkqueue, errorText, keyOf, splitKey } from "../../client/index.ts";
import type { ControllerContext, ControllerDescriptor } from "../context.ts";
import { podTemplateHash } from "../deployment/pod-template-hash.ts";
import { workUntil } from "../lifecycle.ts";
import { OwnWrites } from "../own-writes.ts";
import { watchOwnedPods } from "../owned-pods.ts";
import { addOwnerIndex, claim, controllerReference, isNamespaceTerminating, isNotFound } from "../owners.ts";
import { availableInMs, isPodActive, isPodReady } from "../pods.ts";
import { Expectations } from "../replicaset/expectations.ts";
import {
  controllerRevisions,
  daemonSets,
  inNamespace,
  isTerminating,
  nodes as nodeResource,
  pods as podResource,
} from "../resources.ts";
import { currentRevisions, truncateRevisions } from "../revisions.ts";
import { affinityFor, fitOf, tolerationsOf } from "./nodes.ts";
import { byNode, type DaemonState, isAvailable, planOf, revisionLabel } from "./plan.ts";

export const daemonSetController: ControllerDescriptor = {
  name: "daemonset-controller",
  aliases: ["daemonset"],
  create,
};

const templateGenerationAnnotation = "deprecated.daemonset.template.generation";
const templateGenerationLabel = "pod-template-generation";
/** Pods made or deleted in one round at most. */
const burstPods = 250;

function create(context: ControllerContext): { run(): Promise<void> } {
  const { client, clock, log, signal } = context;
  const owners = context.informers.informer(daemonSets);
  const pods = context.informers.informer(podResource);
  const nodes = context.informers.informer(nodeResource);
  const revisions = context.informers.informer(controllerRevisions);
  addOwnerIndex(revisions);
  const recorder = context.recorder("daemonset-controller");
  const expectations = new Expectations(clock);
  const written = new OwnWrites();
  const queue = createWorkqueue({ name: "daemon sets", clock, log, process: reconcile });

  owners.addHandler({
    add: (owner) => queue.add(keyOf(owner)),
    update: (owner) => queue.add(keyOf(owner)),
    delete(owner) {
      expectations.forget(owner.metadata.uid as string);
      written.forget(owner);
    },
  });
  watchOwnedPods({
    pods,
    owners,
    kind: "DaemonSet",
    selects: (owner, labels) => selectorOf(owner)(labels),
    wake: (owner) => queue.add(keyOf(owner)),
    expectations,
  });
  const wakeAll = (): void => {
    for (const owner of owners.lister.list()) queue.add(keyOf(owner));
  };
  nodes.addHandler({
    add: wakeAll,
    update(node, old) {
      // Heartbeats change nothing for a daemon.
      const view = ({ metadata, spec }: KubeObject): string => JSON.stringify([metadata.labels, spec]);
      if (view(node) !== view(old)) wakeAll();
    },
    delete: wakeAll,
  });

  async function reconcile(key: string): Promise<void> {
    const { namespace, name } = splitKey(key);
    const owner = owners.lister.getByKey(key);
    if (owner === undefined || written.isBehind(owner)) return;
    const scope = inNamespace(daemonSets, namespace);
    const reference = controllerReference(owner, "apps/v1", "DaemonSet");
    const owned = await claim({
      client,
      informer: pods,
      scope: inNamespace(podResource, namespace),
      owner,
      reference,
      matches: selectorOf(owner),
      adoptable: isPodActive,
      freshOwner: () => client.get(scope, name),
    });
    if (isTerminating(owner)) return;
    const hash = podTemplateHash(owner.spec.template, owner.status?.collisionCount);
    const history = await currentRevisions({
      client,
      revisions,
      owner,
      reference,
      matches: selectorOf(owner),
      freshOwner: () => client.get(scope, name),
      hash,
      hashLabel: revisionLabel,
      annotations: owner.metadata.annotations,
    });
    if (history === undefined) {
      const collisionCount = (owner.status?.collisionCount ?? 0) + 1;
      await writeStatus(owner, { ...owner.status, collisionCount });
      return;
    }
    const shownHash = history.update.metadata.labels?.[revisionLabel] ?? hash;
    const known = nodes.lister.list();
    const state: DaemonState = {
      daemonSet: owner,
      nodes: known,
      pods: owned,
      hash: shownHash,
      nowMs: clock.now(),
    };
    await writeStatus(owner, statusOf(state));
    if (expectations.fulfilled(owner.metadata.uid as string)) await act(state);
    await truncateRevisions({
      client,
      owner,
      all: history.all,
      inUse: (revision) =>
        revision === history.update ||
        owned.some(
          (pod) => pod.metadata.labels?.[revisionLabel] === revision.metadata.labels?.[revisionLabel],
        ),
    });
    const waits = owned
      .map((pod) => availableInMs(pod, owner.spec.minReadySeconds ?? 0, state.nowMs) ?? 0)
      .filter((wait) => wait > 0);
    // One second more, since timestamps have whole seconds.
    if (waits.length > 0) queue.addAfter(key, Math.min(...waits) + 1_000);
  }

  async function act(state: DaemonState): Promise<void> {
    const { daemonSet: owner } = state;
    const uid = owner.metadata.uid as string;
    const plan = planOf(state);
    const remove = plan.remove.slice(0, burstPods);
    const places = plan.create.slice(0, burstPods);
    const scope = inNamespace(podResource, owner.metadata.namespace);
    for (const pod of plan.failed) {
      const { namespace, name } = pod.metadata;
      const message = `Found failed daemon pod ${namespace}/${name} on node ${pod.spec?.nodeName}, will try to kill it`;
      recorder.event(owner, "Warning", "FailedDaemonPod", message);
    }
    expectations.expectDeletions(
      uid,
      remove.map((pod) => pod.metadata.uid as string),
    );
    for (const pod of remove) {
      const name = pod.metadata.name as string;
      try {
        await client.delete(scope, name, { preconditions: { uid: pod.metadata.uid as string } });
        recorder.event(owner, "Normal", "SuccessfulDelete", `Deleted pod: ${name}`);
      } catch (error) {
        expectations.deleted(uid, pod.metadata.uid as string);
        if (!isNotFound(error)) throw error;
      }
    }
    expectations.expectCreations(uid, places.length);
    for (let made = 0; made < places.length; made++) {
      try {
        const created = await client.create(scope, daemonPod(owner, places[made] as string, state.hash));
        recorder.event(owner, "Normal", "SuccessfulCreate", `Created pod: ${created.metadata.name}`);
      } catch (error) {
        // What failed and what was not tried will never be seen by the informer.
        for (; made < places.length; made++) expectations.created(uid);
        if (isNamespaceTerminating(error)) return;
        recorder.event(owner, "Warning", "FailedCreate", `Error creating: ${errorText(error)}`);
        throw error;
      }
    }
  }

  async function writeStatus(owner: KubeObject, status: object): Promise<void> {
    const view = (value: object): string =>
      JSON.stringify(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
    if (view(owner.status ?? {}) === view(status)) return;
    const scope = inNamespace(daemonSets, owner.metadata.namespace);
    try {
      written.note(await client.update(scope, { ...owner, status: { ...status } }, "status"));
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  return { run: () => workUntil(signal, queue) };
}

function statusOf(state: DaemonState): object {
  const { daemonSet, nodes, pods, hash } = state;
  const placed = byNode(pods);
  const counts = { desired: 0, current: 0, misscheduled: 0, ready: 0, updated: 0, available: 0 };
  for (const node of nodes) {
    const here = placed.get(node.metadata.name as string) ?? [];
    if (!fitOf(daemonSet, node).shouldRun) {
      if (here.length > 0) counts.misscheduled++;
      continue;
    }
    counts.desired++;
    if (here.length === 0) continue;
    counts.current++;
    if (here.some((pod) => isPodReady(pod) && !isTerminating(pod))) counts.ready++;
    if (here.some((pod) => isAvailable(state, pod))) counts.available++;
    if (here.some((pod) => pod.metadata.labels?.[revisionLabel] === hash && !isTerminating(pod)))
      counts.updated++;
  }
  const unavailable = counts.desired - counts.available;
  const { collisionCount, conditions } = daemonSet.status ?? {};
  return {
    currentNumberScheduled: counts.current,
    numberMisscheduled: counts.misscheduled,
    desiredNumberScheduled: counts.desired,
    numberReady: counts.ready,
    observedGeneration: daemonSet.metadata.generation ?? 0,
    ...(counts.updated > 0 ? { updatedNumberScheduled: counts.updated } : {}),
    ...(counts.available > 0 ? { numberAvailable: counts.available } : {}),
    ...(unavailable > 0 ? { numberUnavailable: unavailable } : {}),
    ...(collisionCount === undefined ? {} : { collisionCount }),
    ...(conditions === undefined ? {} : { conditions }),
  };
}

function daemonPod(owner: KubeObject, nodeName: string, hash: string): KubeObject {
  const { metadata, spec } = owner.spec.template as KubeObject;
  const { labels, annotations, finalizers } = metadata ?? {};
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      generateName: `${owner.metadata.name}-`,
      namespace: owner.metadata.namespace as string,
      labels: {
        ...labels,
        [revisionLabel]: hash,
        [templateGenerationLabel]: owner.metadata.annotations?.[templateGenerationAnnotation] ?? "1",
      },
      ...(annotations === undefined ? {} : { annotations }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ownerReferences: [controllerReference(owner, "apps/v1", "DaemonSet")],
    },
    spec: {
      ...spec,
      affinity: affinityFor(spec.affinity, nodeName),
      tolerations: tolerationsOf(spec),
    },
  };
}

function selectorOf(owner: KubeObject): (labels: Record<string, string> | undefined) => boolean {
  const selector = selectorFromObject(owner.spec?.selector);
  return (labels) => !selector.empty && selector.matches(labels);
}
