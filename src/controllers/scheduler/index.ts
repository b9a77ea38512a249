/**
 * Binds pods to nodes. A pod that fits nowhere waits, unbound and with the reason in its PodScheduled condition, until something
 * changes that could help it: a node, or a pod that leaves one. Choices are made one after the other on a picture of the
 * cluster that includes bindings still under way, so two pods never get the same last place.
 */
import { deepEqual, type KubeObject } from "../../apimachinery/index.ts";
import { createWorkqueue, keyOf } from "../../client/index.ts";
import type { ControllerContext, ControllerDescriptor } from "../context.ts";
import type { Claim, DeviceClass, Slice } from "../devices/types.ts";
import { workUntil } from "../lifecycle.ts";
import { isNotFound } from "../owners.ts";
import { isPodTerminal } from "../pods.ts";
import {
  deviceClasses,
  isTerminating,
  namespaces,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  podDisruptionBudgets,
  pods as podResource,
  resourceClaims,
  resourceSlices,
  storageClasses,
} from "../resources.ts";
import { DeviceClaims, DeviceError, type DevicePlan, type DeviceRules } from "./devices/index.ts";
import {
  type Cure,
  impossibleMessage,
  notNamed,
  type PodNeeds,
  type Refusal,
  refusalOf,
  unschedulableMessage,
  withoutDevicesMessage,
} from "./filter.ts";
import { namedNodes } from "./node-affinity.ts";
import { isOfInterest, nodeMayHelp } from "./node-change.ts";
import { type NodeUsage, Usage, usageAfter } from "./node-usage.ts";
import { type Placement, podAffinityFilter, podPreferences } from "./pod-affinity.ts";
import { PodWrites, type RefusalReason, schedulerName } from "./pod-writes.ts";
import { findVictims, ineligible, priorityOf } from "./preemption.ts";
import { hostPorts, podRequests } from "./requests.ts";
import { pointsPerPod, scoreOf } from "./score.ts";
import { type VolumeRules, volumeRules } from "./volumes.ts";
import { WaitingPods } from "./waiting.ts";

