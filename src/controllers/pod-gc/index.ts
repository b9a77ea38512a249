import type { KubeObject } from "../../apimachinery/index.ts";
import { createWorkqueue, keyOf, splitKey } from "../../client/index.ts";
import type { ControllerContext, ControllerDescriptor } from "../context.ts";
import { workUntil } from "../lifecycle.ts";
import type { Taint } from "../node-lifecycle/taints.ts";
import { isNotFound } from "../owners.ts";
import { conditionOf, isPodTerminal, withCondition } from "../pods.ts";
import { inNamespace, isTerminating, nodes, pods as podResource } from "../resources.ts";

/**
 * Removes pods that nobody else will: those bound to a node that does not exist (after a quarantine, since the node may be
 * made again), those deleted before they were bound, and those deleted on a node that is out of service. pkg/controller/podgc.
 */
export const podGarbageCollector: ControllerDescriptor = {
  name: "pod-garbage-collector-controller",
  aliases: ["podgc"],
  create,
};

const nodeIndex = "node-name";

function create(context: ControllerContext): { run(): Promise<void> } {
  const { client, clock, log, signal, informers, settings } = context;
  const known = informers.informer(nodes);
  const pods = informers.informer(podResource);
  pods.addIndex(nodeIndex, (pod) => [pod.spec?.nodeName ?? ""]);
  /** Missing nodes, and since when, monotonic milliseconds. */
  const missing = new Map<string, number>();
  const queue = createWorkqueue({ name: "pod garbage", clock, log, process: reconcile });

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
    add: (pod) => queue.add(keyOf(pod)),
    update(pod, old) {
      if (pod.spec?.nodeName !== old.spec?.nodeName || isTerminating(pod) !== isTerminating(old))
        queue.add(keyOf(pod));
    },
  });

  async function reconcile(key: string): Promise<void> {
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

/** Not ready, and somebody says that it will not come back as it was. */
function isOutOfService(node: KubeObject): boolean {
  const taints = (node.spec?.taints ?? []) as Taint[];
  return (
    conditionOf(node, "Ready")?.status !== "True" &&
    taints.some(({ key }) => key === "node.kubernetes.io/out-of-service")
  );
}
