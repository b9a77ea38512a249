/**
 * Follows HorizontalPodAutoscalers: every 15 seconds reads what the pods of each one's target use and sets the target's scale.
 * k8s.io/kubernetes/pkg/controller/podautoscaler. Without a metrics API it says so in its conditions, as upstream.
 */
import {
  deepEqual,
  formatTime,
  type KubeObject,
  parseLabelSelector,
  type Selector,
  SelectorError,
} from "../../apimachinery/index.ts";
import { createWorkqueue, errorText, keyOf, splitKey } from "../../client/index.ts";
import type { ControllerContext, ControllerDescriptor } from "../context.ts";
import { type DiscoveredResource, discover } from "../discovery.ts";
import { workUntil } from "../lifecycle.ts";
import { type Condition, withCondition } from "../pods.ts";
import { horizontalPodAutoscalers, inNamespace, pods as podResource } from "../resources.ts";
import { decide, type Memory, newMemory, remember } from "./behavior.ts";
import { evaluate, MetricFailure, type MetricResult } from "./metric-sources.ts";
import { createMetricsClient, milliOf } from "./metrics-client.ts";
import type { Autoscaler, AutoscalerStatus, ObjectReference, Tolerances } from "./types.ts";

export const autoscalerController: ControllerDescriptor = {
  name: "horizontal-pod-autoscaler-controller",
  aliases: ["horizontalpodautoscaling"],
  create,
};

/** Upstream's --horizontal-pod-autoscaler-sync-period. Milliseconds. */
const syncMs = 15_000;
const defaultTolerance = 0.1;

interface Scale extends KubeObject {
  spec: { replicas?: number };
  status: { replicas: number; selector?: string };
}

/** The target cannot be followed now; the conditions say why. */
class Unable extends Error {}