export const scheduler: ControllerDescriptor = { name: "default-scheduler", aliases: ["scheduler"], create };

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
  const deviceClaims = informers.informer<Claim>(resourceClaims);
  const slices = informers.informer<Slice>(resourceSlices);
  const deviceKinds = informers.informer<DeviceClass>(deviceClasses);
  const devices = new DeviceClaims({
    client,
    claims: deviceClaims.lister,
    slices: slices.lister,
    classes: deviceKinds.lister,
  });
  const usage = new Usage();
  /** Where the search for the next pod's node begins, so that all nodes have their turn. */
  let nextNode = 0;
  /** Pods that the informer has shown on a node, by uid. */
  const shown = new Set<string>();
  /** Pods for which others had to go, and the node that is kept for each. */
  const nominated = new Map<string, { readonly pod: KubeObject; readonly node: string }>();
  const waiting = new WaitingPods((key) => queue.add(key));
  const writes = new PodWrites({ client, clock, recorder: context.recorder(schedulerName) });
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

  pods.addHandler({ add: (pod) => observe(pod), update: observe, delete: gone });
  const retryForNode = (node: KubeObject, old?: KubeObject): void => {
    const change = { node, old };
    if (isOfInterest(change))
      waiting.retryWhere((key, cures) => {
        const pod = pods.lister.getByKey(key);
        return pod !== undefined && nodeMayHelp(pod, cures, change);
      });
  };
  const retryForVolume = (): void => waiting.retry("volume");
  known.addHandler({
    add: (node) => retryForNode(node),
    update: retryForNode,
    delete() {},
  });
  // Volumes that came, or are bound now, may be what a pod waits for.
  for (const informer of [claims, volumes, classes])
    informer.addHandler({ add: retryForVolume, update: retryForVolume });
  const retryForDevice = (): void => waiting.retry("device");
  for (const informer of [slices, deviceKinds])
    informer.addHandler({ add: retryForDevice, update: retryForDevice });
  const observeClaim = (claim: Claim): void => {
    devices.shown(claim);
    retryForDevice();
  };
  deviceClaims.addHandler({
    add: observeClaim,
    update: observeClaim,
    delete(claim) {
      devices.gone(claim);
      retryForDevice();
    },
  });

  function observe(pod: KubeObject, old?: KubeObject): void {
    const uid = pod.metadata.uid as string;
    const node: string = pod.spec?.nodeName ?? "";
    if (isPodTerminal(pod)) {
      nominated.delete(uid);
      usage.remove(uid);
      waiting.forget(keyOf(pod));
      waiting.retry("leaving");
    } else if (node !== "") {
      nominated.delete(uid);
      const came = !shown.has(uid);
      shown.add(uid);
      usage.place(pod, node);
      waiting.forget(keyOf(pod));
      if (came) waiting.retry("coming");
    } else if (isPending(pod)) {
      if (waiting.has(keyOf(pod))) waiting.changed(keyOf(pod), old !== undefined && asksForOther(pod, old));
      else queue.add(keyOf(pod));
    }
  }

  function gone(pod: KubeObject): void {
    nominated.delete(pod.metadata.uid as string);
    usage.remove(pod.metadata.uid as string);
    waiting.forget(keyOf(pod));
    shown.delete(pod.metadata.uid as string);
    if ((pod.spec?.nodeName ?? "") !== "") waiting.retry("leaving");
  }

  async function schedule(key: string): Promise<void> {
    const pod = pods.lister.getByKey(key);
    // One that was bound a moment ago may still look as if it were not.
    if (pod === undefined || !isPending(pod) || usage.has(pod.metadata.uid as string)) return;
    await devices.load(pod);
    // From here on nothing may wait until the pod is placed or waits: a node that changes meanwhile would help nobody.
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
    const claimed = devices.rules(pod);
    if (claimed?.impossible === "waits") {
      waiting.addIncomplete(key);
      return;
    }
    if (claimed?.impossible !== undefined) {
      return await refuse(pod, withoutDevicesMessage(claimed.impossible, all.length), ["device"]);
    }
    try {
      return await choose(pod, all, named, rules, claimed);
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error;
      const message = `running "DynamicResources" filter plugin: ${error.message}`;
      await refuse(pod, message, ["device"], { reason: "SchedulerError" });
      throw error;
    }
  }

  /** Finds the best node and binds the pod to it, or says why there is none. */
  async function choose(
    pod: KubeObject,
    all: readonly KubeObject[],
    named: ReadonlySet<string> | undefined,
    rules: VolumeRules | undefined,
    claimed: DeviceRules | undefined,
  ): Promise<void> {
    const key = keyOf(pod);
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
          : (refusalOf(needs, node, used) ?? volumeRefusal(rules, node) ?? deviceRefusal(claimed, node));
      if (refusal !== undefined) refusals.set(node, refusal);
      else {
        feasible++;
        const wished = (preferences?.(node) ?? 0) / pointsPerPod;
        const score = scoreOf(pod, node, used) + wished + random.number() * 1e-6;
        if (best === undefined || score > best.score) best = { node, score };
      }
    }
    nextNode = (nextNode + feasible + refusals.size) % Math.max(1, all.length);
    if (best === undefined) return await makeRoom(pod, refusals, claimed);
    const plan = rules?.on(best.node);
    const name = best.node.metadata.name as string;
    if (plan !== undefined && typeof plan !== "string" && (await writes.prepareVolumes(pod, plan, name))) {
      // Claims that change bring it back.
      waiting.add(key, ["volume"]);
      return;
    }
    const chosen = claimed?.on(best.node);
    await bind(pod, name, typeof chosen === "string" ? undefined : chosen);
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

  /** A pod that fits nowhere may take the place of less important ones. */
  async function makeRoom(
    pod: KubeObject,
    refusals: ReadonlyMap<KubeObject, Refusal>,
    claimed: DeviceRules | undefined,
  ): Promise<void> {
    const claims = claimed === undefined ? "claims none" : "claims devices";
    const all = [...refusals.values()];
    const cures = all.length === 0 ? everyCure : all.flatMap((refusal) => refusal.cures);
    const own: string = pod.status?.nominatedNodeName ?? "";
    const why = ineligible(pod, own === "" ? undefined : usage.of(own));
    if (why !== undefined) return await refuse(pod, unschedulableMessage(all, claims, why), cures);
    const candidate = findVictims({
      pod,
      nodes: [...refusals].filter(([, { final }]) => !final).map(([node]) => node),
      usageOf: (node) => usageFor(pod, node),
      fitsWithout: (node, victims) => fitsWithout(pod, node, victims),
      budgets: budgets.lister.list(),
    });
    if (candidate === undefined) return await refuse(pod, unschedulableMessage(all, claims), cures);
    const node = candidate.node.metadata.name as string;
    nominated.set(pod.metadata.uid as string, { pod, node });
    // Whoever goes brings it back, also before its status is written.
    waiting.add(keyOf(pod), cures);
    await writes.displace(pod, candidate);
    await refuse(pod, unschedulableMessage(all, claims, ""), cures, { node });
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

  async function bind(pod: KubeObject, node: string, plan: DevicePlan | undefined): Promise<void> {
    usage.place(pod, node);
    if (plan !== undefined) devices.reserve(plan);
    try {
      if (plan !== undefined) {
        await writes.nominate(pod, node);
        await devices.write(plan, pod);
      }
      await writes.bind(pod, node);
    } catch (error) {
      usage.remove(pod.metadata.uid as string);
      if (!isNotFound(error)) throw error;
    }
  }

  async function refuse(
    pod: KubeObject,
    message: string,
    cures: readonly Cure[],
    more: { readonly reason?: RefusalReason; readonly node?: string } = {},
  ): Promise<void> {
    waiting.add(keyOf(pod), cures);
    try {
      await writes.refuse(pod, more.reason ?? "Unschedulable", message, more.node);
    } catch (error) {
      waiting.forget(keyOf(pod));
      if (!isNotFound(error)) throw error;
    }
  }

  return { run: () => workUntil(signal, queue) };
}

/** Whether more of a pod changed than what is reported of it. */
function asksForOther({ metadata }: KubeObject, { metadata: old }: KubeObject): boolean {
  return metadata.generation !== old.generation || !deepEqual(metadata.labels ?? {}, old.labels ?? {});
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

/** Others that go would not help. */
function deviceRefusal(rules: DeviceRules | undefined, node: KubeObject): Refusal | undefined {
  const verdict = rules?.on(node);
  if (typeof verdict !== "string") return undefined;
  return { reasons: [verdict], final: true, cures: ["node", "device"] };
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
