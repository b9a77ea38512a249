/**
 * From measurements to a number of replicas, with upstream's care for pods that are not ready or not measured: they must never make a
 * change larger, or turn its direction. k8s.io/kubernetes/pkg/controller/podautoscaler/replica_calculator.go
 */
import { type KubeObject, parseTime } from "../../apimachinery/index.ts";
import { conditionOf, isPodReady } from "../pods.ts";
import { isTerminating } from "../resources.ts";
import { milliOf, type PodMetrics } from "./metrics-client.ts";
import { isWithin, type Tolerances } from "./types.ts";

/** A pod may use much CPU so long after its start. Milliseconds. */
const cpuInitializationMs = 5 * 60_000;
/** A pod that never was ready so long after its start counts as unready. Milliseconds. */
const initialReadinessMs = 30_000;

export interface Proposal {
  readonly replicas: number;
  /** Per cent of what was asked for; undefined where that makes no sense. */
  readonly utilization?: number;
  /** Of one pod on average, in thousandths. */
  readonly average: number;
}

interface Measured {
  readonly pods: readonly KubeObject[];
  readonly metrics: PodMetrics;
  /** `cpu` has rules of its own; "" for metrics that are no resource. */
  readonly resource: string;
  readonly currentReplicas: number;
  readonly tolerances: Tolerances;
  readonly nowMs: number;
}

/** Aims at a share of what the pods ask for. @throws Error in upstream's words */
export function replicasForUtilization(
  measured: Measured,
  targetPercent: number,
  container: string | undefined,
): Proposal {
  const requests = new Map(
    measured.pods.map((pod) => [pod.metadata.name ?? "", () => requestOf(pod, measured.resource, container)]),
  );
  const groups = group(measured);
  const asked = new Map([...requests].map(([name, read]) => [name, read()]));
  const ratioOf = (metrics: ReadonlyMap<string, number>) => utilizationOf(metrics, asked, targetPercent);
  const first = ratioOf(groups.metrics);
  const replicas = settle(measured, groups, ratioOf, first.ratio, (name) => {
    const percent = Math.max(100, targetPercent);
    return Math.trunc(((asked.get(name) ?? 0) * percent) / 100);
  });
  return { replicas, utilization: first.utilization, average: first.average };
}

/** Aims at a value of each pod. @throws Error in upstream's words */
export function replicasForAverage(measured: Measured, targetMilli: number): Proposal {
  const groups = group(measured);
  const ratioOf = (metrics: ReadonlyMap<string, number>) => {
    let sum = 0;
    for (const milli of metrics.values()) sum += milli;
    const average = Math.trunc(sum / metrics.size);
    return { ratio: average / targetMilli, average };
  };
  const first = ratioOf(groups.metrics);
  const replicas = settle(measured, groups, ratioOf, first.ratio, () => targetMilli);
  return { replicas, average: first.average };
}

/** Aims at a value of one thing, which grows with the number of ready pods. */
export function replicasForValue(
  measured: Omit<Measured, "metrics" | "resource" | "nowMs">,
  ratio: number,
): number {
  if (measured.currentReplicas === 0) return Math.ceil(ratio);
  if (isWithin(ratio, measured.tolerances)) return measured.currentReplicas;
  if (measured.pods.length === 0) throw new Error(`unable to calculate ready pods: ${noPods}`);
  const ready = measured.pods.filter((pod) => pod.status?.phase === "Running" && isPodReady(pod)).length;
  return Math.ceil(ratio * ready);
}

const noPods = "no pods returned by selector while calculating replica count";

interface Groups {
  readonly ready: number;
  readonly unready: ReadonlySet<string>;
  readonly missing: ReadonlySet<string>;
  /** Of the ready pods, in thousandths. */
  readonly metrics: Map<string, number>;
}

/** @throws Error where nothing can be said */
function group({ pods, metrics, resource, nowMs }: Measured): Groups {
  if (pods.length === 0) throw new Error(noPods);
  const kept = new Map([...metrics].map(([name, { milli }]) => [name, milli]));
  const unready = new Set<string>();
  const missing = new Set<string>();
  let ready = 0;
  for (const pod of pods) {
    const { name = "" } = pod.metadata;
    const phase: string | undefined = pod.status?.phase;
    if (isTerminating(pod) || phase === "Failed") kept.delete(name);
    else if (phase === "Pending") unready.add(name);
    else if (!metrics.has(name)) missing.add(name);
    else if (resource === "cpu" && !hasTellingCpu(pod, metrics, nowMs)) unready.add(name);
    else ready++;
  }
  for (const name of unready) kept.delete(name);
  if (kept.size === 0) throw new Error("did not receive metrics for targeted pods (pods might be unready)");
  return { ready, unready, missing, metrics: kept };
}

