/**
 * Binds pods to nodes. A pod that fits nowhere waits, unbound and with the reason in its PodScheduled condition, until something
 * changes that could help it: a node, or a pod that leaves one. Choices are made one after the other on a picture of the
 * cluster that includes bindings still under way, so two pods never get the same last place.
 */
import type { KubeObject } from "../../apimachinery/index.ts";
import { createWorkqueue, keyOf, splitKey } from "../../client/index.ts";
import type { ControllerContext, ControllerDescriptor } from "../context.ts";
import { workUntil } from "../lifecycle.ts";
import { controllerOf, isNotFound } from "../owners.ts";
import { conditionOf, isPodTerminal, withCondition } from "../pods.ts";
import { inNamespace, isTerminating, namespaces, nodes, pods as podResource } from "../resources.ts";
import { allocatableOf, type PodNeeds, type Refusal, refusalOf, unschedulableMessage } from "./filter.ts";
import { nodeAffinityScore } from "./node-affinity.ts";
import { type NodeUsage, Usage } from "./node-usage.ts";
import { type Placement, podAffinityFilter } from "./pod-affinity.ts";
import { hostPorts, podRequests } from "./requests.ts";
import { tolerates } from "./taints.ts";

export const scheduler: ControllerDescriptor = { name: "default-scheduler", aliases: ["scheduler"], create };

const schedulerName = "default-scheduler";

/** Bindings under way at a time. */
const bindingsMax = 32;

function create(context: ControllerContext): { run(): Promise<void> } {
  const { client, clock, random, log, signal, informers } = context;
  const known = informers.informer(nodes);
  const pods = informers.informer(podResource);
  const spaces = informers.informer(namespaces);
  const recorder = context.recorder(schedulerName);
  const usage = new Usage();
  /** Pods that fit nowhere when they were last tried. */
  const unschedulable = new Set<string>();
  const queue = createWorkqueue({
    name: "scheduler",
    clock,
    log,
    concurrency: bindingsMax,
    retryBaseMs: 20,
    retryMaxMs: 10_000,
    process: schedule,
  });
  const placement: Placement = {
    get nodes() {
      return known.lister.list();
    },
    podsOn: (node) => usage.of(node).pods.values(),
    namespaceLabels: (namespace) => spaces.lister.get("", namespace)?.metadata.labels,
  };

  pods.addHandler({ add: observe, update: observe, delete: gone });
  known.addHandler({
    add: retryAll,
    update(node, old) {
      if (schedulingChanged(node, old)) retryAll();
    },
    delete() {},
  });

  function observe(pod: KubeObject): void {
    const uid = pod.metadata.uid as string;
    const node: string = pod.spec?.nodeName ?? "";
    if (isPodTerminal(pod)) {
      usage.remove(uid);
      unschedulable.delete(keyOf(pod));
      retryAll();
    } else if (node !== "") {
      usage.place(pod, node);
      unschedulable.delete(keyOf(pod));
    } else if (isPending(pod) && !unschedulable.has(keyOf(pod))) {
      queue.add(keyOf(pod));
    }
  }

  function gone(pod: KubeObject): void {
    usage.remove(pod.metadata.uid as string);
    unschedulable.delete(keyOf(pod));
    if ((pod.spec?.nodeName ?? "") !== "") retryAll();
  }

  function retryAll(): void {
    for (const key of unschedulable) queue.add(key);
    unschedulable.clear();
  }

  async function schedule(key: string): Promise<void> {
    const pod = pods.lister.getByKey(key);
    if (pod === undefined || !isPending(pod)) return;
    // From here to `usage.place` nothing may wait: the picture must not change between looking and taking.
    const needs: PodNeeds = {
      pod,
      requests: podRequests(pod),
      ports: hostPorts(pod),
      affinity: podAffinityFilter(pod, placement),
    };
    const refusals: Refusal[] = [];
    let best: { node: KubeObject; score: number } | undefined;
    for (const node of known.lister.list()) {
      if (isTerminating(node)) continue;
      const used = usage.of(node.metadata.name as string);
      const refusal = refusalOf(needs, node, used);
      if (refusal !== undefined) refusals.push(refusal);
      else {
        const score = scoreOf(pod, node, used) + random.number() * 1e-6;
        if (best === undefined || score > best.score) best = { node, score };
      }
    }
    if (best === undefined) await refuse(pod, unschedulableMessage(refusals));
    else await bind(pod, best.node.metadata.name as string);
  }

  async function bind(pod: KubeObject, node: string): Promise<void> {
    const { namespace, name } = splitKey(keyOf(pod));
    const uid = pod.metadata.uid as string;
    usage.place(pod, node);
    try {
      await client.create(
        inNamespace(podResource, namespace),
        {
          apiVersion: "v1",
          kind: "Binding",
          metadata: { name, namespace, uid },
          target: { apiVersion: "v1", kind: "Node", name: node },
        },
        { name, subresource: "binding" },
      );
    } catch (error) {
      usage.remove(uid);
      if (isNotFound(error)) return;
      throw error;
    }
    recorder.action(
      pod,
      "Normal",
      "Scheduled",
      "Binding",
      `Successfully assigned ${namespace}/${name} to ${node}`,
    );
  }

  async function refuse(pod: KubeObject, message: string): Promise<void> {
    unschedulable.add(keyOf(pod));
    const current = conditionOf(pod, "PodScheduled");
    if (current?.status === "False" && current.message === message) return;
    recorder.action(pod, "Warning", "FailedScheduling", "Scheduling", message);
    const { generation } = pod.metadata;
    const conditions = withCondition(
      pod.status?.conditions,
      {
        type: "PodScheduled",
        ...(generation === undefined ? {} : { observedGeneration: generation }),
        status: "False",
        reason: "Unschedulable",
        message,
      },
      clock.now(),
    );
    try {
      const scope = inNamespace(podResource, pod.metadata.namespace);
      await client.update(scope, { ...pod, status: { ...pod.status, conditions } }, "status");
    } catch (error) {
      unschedulable.delete(keyOf(pod));
      if (!isNotFound(error)) throw error;
    }
  }

  return { run: () => workUntil(signal, queue) };
}

