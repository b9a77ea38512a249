/**
 * Says of a node that fell silent that it is not ready: its conditions become Unknown, its taints keep new pods away and drive
 * old ones off (taint-eviction), and its pods are marked not ready, so that their addresses leave the Endpoints at
 * once. Keeps old labels true to those that replaced them. k8s.io/kubernetes/pkg/controller/nodelifecycle.
 *
 * How fast nodes are emptied, and when not at all, is the business of `zones.ts`.
 */
import type { KubeObject } from "../../apimachinery/index.ts";
import { createWorkqueue, type EventRecorder } from "../../client/index.ts";
import type { ControllerContext, ControllerDescriptor } from "../context.ts";
import { workUntil } from "../lifecycle.ts";
import { isNotFound } from "../owners.ts";
import { conditionOf, isPodReady, withCondition } from "../pods.ts";
import { inNamespace, leases, nodes, pods as podResource } from "../resources.ts";
import { Heartbeats, silencedConditions } from "./health.ts";
import { labelsFor } from "./labels.ts";
import { isBeingEmptied, taintsFor } from "./taints.ts";
import { EvictionZones, saysReady } from "./zones.ts";

export const nodeLifecycleController: ControllerDescriptor = {
  name: "node-lifecycle-controller",
  aliases: ["nodelifecycle"],
  create,
};

/** Where nodes keep their heartbeat Leases. */
const leaseNamespace = "kube-node-lease";

const nodeIndex = "node-name";

/** All nodes are counted no more often, however many of them change. Milliseconds. */
const countEveryMs = 1_000;
/** Key of a count that is due; no node has it. */
const count = "";

