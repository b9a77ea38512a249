import {
  deepEqual,
  type KubeObject,
  parseTime,
  SelectorError,
  selectorFromObject,
} from "../../apimachinery/index.ts";
import { createWorkqueue, errorText, keyOf } from "../../client/index.ts";
import type { ControllerContext, ControllerDescriptor } from "../context.ts";
import { workUntil } from "../lifecycle.ts";
import { isNotFound } from "../owners.ts";
import { type Condition, isPodReady, withCondition } from "../pods.ts";
import { inNamespace, isTerminating, podDisruptionBudgets, pods as podResource } from "../resources.ts";
import { type Budget, type Expectation, expectationOf, unmanagedText } from "./expectation.ts";
import { createScales } from "./scales.ts";

/**
 * Keeps in each PodDisruptionBudget's status how many of its pods are healthy and how many may be disrupted now, which evictions
 * count down. k8s.io/kubernetes/pkg/controller/disruption.
 */
export const disruptionController: ControllerDescriptor = {
  name: "disruption-controller",
  aliases: ["disruption"],
  create,
};

/** An evicted pod that is still there after so long counts again. Milliseconds. */
const deletionTimeoutMs = 2 * 60_000;

interface Status {
  currentHealthy: number;
  desiredHealthy: number;
  expectedPods: number;
  disruptionsAllowed: number;
  disruptedPods?: Record<string, string>;
  observedGeneration?: number;
  conditions?: Condition[];
}