/** While it starts, a pod's CPU says nothing about its load. */
function hasTellingCpu(pod: KubeObject, metrics: PodMetrics, nowMs: number): boolean {
  const condition = conditionOf(pod, "Ready");
  const startedMs = parseTime(pod.status?.startTime ?? "");
  if (condition === undefined || startedMs === undefined) return false;
  const changedMs = parseTime(condition.lastTransitionTime ?? "") ?? 0;
  if (startedMs + cpuInitializationMs > nowMs) {
    const metric = metrics.get(pod.metadata.name ?? "");
    return condition.status !== "False" && (metric?.atMs ?? 0) >= changedMs + (metric?.windowMs ?? 0);
  }
  return condition.status !== "False" || startedMs + initialReadinessMs <= changedMs;
}

/** The number of replicas, once with what was measured and once with what was not, assumed so that it dampens the change. */
function settle(
  { currentReplicas, tolerances }: Measured,
  { ready, unready, missing, metrics }: Groups,
  ratioOf: (metrics: ReadonlyMap<string, number>) => { readonly ratio: number },
  ratio: number,
  whenShrinking: (pod: string) => number,
): number {
  const growsUnready = unready.size > 0 && ratio > 1;
  if (!growsUnready && missing.size === 0) {
    return isWithin(ratio, tolerances) ? currentReplicas : Math.ceil(ratio * ready);
  }
  const assumed = new Map(metrics);
  if (ratio < 1) for (const name of missing) assumed.set(name, whenShrinking(name));
  if (ratio > 1) for (const name of missing) assumed.set(name, 0);
  if (growsUnready) for (const name of unready) assumed.set(name, 0);
  const { ratio: dampened } = ratioOf(assumed);
  const turned = (ratio < 1 && dampened > 1) || (ratio > 1 && dampened < 1);
  if (isWithin(dampened, tolerances) || turned) return currentReplicas;
  const replicas = Math.ceil(dampened * assumed.size);
  const contrary =
    (dampened < 1 && replicas > currentReplicas) || (dampened > 1 && replicas < currentReplicas);
  return contrary ? currentReplicas : replicas;
}

function utilizationOf(
  metrics: ReadonlyMap<string, number>,
  requests: ReadonlyMap<string, number>,
  targetPercent: number,
): { ratio: number; utilization: number; average: number } {
  let used = 0;
  let requested = 0;
  let count = 0;
  for (const [name, milli] of metrics) {
    const request = requests.get(name);
    if (request === undefined) continue;
    used += milli;
    requested += request;
    count++;
  }
  if (requested === 0) throw new Error("no metrics returned matched known pods");
  const utilization = Math.trunc((used * 100) / requested);
  return { ratio: utilization / targetPercent, utilization, average: Math.trunc(used / count) };
}

interface ContainerSpec {
  name: string;
  restartPolicy?: string;
  resources?: { requests?: Record<string, string> };
}

/** What a pod, or one container of it, asks for, in thousandths. @throws Error in upstream's words */
function requestOf(pod: KubeObject, resource: string, only: string | undefined): number {
  const { name = "" } = pod.metadata;
  const whole: string | undefined = pod.spec?.resources?.requests?.[resource];
  if (only === undefined && whole !== undefined) return milliOf(whole);
  const sidecars = ((pod.spec?.initContainers ?? []) as ContainerSpec[]).filter(
    ({ restartPolicy }) => restartPolicy === "Always",
  );
  let sum = 0;
  for (const container of [...((pod.spec?.containers ?? []) as ContainerSpec[]), ...sidecars]) {
    if (only !== undefined && container.name !== only) continue;
    const request = container.resources?.requests?.[resource];
    if (request === undefined) {
      throw new Error(`missing request for ${resource} in container ${container.name} of Pod ${name}`);
    }
    sum += milliOf(request);
    if (only !== undefined) return sum;
  }
  if (only !== undefined) throw new Error(`container ${only} not found in Pod ${name}`);
  return sum;
}
