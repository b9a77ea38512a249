/**
 * Binds pods to nodes. A pod that fits nowhere waits, unbound and with the reason in its PodScheduled condition, until something
 * changes that could help it: a node, or a pod that leaves one. Choices are made one after the other on a picture of the
 * cluster that includes bindings still under way, so two pods never get the same last place.
 */
import type { KubeObject } from "../../apimachinery/index.ts";
import { createWorkqueue, keyOf, splitKey } from "../../client/index.ts";
import type { ControllerContext, ControllerDescriptor } from "../context.ts";
import { workUntil } from "../lifecycle.ts";
import { isNotFound } from "../owners.ts";
import { conditionOf, isPodTerminal, withCondition } from "../pods.ts";
import {
  inNamespace,
  isTerminating,
  namespaces,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  podDisruptionBudgets,
  pods as podResource,
  storageClasses,
} from "../resources.ts";
import { boundByController, selectedNode } from "../volume/matching.ts";
import {
  type Cure,
  impossibleMessage,
  notNamed,
  type PodNeeds,
  type Refusal,
  refusalOf,
  unschedulableMessage,
} from "./filter.ts";
import { namedNodes } from "./node-affinity.ts";
import { type NodeUsage, Usage, usageAfter } from "./node-usage.ts";
import { type Placement, podAffinityFilter, podPreferences } from "./pod-affinity.ts";
import { type Candidate, findVictims, ineligible, priorityOf } from "./preemption.ts";
import { hostPorts, podRequests } from "./requests.ts";
import { pointsPerPod, scoreOf } from "./score.ts";
import { type VolumePlan, type VolumeRules, volumeRules } from "./volumes.ts";

export const scheduler: ControllerDescriptor = { name: "default-scheduler", aliases: ["scheduler"], create };

const schedulerName = "default-scheduler";

const everyCure: readonly Cure[] = ["node", "leaving", "coming", "volume", "device"];

/** Bindings under way at a time. */
const bindingsMax = 32;

/**
 * The best of so many nodes that can take a pod is good enough: what a pod costs must not grow with the cluster. Upstream looks at least at so
 * many, and at a share of the nodes that falls as they become more (numFeasibleNodesToFind).
 */
const feasibleNodesMax = 100;

