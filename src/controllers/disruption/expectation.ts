/** How many pods a budget expects, and how many of them healthy. */
import {
  goLabelSelector,
  type KubeObject,
  type LabelSelector,
  scaledValue,
} from "../../apimachinery/index.ts";
import { controllerOf } from "../owners.ts";
import type { Scales } from "./scales.ts";

export interface Budget extends KubeObject {
  spec?: {
    selector?: LabelSelector | null;
    minAvailable?: number | string;
    maxUnavailable?: number | string;
  };
}

export interface Expectation {
  readonly expectedPods: number;
  readonly desiredHealthy: number;
  /** Some of the pods have no controller, so that what is expected of them is not known. */
  readonly hasUnmanaged: boolean;
}

/** @throws Error with upstream's words where the pods' controllers say nothing */
export async function expectationOf(
  { spec = {} }: Budget,
  covered: readonly KubeObject[],
  scales: Scales,
): Promise<Expectation> {
  const { minAvailable, maxUnavailable } = spec;
  if (maxUnavailable === undefined && typeof minAvailable === "number")
    return { expectedPods: covered.length, desiredHealthy: minAvailable, hasUnmanaged: false };
  const expectedPods = await expectedScale(covered, scales);
  const share = scaledValue(maxUnavailable ?? minAvailable ?? 0, expectedPods, true) ?? 0;
  return {
    expectedPods,
    desiredHealthy: maxUnavailable === undefined ? share : Math.max(0, expectedPods - share),
    hasUnmanaged: covered.some((pod) => controllerOf(pod) === undefined),
  };
}

/** How many pods those who control the covered ones want together. */
async function expectedScale(covered: readonly KubeObject[], scales: Scales): Promise<number> {
  const wanted = new Map<string, number>();
  const seen = new Set<string>();
  for (const pod of covered) {
    const reference = controllerOf(pod);
    if (reference === undefined || seen.has(reference.uid)) continue;
    seen.add(reference.uid);
    const scale = await scales.of(reference, pod.metadata.namespace);
    if (scale === undefined) throw new Error(`found no controllers for pod "${pod.metadata.name}"`);
    wanted.set(scale.uid, scale.replicas);
  }
  return [...wanted.values()].reduce((sum, replicas) => sum + replicas, 0);
}

/** Upstream's event; the selector as Go prints it. */
export function unmanagedText(selector: LabelSelector | null | undefined): string {
  return (
    `Pods selected by this PodDisruptionBudget (selector: ${goLabelSelector(selector ?? {})}) were found to be unmanaged. ` +
    "As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. " +
    'To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.'
  );
}
