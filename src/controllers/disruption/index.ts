import {
  deepEqual,
  type KubeObject,
  type LabelSelector,
  parseTime,
  SelectorError,
  scaledValue,
  selectorFromObject,
} from "../../apimachinery/index.ts";
import { createWorkqueue, keyOf } from "../../client/index.ts";
import type { ControllerContext, ControllerDescriptor } from "../context.ts";
import { workUntil } from "../lifecycle.ts";
import { controllerOf, isNotFound } from "../owners.ts";
import { type Condition, isPodReady, withCondition } from "../pods.ts";
import {
  deployments,
  inNamespace,
  isTerminating,
  podDisruptionBudgets,
  pods as podResource,
  replicaSets,
  replicationControllers,
  statefulSets,
} from "../resources.ts";

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

interface Budget extends KubeObject {
  spec?: {
    selector?: LabelSelector | null;
    minAvailable?: number | string;
    maxUnavailable?: number | string;
  };
}

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
  const owners = {
    ReplicaSet: informers.informer(replicaSets),
    ReplicationController: informers.informer(replicationControllers),
    StatefulSet: informers.informer(statefulSets),
  };
  const rollouts = informers.informer(deployments);
  const recorder = context.recorder("controllermanager");
  const queue = createWorkqueue({ name: "disruption", clock, log, process: reconcile });

  budgets.addHandler({
    add: (budget) => queue.add(keyOf(budget)),
    update: (budget) => queue.add(keyOf(budget)),
  });
  const wake = (pod: KubeObject): void => {
    for (const budget of budgets.lister.list(pod.metadata.namespace ?? "")) {
      if (selects(budget, pod)) queue.add(keyOf(budget));
    }
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
    const counts = expected(budget, covered);
    if (counts instanceof Error) {
      const failure = "Failed to calculate the number of expected pods";
      recorder.event(
        named(budget),
        "Warning",
        "CalculateExpectedPodCountFailed",
        `${failure}: ${counts.message}`,
      );
      await write(budget, { ...statusOf(budget), disruptionsAllowed: 0 }, counts.message);
      return;
    }
    const { disruptedPods, recheckInMs } = stillDisrupted(budget, covered);
    const healthy = covered.filter(
      (pod) =>
        !isTerminating(pod) && !Object.hasOwn(disruptedPods, pod.metadata.name as string) && isPodReady(pod),
    ).length;
    // Without expected pods nothing is allowed: their first may just be coming.
    const allowed = counts.expectedPods <= 0 ? 0 : Math.max(0, healthy - counts.desiredHealthy);
    await write(budget, { ...counts, currentHealthy: healthy, disruptionsAllowed: allowed, disruptedPods });
    if (recheckInMs !== undefined) queue.addAfter(key, recheckInMs);
  }

  function expected(
    { spec = {} }: Budget,
    covered: readonly KubeObject[],
  ): { expectedPods: number; desiredHealthy: number } | Error {
    const { minAvailable, maxUnavailable } = spec;
    if (maxUnavailable === undefined && typeof minAvailable === "number")
      return { expectedPods: covered.length, desiredHealthy: minAvailable };
    const scale = expectedScale(covered);
    if (scale instanceof Error) return scale;
    const share = scaledValue(maxUnavailable ?? minAvailable ?? 0, scale, true) ?? 0;
    const desiredHealthy = maxUnavailable === undefined ? share : Math.max(0, scale - share);
    return { expectedPods: scale, desiredHealthy };
  }

  /** How many pods those who control the covered ones want together; pods without a controller do not count. */
  function expectedScale(covered: readonly KubeObject[]): number | Error {
    const scales = new Map<string, number>();
    for (const pod of covered) {
      const reference = controllerOf(pod);
      if (reference === undefined || scales.has(reference.uid)) continue;
      const informer = owners[reference.kind as keyof typeof owners];
      const owner = informer?.lister.get(pod.metadata.namespace, reference.name);
      if (owner === undefined || owner.metadata.uid !== reference.uid)
        return new Error(`found no controllers for pod "${pod.metadata.name}"`);
      const above = controllerOf(owner);
      const rollout =
        above?.kind === "Deployment" ? rollouts.lister.get(owner.metadata.namespace, above.name) : undefined;
      const top = rollout?.metadata.uid === above?.uid ? (rollout ?? owner) : owner;
      scales.set(reference.uid, 0);
      scales.set(top.metadata.uid as string, top.spec?.replicas ?? 1);
    }
    return [...scales.values()].reduce((sum, scale) => sum + scale, 0);
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
        const text = `Pod was expected by PDB ${keyOf(budget)} to be deleted but it wasn't`;
        recorder.event({ ...pod, apiVersion: "v1", kind: "Pod" }, "Warning", "NotDeleted", text);
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