function create(context: ControllerContext): { run(): Promise<void> } {
  const { client, clock, log, signal, informers } = context;
  const budgets = informers.informer(podDisruptionBudgets);
  const pods = informers.informer(podResource);
  const scales = createScales({ client, informers });
  const recorder = context.recorder("controllermanager");
  const queue = createWorkqueue({ name: "disruption", clock, log, process: reconcile });

  budgets.addHandler({
    add: (budget) => queue.add(keyOf(budget)),
    update: (budget) => queue.add(keyOf(budget)),
  });
  const wake = (pod: KubeObject): void => {
    const own = budgets.lister.list(pod.metadata.namespace ?? "").filter((budget) => selects(budget, pod));
    for (const budget of own) queue.add(keyOf(budget));
    if (own.length < 2) return;
    const { namespace, name } = pod.metadata;
    const text = `Pod "${namespace}"/"${name}" matches multiple PodDisruptionBudgets.  Chose "${own[0]?.metadata.name}" arbitrarily.`;
    recorder.event(asPod(pod), "Warning", "MultiplePodDisruptionBudgets", text);
  };
  pods.addHandler({
    add: wake,
    update(pod, old) {
      wake(pod);
      if (!deepEqual(pod.metadata.labels, old.metadata.labels)) wake(old);
    },
    delete: wake,
  });

  async function reconcile(key: string): Promise<void> {
    const budget = budgets.lister.getByKey(key) as Budget | undefined;
    if (budget === undefined) return;
    const covered = pods.lister.list(budget.metadata.namespace ?? "").filter((pod) => selects(budget, pod));
    if (covered.length === 0) recorder.event(named(budget), "Normal", "NoPods", "No matching pods found");
    let counts: Expectation;
    try {
      counts = await expectationOf(budget, covered, scales);
    } catch (error) {
      const text = errorText(error);
      const failure = `Failed to calculate the number of expected pods: ${text}`;
      recorder.event(named(budget), "Warning", "CalculateExpectedPodCountFailed", failure);
      await write(budget, { ...statusOf(budget), disruptionsAllowed: 0 }, text);
      return;
    }
    const { hasUnmanaged, ...numbers } = counts;
    if (hasUnmanaged)
      recorder.event(named(budget), "Warning", "UnmanagedPods", unmanagedText(budget.spec?.selector));
    const { disruptedPods, recheckInMs } = stillDisrupted(budget, covered);
    const healthy = covered.filter(
      (pod) =>
        !isTerminating(pod) && !Object.hasOwn(disruptedPods, pod.metadata.name as string) && isPodReady(pod),
    ).length;
    // Without expected pods nothing is allowed: their first may just be coming.
    const allowed = counts.expectedPods <= 0 ? 0 : Math.max(0, healthy - counts.desiredHealthy);
    await write(budget, { ...numbers, currentHealthy: healthy, disruptionsAllowed: allowed, disruptedPods });
    if (recheckInMs !== undefined) queue.addAfter(key, recheckInMs);
  }

  /** Evicted pods that have not gone yet, but shall. */
  function stillDisrupted(
    budget: Budget,
    covered: readonly KubeObject[],
  ): { disruptedPods: Record<string, string>; recheckInMs: number | undefined } {
    const disruptedPods: Record<string, string> = {};
    let recheckInMs: number | undefined;
    const noted: Record<string, string> = budget.status?.disruptedPods ?? {};
    for (const pod of covered) {
      const name = pod.metadata.name as string;
      const since = Object.hasOwn(noted, name) ? noted[name] : undefined;
      if (since === undefined || isTerminating(pod)) continue;
      const left = (parseTime(since) ?? 0) + deletionTimeoutMs - clock.now();
      if (left <= 0) {
        const { namespace } = budget.metadata;
        // Upstream names the namespace twice.
        const text = `Pod was expected by PDB ${namespace}/${namespace} to be deleted but it wasn't`;
        recorder.event(asPod(pod), "Warning", "NotDeleted", text);
        continue;
      }
      disruptedPods[name] = since;
      recheckInMs = Math.min(recheckInMs ?? left, left);
    }
    return { disruptedPods, recheckInMs };
  }

  async function write(budget: Budget, counts: Status, failure?: string): Promise<void> {
    const { disruptedPods, ...numbers } = counts;
    const observedGeneration =
      failure === undefined ? budget.metadata.generation : budget.status?.observedGeneration;
    const status: Status = {
      ...numbers,
      ...(disruptedPods === undefined || Object.keys(disruptedPods).length === 0 ? {} : { disruptedPods }),
      ...(observedGeneration === undefined ? {} : { observedGeneration }),
    };
    status.conditions = withCondition(
      budget.status?.conditions,
      {
        type: "DisruptionAllowed",
        status: status.disruptionsAllowed > 0 ? "True" : "False",
        reason:
          failure !== undefined
            ? "SyncFailed"
            : status.disruptionsAllowed > 0
              ? "SufficientPods"
              : "InsufficientPods",
        message: failure ?? "",
        ...(observedGeneration === undefined ? {} : { observedGeneration }),
      },
      clock.now(),
    );
    if (deepEqual(budget.status, status)) return;
    const scope = inNamespace(podDisruptionBudgets, budget.metadata.namespace);
    try {
      await client.update(scope, { ...named(budget), status }, "status");
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  return { run: () => workUntil(signal, queue) };
}

function asPod(pod: KubeObject): KubeObject {
  return { ...pod, apiVersion: "v1", kind: "Pod" };
}

function named(budget: Budget): Budget {
  return { ...budget, apiVersion: "policy/v1", kind: "PodDisruptionBudget" };
}

function statusOf({ status }: Budget): Status {
  return {
    currentHealthy: status?.currentHealthy ?? 0,
    desiredHealthy: status?.desiredHealthy ?? 0,
    expectedPods: status?.expectedPods ?? 0,
    disruptionsAllowed: status?.disruptionsAllowed ?? 0,
    ...(status?.disruptedPods === undefined ? {} : { disruptedPods: status.disruptedPods }),
  };
}

/** No selector is nobody; an empty one is everybody. */
function selects({ spec, metadata }: Budget, pod: KubeObject): boolean {
  if (!spec?.selector || metadata.namespace !== pod.metadata.namespace) return false;
  try {
    return selectorFromObject(spec.selector).matches(pod.metadata.labels);
  } catch (error) {
    if (error instanceof SelectorError) return false;
    throw error;
  }
}
