import type { KubeObject } from "../../apimachinery/index.ts";
import { createWorkqueue, keyOf, splitKey } from "../../client/index.ts";
import type { ControllerContext, ControllerDescriptor } from "../context.ts";
import { workUntil } from "../lifecycle.ts";
import { hasOutOfServiceTaint } from "../node-lifecycle/taints.ts";
import { isNotFound } from "../owners.ts";
import { conditionOf, createdMs, isPodTerminal, withCondition } from "../pods.ts";
import { inNamespace, isTerminating, nodes, pods as podResource } from "../resources.ts";

/**
 * Removes pods that nobody else will: those bound to a node that does not exist (after a quarantine, since the node may be
 * made again), those deleted before they were bound, those deleted on a node that is out of service, and the oldest finished ones when there
 * are many. pkg/controller/podgc.
 */
export const podGarbageCollector: ControllerDescriptor = {
  name: "pod-garbage-collector-controller",
  aliases: ["podgc"],
  create,
};

const nodeIndex = "node-name";
const finishedIndex = "finished";
const finished = "yes";
/** How long finished pods gather until they are counted. Milliseconds. */
const countEveryMs = 20_000;
/** Key of that count; no pod has it. */
const count = "";

function create(context: ControllerContext): { run(): Promise<void> } {
  const { client, clock, log, signal, informers, settings } = context;
  const known = informers.informer(nodes);
  const pods = informers.informer(podResource);
  pods.addIndex(nodeIndex, (pod) => [pod.spec?.nodeName ?? ""]);
  /** Missing nodes, and since when, monotonic milliseconds. */
  const missing = new Map<string, number>();
  const queue = createWorkqueue({ name: "pod garbage", clock, log, process: reconcile });

  pods.addIndex(finishedIndex, (pod) => (isPodTerminal(pod) ? [finished] : []));
  const countSoon = (): void => {
    if (settings.terminatedPodThreshold > 0) queue.addAfter(count, countEveryMs);
  };

  known.addHandler({
    add: ({ metadata }) => missing.delete(metadata.name as string),
    update(node, old) {
      if (!isOutOfService(node) || isOutOfService(old)) return;
      for (const pod of pods.lister.byIndex(nodeIndex, node.metadata.name as string)) queue.add(keyOf(pod));
    },
    delete({ metadata }) {
      const name = metadata.name as string;
      for (const pod of pods.lister.byIndex(nodeIndex, name)) queue.add(keyOf(pod));
    },
  });
  pods.addHandler({
    add(pod) {
      queue.add(keyOf(pod));
      if (isPodTerminal(pod)) countSoon();
    },
    update(pod, old) {
      if (isPodTerminal(pod) && !isPodTerminal(old)) countSoon();
      if (pod.spec?.nodeName !== old.spec?.nodeName || isTerminating(pod) !== isTerminating(old))
        queue.add(keyOf(pod));
    },
  });

  async function reconcile(key: string): Promise<void> {
    if (key === count) return await removeOldest();
    const pod = pods.lister.getByKey(key);
    if (pod === undefined) return;
    const node: string = pod.spec?.nodeName ?? "";
    if (node === "") {
      if (isTerminating(pod)) await remove(pod, undefined);
      return;
    }
    const present = known.lister.get("", node);
    if (present !== undefined) {
      // Nobody is there to say that the pod has ended.
      if (isTerminating(pod) && isOutOfService(present)) await remove(pod, undefined);
      return;
    }
    const now = clock.monotonic();
    const since = missing.get(node) ?? now;
    missing.set(node, since);
    const left = since + settings.podGcQuarantineMs - now;
    if (left > 0) {
      queue.addAfter(key, left);
      return;
    }
    try {
      await client.get(nodes, node);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      await remove(pod, "PodGC: node no longer exists");
      if (pods.lister.byIndex(nodeIndex, node).length <= 1) missing.delete(node);
    }
  }

  /** Those that were evicted come first: nobody counts them. */
  async function removeOldest(): Promise<void> {
    const all = pods.lister.byIndex(finishedIndex, finished);
    const surplus = all.length - settings.terminatedPodThreshold;
    if (surplus <= 0) return;
    log.info("finished pods are deleted", { pods: surplus });
    all.sort(
      (a, b) =>
        Number(isEvicted(b)) - Number(isEvicted(a)) ||
        createdMs(a) - createdMs(b) ||
        (keyOf(a) < keyOf(b) ? -1 : 1),
    );
    for (const pod of all.slice(0, surplus)) await remove(pod, undefined);
  }

  /** `disruption`: what the pod's condition is to say of it. */
  async function remove(pod: KubeObject, disruption: string | undefined): Promise<void> {
    const { namespace, name } = splitKey(keyOf(pod));
    const scope = inNamespace(podResource, namespace);
    try {
      if (!isPodTerminal(pod)) await client.update(scope, failed(pod, disruption), "status");
      await client.delete(scope, name, {
        gracePeriodSeconds: 0,
        preconditions: { uid: pod.metadata.uid as string },
      });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** The pod as one that failed, through no fault of its own. */
  function failed(pod: KubeObject, disruption: string | undefined): KubeObject {
    const status = { ...pod.status, phase: "Failed" };
    if (disruption === undefined) return { ...pod, status };
    const { generation } = pod.metadata;
    const condition = {
      type: "DisruptionTarget",
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      status: "True" as const,
      reason: "DeletionByPodGC",
      message: disruption,
    };
    const conditions = withCondition(pod.status?.conditions, condition, clock.now());
    return { ...pod, status: { ...status, conditions } };
  }

  return { run: () => workUntil(signal, queue) };
}

function isEvicted({ status }: KubeObject): boolean {
  return status?.phase === "Failed" && status.reason === "Evicted";
}

/** Not ready, and somebody says that it will not come back as it was. */
function isOutOfService(node: KubeObject): boolean {
  return conditionOf(node, "Ready")?.status !== "True" && hasOutOfServiceTaint(node);
}