function create(context: ControllerContext): { run(): Promise<void> } {
  const { client, clock, random, log, signal, informers } = context;
  const known = informers.informer(nodes);
  const pods = informers.informer(podResource);
  const spaces = informers.informer(namespaces);
  const claims = informers.informer(persistentVolumeClaims);
  const volumes = informers.informer(persistentVolumes);
  const classes = informers.informer(storageClasses);
  const budgets = informers.informer(podDisruptionBudgets);
  const recorder = context.recorder(schedulerName);
  const usage = new Usage();
  /** Where the search for the next pod's node begins, so that all nodes have their turn. */
  let nextNode = 0;
  /** Pods that the informer has shown on a node, by uid. */
  const shown = new Set<string>();
  /** Pods for which others had to go, and the node that is kept for each. */
  const nominated = new Map<string, { readonly pod: KubeObject; readonly node: string }>();
  /** Pods that fit nowhere when they were last tried, or wait for their volumes, and what could change that. */
  const unschedulable = new Map<string, ReadonlySet<Cure>>();
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
    node: (name) => known.lister.get("", name),
    podsOn: (node) => usage.of(node).pods.values(),
    repelling: () => usage.repelling(),
    namespaceLabels: (namespace) => spaces.lister.get("", namespace)?.metadata.labels,
  };

  pods.addHandler({ add: observe, update: observe, delete: gone });
  const retryForNode = (): void => retry("node");
  const retryForVolume = (): void => retry("volume");
  known.addHandler({
    add: retryForNode,
    update(node, old) {
      if (schedulingChanged(node, old)) retryForNode();
    },
    delete() {},
  });
  // Volumes that came, or are bound now, may be what a pod waits for.
  for (const informer of [claims, volumes, classes])
    informer.addHandler({ add: retryForVolume, update: retryForVolume });

  function observe(pod: KubeObject): void {
    const uid = pod.metadata.uid as string;
    const node: string = pod.spec?.nodeName ?? "";
    if (isPodTerminal(pod)) {
      nominated.delete(uid);
      usage.remove(uid);
      unschedulable.delete(keyOf(pod));
      retry("leaving");
    } else if (node !== "") {
      nominated.delete(uid);
      const came = !shown.has(uid);
      shown.add(uid);
      usage.place(pod, node);
      unschedulable.delete(keyOf(pod));
      if (came) retry("coming");
    } else if (isPending(pod) && !unschedulable.has(keyOf(pod))) {
      queue.add(keyOf(pod));
    }
  }

  function gone(pod: KubeObject): void {
    nominated.delete(pod.metadata.uid as string);
    usage.remove(pod.metadata.uid as string);
    unschedulable.delete(keyOf(pod));
    shown.delete(pod.metadata.uid as string);
    if ((pod.spec?.nodeName ?? "") !== "") retry("leaving");
  }

  /** Pods that this may help are tried again. */
  function retry(cure: Cure): void {
    for (const [key, cures] of unschedulable) {
      if (!cures.has(cure)) continue;
      unschedulable.delete(key);
      queue.add(key);
    }
  }

  async function schedule(key: string): Promise<void> {
    const pod = pods.lister.getByKey(key);
    // One that was bound a moment ago may still look as if it were not.
    if (pod === undefined || !isPending(pod) || usage.has(pod.metadata.uid as string)) return;
    const all = known.lister.list().filter((node) => !isTerminating(node));
    const rules = volumeRules(pod, {
      claims: claims.lister,
      volumes: volumes.lister,
      classes: classes.lister,
    });
    const named = namedNodes(pod);
    if (named === "conflict") {
      return await refuse(pod, impossibleMessage("pod affinity terms conflict", all.length), []);
    }
    if (rules?.impossible !== undefined) {
      return await refuse(pod, impossibleMessage(rules.impossible, all.length), ["volume"]);
    }
    // From here to `usage.place` nothing may wait: the picture must not change between looking and taking.
    const needs = needsOf(pod, placement);
    const preferences = podPreferences(pod, placement);
    const refusals = new Map<KubeObject, Refusal>();
    let best: { node: KubeObject; score: number } | undefined;
    let feasible = 0;
    for (let i = 0; i < all.length && feasible < feasibleNodesMax; i++) {
      const node = all[(nextNode + i) % all.length] as KubeObject;
      const used = usageFor(pod, node);
      const refusal =
        named?.has(node.metadata.name as string) === false
          ? notNamed
          : (refusalOf(needs, node, used) ?? volumeRefusal(rules, node));
      if (refusal !== undefined) refusals.set(node, refusal);
      else {
        feasible++;
        const wished = (preferences?.(node) ?? 0) / pointsPerPod;
        const score = scoreOf(pod, node, used) + wished + random.number() * 1e-6;
        if (best === undefined || score > best.score) best = { node, score };
      }
    }
    nextNode = (nextNode + feasible + refusals.size) % Math.max(1, all.length);
    if (best === undefined) return await makeRoom(pod, refusals);
    const plan = rules?.on(best.node);
    const name = best.node.metadata.name as string;
    if (plan !== undefined && typeof plan !== "string" && (await prepareVolumes(pod, plan, name))) {
      // Claims that change bring it back.
      unschedulable.set(key, new Set(["volume"]));
      return;
    }
    await bind(pod, name);
  }

  /** With the room that is kept for pods as important. */
  function usageFor(pod: KubeObject, node: KubeObject): NodeUsage {
    const used = usage.of(node.metadata.name as string);
    if (nominated.size === 0) return used;
    const kept = [...nominated.values()].filter(
      (one) =>
        one.node === node.metadata.name &&
        one.pod.metadata.uid !== pod.metadata.uid &&
        priorityOf(one.pod) >= priorityOf(pod),
    );
    return kept.length === 0 ? used : usageAfter(used, { plus: kept.map((one) => one.pod) });
  }

  /** True: something was written that has to be answered first. */
  async function prepareVolumes(pod: KubeObject, plan: VolumePlan, node: string): Promise<boolean> {
    const hasWork = plan.waiting || plan.bindings.length + plan.provisionings.length > 0;
    // Others see where it is to go while that takes its time.
    if (hasWork && pod.status?.nominatedNodeName !== node) {
      const scope = inNamespace(podResource, pod.metadata.namespace);
      const body = { status: { nominatedNodeName: node } };
      const name = pod.metadata.name as string;
      await client.patch(scope, name, { type: "strategic", body, subresource: "status" });
    }
    for (const { claim, volume } of plan.bindings) {
      const { namespace, name, uid, resourceVersion } = claim.metadata;
      const kind = "PersistentVolumeClaim";
      await client.update(persistentVolumes, {
        ...volume,
        metadata: {
          ...volume.metadata,
          annotations: { ...volume.metadata.annotations, [boundByController]: "yes" },
        },
        spec: { ...volume.spec, claimRef: { kind, namespace, name, uid, apiVersion: "v1", resourceVersion } },
      });
    }
    for (const claim of plan.provisionings) {
      const annotations = { ...claim.metadata.annotations, [selectedNode]: node };
      const scope = inNamespace(persistentVolumeClaims, claim.metadata.namespace);
      await client.update(scope, { ...claim, metadata: { ...claim.metadata, annotations } });
    }
    return hasWork;
  }

  /** A pod that fits nowhere may take the place of less important ones. */
  async function makeRoom(pod: KubeObject, refusals: ReadonlyMap<KubeObject, Refusal>): Promise<void> {
    const all = [...refusals.values()];
    const cures = all.length === 0 ? everyCure : all.flatMap((refusal) => refusal.cures);
    const own: string = pod.status?.nominatedNodeName ?? "";
    const why = ineligible(pod, own === "" ? undefined : usage.of(own));
    if (why !== undefined) return await refuse(pod, unschedulableMessage(all, why), cures);
    const candidate = findVictims({
      pod,
      nodes: [...refusals].filter(([, { final }]) => !final).map(([node]) => node),
      usageOf: (node) => usageFor(pod, node),
      fitsWithout: (node, victims) => fitsWithout(pod, node, victims),
      budgets: budgets.lister.list(),
    });
    if (candidate === undefined) return await refuse(pod, unschedulableMessage(all), cures);
    const node = candidate.node.metadata.name as string;
    nominated.set(pod.metadata.uid as string, { pod, node });
    // Whoever goes brings it back, also before its status is written.
    unschedulable.set(keyOf(pod), new Set(cures));
    await displace(pod, candidate);
    await refuse(pod, unschedulableMessage(all, ""), cures, node);
  }

  function fitsWithout(pod: KubeObject, node: KubeObject, victims: readonly KubeObject[]): boolean {
    const leaving = new Set(victims.map(({ metadata }) => metadata.uid));
    const needs = needsOf(pod, {
      nodes: placement.nodes,
      namespaceLabels: placement.namespaceLabels,
      node: placement.node,
      repelling: () =>
        [...placement.repelling()].filter(({ pod: { metadata } }) => !leaving.has(metadata.uid)),
      podsOn: (name) => [...placement.podsOn(name)].filter(({ metadata }) => !leaving.has(metadata.uid)),
    });
    return refusalOf(needs, node, usageAfter(usageFor(pod, node), { without: victims })) === undefined;
  }

  async function displace(pod: KubeObject, { node, victims }: Candidate): Promise<void> {
    for (const victim of victims) {
      if (isTerminating(victim)) continue;
      const { namespace, name } = splitKey(keyOf(victim));
      const scope = inNamespace(podResource, namespace);
      const { generation } = victim.metadata;
      const conditions = withCondition(
        victim.status?.conditions,
        {
          type: "DisruptionTarget",
          ...(generation === undefined ? {} : { observedGeneration: generation }),
          status: "True",
          reason: "PreemptionByScheduler",
          message: `${schedulerName}: preempting to accommodate a higher priority pod`,
        },
        clock.now(),
      );
      try {
        await client.update(scope, { ...victim, status: { ...victim.status, conditions } }, "status");
        await client.delete(scope, name, { preconditions: { uid: victim.metadata.uid as string } });
      } catch (error) {
        if (!isNotFound(error)) throw error;
        continue;
      }
      const text = `Preempted by pod ${pod.metadata.uid} on node ${node.metadata.name}`;
      recorder.action(victim, "Normal", "Preempted", "Preempting", text, pod);
    }
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

  async function refuse(
    pod: KubeObject,
    message: string,
    cures: readonly Cure[],
    nominatedNodeName?: string,
  ): Promise<void> {
    unschedulable.set(keyOf(pod), new Set(cures));
    recorder.action(pod, "Warning", "FailedScheduling", "Scheduling", message);
    const current = conditionOf(pod, "PodScheduled");
    const known = nominatedNodeName === undefined || pod.status?.nominatedNodeName === nominatedNodeName;
    if (current?.status === "False" && current.message === message && known) return;
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
      const status = { ...pod.status, conditions, ...(nominatedNodeName && { nominatedNodeName }) };
      await client.update(scope, { ...pod, status }, "status");
    } catch (error) {
      unschedulable.delete(keyOf(pod));
      if (!isNotFound(error)) throw error;
    }
  }

  return { run: () => workUntil(signal, queue) };
}

function needsOf(pod: KubeObject, placement: Placement): PodNeeds {
  return {
    pod,
    requests: podRequests(pod),
    ports: hostPorts(pod),
    affinity: podAffinityFilter(pod, placement),
  };
}

/** Others that go would not help. */
function volumeRefusal(rules: VolumeRules | undefined, node: KubeObject): Refusal | undefined {
  const verdict = rules?.on(node);
  if (typeof verdict !== "string") return undefined;
  return { reasons: [verdict], final: true, cures: ["node", "volume"] };
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

/** A change of a node that can make a pod fit. */
function schedulingChanged(node: KubeObject, old: KubeObject): boolean {
  const view = ({ metadata, spec, status }: KubeObject): string =>
    JSON.stringify([metadata.labels, spec?.taints, spec?.unschedulable, status?.allocatable]);
  return view(node) !== view(old);
}
