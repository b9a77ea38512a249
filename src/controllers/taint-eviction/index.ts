import { type KubeObject, parseTime } from "../../apimachinery/index.ts";
import { createWorkqueue, keyOf, splitKey } from "../../client/index.ts";
import type { ControllerContext, ControllerDescriptor } from "../context.ts";
import { workUntil } from "../lifecycle.ts";
import type { Taint } from "../node-lifecycle/taints.ts";
import { isNotFound } from "../owners.ts";
import { withCondition } from "../pods.ts";
import { inNamespace, isTerminating, nodes, pods as podResource } from "../resources.ts";
import { type Toleration, tolerates } from "../scheduler/taints.ts";

/** Deletes pods from nodes whose NoExecute taints they do not tolerate, or no longer: pkg/controller/tainteviction. */
export const taintEvictionController: ControllerDescriptor = {
  name: "taint-eviction-controller",
  aliases: ["taint-eviction"],
  create,
};

const nodeIndex = "node-name";

function create(context: ControllerContext): { run(): Promise<void> } {
  const { client, clock, log, signal, informers } = context;
  const known = informers.informer(nodes);
  const pods = informers.informer(podResource);
  pods.addIndex(nodeIndex, (pod) => [pod.spec?.nodeName ?? ""]);
  const recorder = context.recorder("taint-eviction-controller");
  const queue = createWorkqueue({ name: "taint eviction", clock, log, process: reconcile });
  /** Pods that will go unless the taint does, and since when that is known, milliseconds since 1970. */
  const marked = new Map<string, number>();

  known.addHandler({
    add: wakePods,
    update(node, old) {
      if (JSON.stringify(taintsOf(node)) !== JSON.stringify(taintsOf(old))) wakePods(node);
    },
  });
  pods.addHandler({
    add: wakeTainted,
    update(pod, old) {
      if (
        pod.spec?.nodeName !== old.spec?.nodeName ||
        pod.spec?.tolerations?.length !== old.spec?.tolerations?.length
      ) {
        wakeTainted(pod);
      }
    },
    delete: (pod) => marked.delete(keyOf(pod)),
  });

  function wakePods(node: KubeObject): void {
    for (const pod of pods.lister.byIndex(nodeIndex, node.metadata.name as string)) queue.add(keyOf(pod));
  }

  function wakeTainted(pod: KubeObject): void {
    const node = known.lister.get("", pod.spec?.nodeName ?? "");
    if (node !== undefined && taintsOf(node).length > 0) queue.add(keyOf(pod));
  }

  async function reconcile(key: string): Promise<void> {
    const pod = pods.lister.getByKey(key);
    if (pod === undefined || isTerminating(pod)) {
      marked.delete(key);
      return;
    }
    const node = known.lister.get("", pod.spec?.nodeName ?? "");
    const taints = node === undefined ? [] : taintsOf(node);
    const now = clock.now();
    const left = timeLeftMs(pod, taints, { nowMs: now, sinceMs: marked.get(key) ?? now });
    const cancel = (): void => {
      if (marked.delete(key))
        recorder.event(pod, "Normal", "TaintManagerEviction", `Cancelling deletion of Pod ${key}`);
    };
    if (left === undefined) {
      cancel();
    } else if (left > 0) {
      if (!marked.has(key)) marked.set(key, now);
      queue.addAfter(key, left);
    } else {
      // What was to come later comes at once instead.
      if (left === atOnce) cancel();
      recorder.event(pod, "Normal", "TaintManagerEviction", `Marking for deletion Pod ${key}`);
      await evict(pod);
      marked.delete(key);
    }
  }

  async function evict(pod: KubeObject): Promise<void> {
    const { namespace, name } = splitKey(keyOf(pod));
    const scope = inNamespace(podResource, namespace);
    const { generation } = pod.metadata;
    const conditions = withCondition(
      pod.status?.conditions,
      {
        type: "DisruptionTarget",
        ...(generation === undefined ? {} : { observedGeneration: generation }),
        status: "True",
        reason: "DeletionByTaintManager",
        message: "Taint manager: deleting due to NoExecute taint",
      },
      clock.now(),
    );
    try {
      await client.update(scope, { ...pod, status: { ...pod.status, conditions } }, "status");
      await client.delete(scope, name);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  return { run: () => workUntil(signal, queue) };
}

function taintsOf(node: KubeObject): Taint[] {
  return ((node.spec?.taints ?? []) as Taint[]).filter((taint) => taint.effect === "NoExecute");
}

/** What is left of the time of a pod that does not tolerate a taint at all. */
const atOnce = Number.NEGATIVE_INFINITY;

/** Milliseconds until the pod has to go; undefined where it may stay. A taint that does not say when it came did so at `sinceMs`. */
function timeLeftMs(
  pod: KubeObject,
  taints: readonly Taint[],
  { nowMs, sinceMs }: { readonly nowMs: number; readonly sinceMs: number },
): number | undefined {
  const tolerations = (pod.spec?.tolerations ?? []) as Toleration[];
  let left: number | undefined;
  for (const taint of taints) {
    const matching = tolerations.filter((toleration) => tolerates(toleration, taint));
    if (matching.length === 0) return atOnce;
    const seconds = matching
      .map((toleration) => toleration.tolerationSeconds)
      .filter((value) => value !== undefined)
      .map((value) => Math.max(0, value));
    if (seconds.length === 0) continue;
    const since = parseTime(taint.timeAdded ?? "") ?? sinceMs;
    const until = since + Math.min(...seconds) * 1_000 - nowMs;
    left = Math.min(left ?? Number.POSITIVE_INFINITY, until);
  }
  return left;
}