function create(context: ControllerContext): { run(): Promise<void> } {
  const { client, clock, log, signal, informers, settings } = context;
  const known = informers.informer(nodes);
  const heartbeats = new Heartbeats(clock, settings.nodeMonitorGracePeriodMs);
  const beating = informers.informer(inNamespace(leases, leaseNamespace));
  const pods = informers.informer(podResource);
  pods.addIndex(nodeIndex, (pod) => [pod.spec?.nodeName ?? ""]);
  const recorder: EventRecorder = context.recorder("node-controller");
  const queue = createWorkqueue({ name: "Node", clock, log, process: reconcile });
  const zones = new EvictionZones();
  let countedAt = Number.NEGATIVE_INFINITY;

  known.addHandler({
    add(node) {
      queue.add(node.metadata.name as string);
      tell(node, "RegisteredNode", (name) => `Registered Node ${name} in Controller`);
    },
    update(node, old) {
      if (heartbeatOnly(node, old)) heartbeats.leftMs(node, leaseOf(node.metadata.name as string));
      else queue.add(node.metadata.name as string);
    },
    delete(node) {
      heartbeats.forget(node.metadata.name as string);
      tell(node, "RemovingNode", (name) => `Removing Node ${name} from Controller`);
    },
  });
  beating.addHandler({
    update({ metadata }) {
      const name = metadata.name as string;
      const node = known.lister.get("", name);
      if (node === undefined) return;
      heartbeats.leftMs(node, leaseOf(name));
      if (conditionOf(node, "Ready")?.status === "Unknown") queue.add(name);
    },
  });
  pods.addHandler({
    // A pod that was reported ready by a node which is not is marked again.
    update(pod, old) {
      if (isPodReady(pod) && !isPodReady(old)) wakeUnready(pod);
    },
    add(pod) {
      if (isPodReady(pod)) wakeUnready(pod);
    },
  });

  function tell(node: KubeObject, reason: string, what: (name: string) => string): void {
    const name = node.metadata.name as string;
    recorder.event(node, "Normal", reason, `Node ${name} event: ${what(name)}`);
  }

  function wakeUnready(pod: KubeObject): void {
    const node = known.lister.get("", pod.spec?.nodeName ?? "");
    if (node !== undefined && isSilent(node)) queue.add(node.metadata.name as string);
  }

  function leaseOf(name: string): KubeObject | undefined {
    return beating.lister.get(leaseNamespace, name);
  }

  async function reconcile(name: string): Promise<void> {
    if (name === count) return judgeZones();
    let node = known.lister.get("", name);
    if (node === undefined) return;
    const left = heartbeats.leftMs(node, leaseOf(name));
    if (left > 0) queue.addAfter(name, Math.min(left + 1, settings.nodeMonitorPeriodMs * 10));
    else node = await silence(node);
    const ready = conditionOf(node, "Ready")?.status;
    judgeZones();
    const labels = labelsFor(node);
    const taints = taintsFor(node, mayEmpty(node), clock.now());
    if (labels !== undefined || taints !== undefined) {
      const { resourceVersion } = node.metadata;
      node = await client.patch(nodes, name, {
        type: "merge",
        body: {
          metadata: { resourceVersion, ...(labels && { labels }) },
          ...(taints && { spec: { taints: taints.length === 0 ? null : taints } }),
        },
      });
    }
    if (ready !== undefined && ready !== "True") await markPodsNotReady(name);
  }

  /** Writes that nothing was heard of the node; answers it as it is then. */
  async function silence(node: KubeObject): Promise<KubeObject> {
    const conditions = silencedConditions(node, clock.now());
    if (conditions === node.status?.conditions) return node;
    const wasReady = conditionOf(node, "Ready")?.status === "True";
    const next = await client.update(nodes, { ...node, status: { ...node.status, conditions } }, "status");
    const name = node.metadata.name as string;
    log.warn("a node fell silent", { node: name });
    if (wasReady) recorder.event(node, "Normal", "NodeNotReady", `Node ${name} status is now: NodeNotReady`);
    return next;
  }

  /** When what zones allow changes, all taints are looked at again. */
  function judgeZones(): void {
    const now = clock.monotonic();
    const waitMs = countedAt + countEveryMs - now;
    if (waitMs > 0) {
      queue.addAfter(count, waitMs);
      return;
    }
    countedAt = now;
    const all = known.lister.list();
    const isReady = (node: KubeObject): boolean =>
      saysReady(node) && heartbeats.leftMs(node, leaseOf(node.metadata.name as string)) > 0;
    const { allDown } = zones;
    if (!zones.judge(all, isReady, now)) return;
    if (zones.allDown !== allDown)
      log.warn(allDown ? "nodes are heard again" : "no node is ready: nobody is evicted", {
        nodes: all.length,
      });
    for (const node of all) queue.add(node.metadata.name as string);
  }

  /** Whether the node's pods are to be driven off, if it is not ready; comes back where it is not its turn yet. */
  function mayEmpty(node: KubeObject): boolean {
    if (zones.allDown) return false;
    const ready = conditionOf(node, "Ready")?.status;
    if (ready === undefined || ready === "True" || isBeingEmptied(node)) return true;
    const waitMs = zones.turn(node, clock.monotonic());
    if (Number.isFinite(waitMs) && waitMs > 0) queue.addAfter(node.metadata.name as string, waitMs);
    return waitMs === 0;
  }

  async function markPodsNotReady(node: string): Promise<void> {
    const marking = pods.lister.byIndex(nodeIndex, node).filter(isPodReady).map(markNotReady);
    const failed = (await Promise.allSettled(marking)).find((outcome) => outcome.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  async function markNotReady(pod: KubeObject): Promise<void> {
    const ready = conditionOf(pod, "Ready");
    if (ready === undefined) return;
    const conditions = withCondition(pod.status.conditions, { ...ready, status: "False" }, clock.now());
    const scope = inNamespace(podResource, pod.metadata.namespace);
    recorder.event(pod, "Warning", "NodeNotReady", "Node is not ready");
    try {
      await client.update(scope, { ...pod, status: { ...pod.status, conditions } }, "status");
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  return { run: () => workUntil(signal, queue) };
}

/** Nothing but the time of the heartbeat is new: most of what nodes write. */
function heartbeatOnly(node: KubeObject, old: KubeObject): boolean {
  if (JSON.stringify(node.spec ?? {}) !== JSON.stringify(old.spec ?? {})) return false;
  if (JSON.stringify(node.metadata.labels ?? {}) !== JSON.stringify(old.metadata.labels ?? {})) return false;
  const statuses = (object: KubeObject): string =>
    JSON.stringify(
      ((object.status?.conditions ?? []) as { type: string; status: string }[]).map(({ type, status }) => [
        type,
        status,
      ]),
    );
  return statuses(node) === statuses(old);
}

function isSilent(node: KubeObject): boolean {
  return conditionOf(node, "Ready")?.status === "Unknown";
}