function create(context: ControllerContext): { run(): Promise<void> } {
  const { client, clock, log, signal, informers } = context;
  const autoscalers = informers.informer<Autoscaler>(horizontalPodAutoscalers);
  const pods = informers.informer(podResource);
  const recorder = context.recorder("horizontal-pod-autoscaler");
  const metrics = createMetricsClient(client);
  const memories = new Map<string, Memory>();
  /** Of the targets' pods, to find two autoscalers for one pod. */
  const selectors = new Map<string, Selector>();
  let known: readonly DiscoveredResource[] = [];
  const queue = createWorkqueue({ name: "autoscalers", clock, log, process });

  autoscalers.addHandler({
    // As upstream: not at once, as whoever made it may still be making its target.
    add: (autoscaler) => queue.addAfter(keyOf(autoscaler), syncMs),
    update() {},
    delete(autoscaler) {
      memories.delete(keyOf(autoscaler));
      selectors.delete(keyOf(autoscaler));
    },
  });

  async function process(key: string): Promise<void> {
    const autoscaler = autoscalers.lister.getByKey(key);
    if (autoscaler === undefined) return;
    try {
      await follow(key, autoscaler);
    } catch (error) {
      if (!(error instanceof Unable)) log.debug("an autoscaler failed", { key, error: errorText(error) });
    }
    queue.addAfter(key, syncMs);
  }

  async function follow(key: string, autoscaler: Autoscaler): Promise<void> {
    const nowMs = clock.now();
    const before: AutoscalerStatus = autoscaler.status ?? { desiredReplicas: 0, currentMetrics: null };
    const status: AutoscalerStatus = { ...before };
    const set = (type: string, value: Condition["status"], reason: string, message: string): void => {
      const kept = status.conditions?.find((condition) => condition.type === type);
      if (kept?.status === value && kept.reason === reason && kept.message === message) return;
      status.conditions = withCondition(status.conditions, { type, status: value, reason, message }, nowMs);
    };
    const write = async (): Promise<void> => {
      if (deepEqual(before, status)) return;
      const scope = inNamespace(horizontalPodAutoscalers, autoscaler.metadata.namespace);
      await client.update(scope, { ...autoscaler, status }, "status");
    };

    let target: { scale: Scale; resource: DiscoveredResource };
    try {
      target = await scaleOf(autoscaler);
    } catch (error) {
      recorder.event(autoscaler, "Warning", "FailedGetScale", errorText(error));
      const message = `the HPA controller was unable to get the target's current scale: ${errorText(error)}`;
      set("AbleToScale", "False", "FailedGetScale", message);
      await write();
      throw new Unable(message);
    }
    const { scale, resource } = target;
    const able = "the HPA controller was able to get the target's current scale";
    set("AbleToScale", "True", "SucceededGetScale", able);
    const current = scale.spec.replicas ?? 0;
    const memory = memories.get(key) ?? newMemory(current, nowMs);
    memories.set(key, memory);

    const minReplicas = autoscaler.spec.minReplicas ?? 1;
    let wanted = current;
    let why = "";
    status.currentReplicas = current;
    let results: (MetricResult | undefined)[] = [];
    if (current === 0 && minReplicas !== 0) {
      const disabled = "scaling is disabled since the replica count of the target is zero";
      set("ScalingActive", "False", "ScalingDisabled", disabled);
    } else if (current > autoscaler.spec.maxReplicas) {
      why = "Current number of replicas above Spec.MaxReplicas";
      wanted = autoscaler.spec.maxReplicas;
    } else if (current < minReplicas) {
      why = "Current number of replicas below Spec.MinReplicas";
      wanted = minReplicas;
    } else {
      const proposal = await propose(key, autoscaler, scale, set, nowMs);
      ({ results } = proposal);
      if (proposal.failure !== undefined) {
        status.currentMetrics = currentMetrics(results);
        await write();
        recorder.event(autoscaler, "Warning", "FailedComputeMetricsReplicas", proposal.failure);
        throw new Unable(proposal.failure);
      }
      const { best } = proposal;
      if (best.replicas > current) why = `${best.name} above target`;
      if (best.replicas < current) why = "All metrics below target";
      const decision = decide(autoscaler, memory, current, best.replicas, nowMs);
      set("AbleToScale", "True", decision.stable.reason, decision.stable.message);
      set("ScalingLimited", decision.limited.status, decision.limited.reason, decision.limited.message);
      wanted = decision.replicas;
    }
    if (wanted !== current) {
      try {
        const scope = inNamespace(resource, autoscaler.metadata.namespace);
        await client.update(scope, { ...scale, spec: { ...scale.spec, replicas: wanted } }, "scale");
      } catch (error) {
        const text = errorText(error);
        const failed = `New size: ${wanted}; reason: ${why}; error: ${text}`;
        recorder.event(autoscaler, "Warning", "FailedRescale", failed);
        const message = `the HPA controller was unable to update the target scale: ${text}`;
        set("AbleToScale", "False", "FailedUpdateScale", message);
        status.currentMetrics = currentMetrics(results);
        await write();
        throw new Unable(message);
      }
      const message = `the HPA controller was able to update the target scale to ${wanted}`;
      set("AbleToScale", "True", "SucceededRescale", message);
      recorder.event(autoscaler, "Normal", "SuccessfulRescale", `New size: ${wanted}; reason: ${why}`);
      remember(autoscaler, memory, current, wanted, nowMs);
      status.lastScaleTime = formatTime(nowMs);
    }
    status.desiredReplicas = wanted;
    status.currentMetrics = currentMetrics(results);
    await write();
  }

  /** The highest that any metric asks for; a failure where none says anything, or one that does not would be shrunk over. */
  async function propose(
    key: string,
    autoscaler: Autoscaler,
    scale: Scale,
    set: (type: string, status: Condition["status"], reason: string, message: string) => void,
    nowMs: number,
  ): Promise<
    { results: (MetricResult | undefined)[] } & (
      | { failure: undefined; best: MetricResult }
      | { failure: string; best?: undefined }
    )
  > {
    const specs = autoscaler.spec.metrics ?? [];
    const selected = selectPods(key, autoscaler, scale, set);
    if (typeof selected === "string") return { results: [], failure: selected };
    const namespace = autoscaler.metadata.namespace ?? "";
    const input = {
      client: metrics,
      namespace,
      selector: scale.status.selector ?? "",
      pods: selected,
      specReplicas: scale.spec.replicas ?? 0,
      statusReplicas: scale.status.replicas,
      tolerances: tolerancesOf(autoscaler),
      nowMs,
      resourceOf,
    };
    const results: (MetricResult | undefined)[] = [];
    const failures: MetricFailure[] = [];
    let best: MetricResult | undefined;
    for (const spec of specs) {
      let result: MetricResult | undefined;
      try {
        result = await evaluate(spec, input);
      } catch (error) {
        if (!(error instanceof MetricFailure)) throw error;
        recorder.event(autoscaler, "Warning", error.reason, error.cause);
        failures.push(error);
      }
      results.push(result);
      if (result !== undefined && (best === undefined || result.replicas > best.replicas)) best = result;
    }
    const [first] = failures;
    if (best === undefined || (first !== undefined && best.replicas < input.specReplicas)) {
      if (first !== undefined) {
        const message = `the HPA was unable to compute the replica count: ${first.cause}`;
        set("ScalingActive", "False", first.reason, message);
      }
      const share = `${failures.length} invalid out of ${specs.length}`;
      return { results, failure: `invalid metrics (${share}), first error is: ${first?.message ?? "none"}` };
    }
    const message = `the HPA was able to successfully calculate a replica count from ${best.name}`;
    set("ScalingActive", "True", "ValidMetricFound", message);
    return { results, failure: undefined, best };
  }

  /** The target's pods, or why they cannot be told. */
  function selectPods(
    key: string,
    autoscaler: Autoscaler,
    { status: { selector: text = "" } }: Scale,
    set: (type: string, status: Condition["status"], reason: string, message: string) => void,
  ): KubeObject[] | string {
    if (text === "") {
      recorder.event(autoscaler, "Warning", "SelectorRequired", "selector is required");
      set("ScalingActive", "False", "InvalidSelector", "the HPA target's scale is missing a selector");
      return "selector is required";
    }
    let selector: Selector;
    try {
      selector = parseLabelSelector(text);
    } catch (error) {
      if (!(error instanceof SelectorError)) throw error;
      const message = `couldn't convert selector into a corresponding internal selector object: ${error.message}`;
      recorder.event(autoscaler, "Warning", "InvalidSelector", message);
      set("ScalingActive", "False", "InvalidSelector", message);
      return message;
    }
    selectors.set(key, selector);
    const { namespace } = splitKey(key);
    const selected = pods.lister.list(namespace).filter(({ metadata }) => selector.matches(metadata.labels));
    const rivals = [...selectors]
      .filter(([other]) => splitKey(other).namespace === namespace)
      .filter(([, each]) => selected.some(({ metadata }) => each.matches(metadata.labels)))
      .map(([other]) => other);
    if (rivals.length < 2) return selected;
    const listed = rivals.sort().join(" ");
    const message = `pods by selector ${text} are controlled by multiple HPAs: [${listed}]`;
    recorder.event(autoscaler, "Warning", "AmbiguousSelector", message);
    set("ScalingActive", "False", "AmbiguousSelector", message);
    return message;
  }

  /** @throws StatusError, or an Error where nobody serves the target's kind */
  async function scaleOf(autoscaler: Autoscaler): Promise<{ scale: Scale; resource: DiscoveredResource }> {
    const { scaleTargetRef: reference } = autoscaler.spec;
    if (find(reference) === undefined) known = (await discover(client)).resources;
    const resource = find(reference);
    if (resource === undefined)
      throw new Error(`no matches for kind "${reference.kind}" in group "${groupOf(reference)}"`);
    const scope = inNamespace(resource, autoscaler.metadata.namespace);
    return { scale: await client.get<Scale>(scope, reference.name, "scale"), resource };
  }

  function find(reference: ObjectReference): DiscoveredResource | undefined {
    const group = groupOf(reference);
    return known.find((one) => one.group === group && one.kind === reference.kind);
  }

  function resourceOf(reference: ObjectReference): string {
    const found = find(reference);
    if (found === undefined) throw new Error(`no matches for kind "${reference.kind}"`);
    return found.group === "" ? found.resource : `${found.resource}.${found.group}`;
  }

  return { run: () => workUntil(signal, queue) };
}

function groupOf({ apiVersion = "" }: ObjectReference): string {
  const slash = apiVersion.indexOf("/");
  return slash === -1 ? "" : apiVersion.slice(0, slash);
}

/** One that failed is there all the same, without contents. */
function currentMetrics(results: readonly (MetricResult | undefined)[]): object[] | null {
  return results.length === 0 ? null : results.map((result) => result?.status ?? { type: "" });
}

function tolerancesOf({ spec: { behavior = {} } }: Autoscaler): Tolerances {
  const share = (text: string | undefined): number =>
    text === undefined ? defaultTolerance : milliOf(text) / 1_000;
  return { down: share(behavior.scaleDown?.tolerance), up: share(behavior.scaleUp?.tolerance) };
}
