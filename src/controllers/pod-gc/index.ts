import type { KubeObject } from "../../apimachinery/index.ts";
import { createWorkqueue, keyOf, splitKey } from "../../client/index.ts";
import type { ControllerContext, ControllerDescriptor } from "../context.ts";
import { workUntil } from "../lifecycle.ts";
import { isNotFound } from "../owners.ts";
import { isPodTerminal, withCondition } from "../pods.ts";
import { inNamespace, isTerminating, nodes, pods as podResource } from "../resources.ts";

/**
 * Removes pods that nobody else will: those bound to a node that does not exist (after a quarantine, since the node may be
 * made again), and those deleted before they were bound. pkg/controller/podgc.
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
      if (isTerminating(pod)) await remove(pod, false);
      return;
    }
    if (known.lister.get("", node) !== undefined) return;
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
      await remove(pod, true);
      if (pods.lister.byIndex(nodeIndex, node).length <= 1) missing.delete(node);
    }
  }

  async function remove(pod: KubeObject, lost: boolean): Promise<void> {
    const { namespace, name } = splitKey(keyOf(pod));
    const scope = inNamespace(podResource, namespace);
    try {
      if (lost && !isPodTerminal(pod)) await client.update(scope, failed(pod), "status");
      await client.delete(scope, name, {
        gracePeriodSeconds: 0,
        preconditions: { uid: pod.metadata.uid as string },
      });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** The pod as one whose node is gone: it failed, through no fault of its own. */
  function failed(pod: KubeObject): KubeObject {
    const conditions = withCondition(
      pod.status?.conditions,
      {
        type: "DisruptionTarget",
        status: "True",
        reason: "DeletionByPodGC",
        message: "PodGC: node no longer exists",
      },
      clock.now(),
    );
    return { ...pod, status: { ...pod.status, phase: "Failed", conditions } };
  }

  return { run: () => workUntil(signal, queue) };
}