/** Waits for this scheduler. */
function isPending(pod: KubeObject): boolean {
  return (
    (pod.spec?.nodeName ?? "") === "" &&
    (pod.spec?.schedulerName ?? schedulerName) === schedulerName &&
    (pod.spec?.schedulingGates ?? []).length === 0 &&
    !isTerminating(pod) &&
    !isPodTerminal(pod)
  );
}

/** Higher is better: room left, few pods of the same owner, what the pod prefers, what the node would rather not. */
function scoreOf(pod: KubeObject, node: KubeObject, usage: NodeUsage): number {
  const allocatable = allocatableOf(node);
  let free = 0;
  let resources = 0;
  for (const resource of ["cpu", "memory", "pods"]) {
    const whole = Number(allocatable.get(resource) ?? 0n);
    if (whole === 0) continue;
    const used = resource === "pods" ? usage.pods.size * 1e9 : Number(usage.amounts.get(resource) ?? 0n);
    free += Math.max(0, 1 - used / whole);
    resources++;
  }
  const owner = controllerOf(pod)?.uid;
  let siblings = 0;
  if (owner !== undefined)
    for (const other of usage.pods.values()) if (controllerOf(other)?.uid === owner) siblings++;
  const tolerations = pod.spec?.tolerations ?? [];
  const avoided = ((node.spec?.taints ?? []) as Parameters<typeof tolerates>[1][]).filter(
    (taint) =>
      taint.effect === "PreferNoSchedule" &&
      !tolerations.some((toleration: Parameters<typeof tolerates>[0]) => tolerates(toleration, taint)),
  ).length;
  return (
    (resources === 0 ? 0 : free / resources) - siblings + nodeAffinityScore(pod, node) / 10 - 3 * avoided
  );
}

/** A change of a node that can make a pod fit. */
function schedulingChanged(node: KubeObject, old: KubeObject): boolean {
  const view = ({ metadata, spec, status }: KubeObject): string =>
    JSON.stringify([metadata.labels, spec?.taints, spec?.unschedulable, status?.allocatable]);
  return view(node) !== view(old);
}
