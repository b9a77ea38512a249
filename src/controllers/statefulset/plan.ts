/** Which pod of a StatefulSet is to be made or deleted next: the order is what a StatefulSet is about. Pure. */
import { type IntOrString, type KubeObject, scaledValue } from "../../apimachinery/index.ts";
import { availableInMs, isPodReady, isPodTerminal } from "../pods.ts";
import { isTerminating } from "../resources.ts";
import { ordinalOf, revisionOf } from "./identity.ts";

export type Step =
  | { readonly do: "create"; readonly ordinal: number }
  | { readonly do: "delete"; readonly pod: KubeObject }
  /** Its claims may be missing: it cannot start without. */
  | { readonly do: "make-claims"; readonly pod: KubeObject }
  /** Its claims may follow somebody else than they should. */
  | { readonly do: "keep-claims"; readonly pod: KubeObject; readonly scaledDown: boolean };

export interface SetState {
  readonly set: KubeObject;
  readonly pods: readonly KubeObject[];
  readonly updateRevision: string;
  readonly nowMs: number;
}

export function isAvailable({ set, nowMs }: SetState, pod: KubeObject): boolean {
  return isHealthy(pod) && availableInMs(pod, set.spec.minReadySeconds ?? 0, nowMs) === 0;
}

/** Runs, is ready and stays. */
function isHealthy(pod: KubeObject): boolean {
  return pod.status?.phase === "Running" && isPodReady(pod) && !isTerminating(pod);
}

export function firstOrdinal(set: KubeObject): number {
  return set.spec.ordinals?.start ?? 0;
}

function wantedReplicas(set: KubeObject): number {
  return set.spec.replicas ?? 1;
}

/** One step at a time with OrderedReady, all that are possible with Parallel. */
export function stepsOf(state: SetState): Step[] {
  const { set } = state;
  const parallel = set.spec.podManagementPolicy === "Parallel";
  const first = firstOrdinal(set);
  const end = first + wantedReplicas(set);
  const byOrdinal = new Map(state.pods.map((pod) => [ordinalOf(set, pod), pod]));
  const steps: Step[] = [];
  for (let ordinal = first; ordinal < end; ordinal++) {
    const pod = byOrdinal.get(ordinal);
    if (pod === undefined) steps.push({ do: "create", ordinal });
    else if (isPodTerminal(pod)) {
      if (!isTerminating(pod)) steps.push({ do: "delete", pod });
    } else {
      if (pod.status?.phase === "Pending") steps.push({ do: "make-claims", pod });
      if (parallel || isAvailable(state, pod)) {
        steps.push({ do: "keep-claims", pod, scaledDown: false });
        continue;
      }
    }
    // In order: the next waits for this one.
    if (!parallel) return steps;
  }
  const condemned = [...byOrdinal]
    .filter(([ordinal]) => ordinal >= 0 && (ordinal < first || ordinal >= end))
    .sort(([a], [b]) => b - a)
    .map(([, pod]) => pod);
  for (const pod of condemned) steps.push({ do: "keep-claims", pod, scaledDown: true });
  const firstUnhealthy = [...condemned].reverse().find((pod) => !isHealthy(pod));
  for (const pod of condemned) {
    if (isTerminating(pod)) {
      if (!parallel) return steps;
      continue;
    }
    if (!parallel && !isAvailable(state, pod) && pod !== firstUnhealthy) return steps;
    steps.push({ do: "delete", pod });
    if (!parallel) return steps;
  }
  if (steps.some((step) => step.do === "create" || step.do === "delete")) return steps;
  return [...steps, ...replacements(state, byOrdinal)];
}

/** A rolling update goes from the highest ordinal down to the partition. */
function replacements(state: SetState, byOrdinal: ReadonlyMap<number, KubeObject>): Step[] {
  const { set, updateRevision } = state;
  if (set.spec.updateStrategy?.type === "OnDelete") return [];
  const rolling: { partition?: number; maxUnavailable?: IntOrString } =
    set.spec.updateStrategy?.rollingUpdate ?? {};
  const replicas = wantedReplicas(set);
  const first = firstOrdinal(set);
  const unavailableMax = Math.max(1, scaledValue(rolling.maxUnavailable ?? 1, replicas, false) ?? 1);
  const steps: Step[] = [];
  let unavailable = 0;
  for (let ordinal = first + replicas - 1; ordinal >= first + (rolling.partition ?? 0); ordinal--) {
    const pod = byOrdinal.get(ordinal);
    if (pod === undefined) return steps;
    if (revisionOf(pod) !== updateRevision && !isTerminating(pod)) {
      steps.push({ do: "delete", pod });
      unavailable++;
    } else if (!isAvailable(state, pod)) unavailable++;
    if (unavailable >= unavailableMax) return steps;
  }
  return steps;
}
