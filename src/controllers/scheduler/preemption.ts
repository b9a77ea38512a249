/**
 * Whose place a pod may take: k8s.io/kubernetes/pkg/scheduler/framework/preemption. On each node where it would help, the fewest and
 * least important pods that make room; of the nodes, the one where that hurts least.
 */
import { type KubeObject, parseTime, type Selector, selectorFromObject } from "../../apimachinery/index.ts";
import { isTerminating } from "../resources.ts";
import type { NodeUsage } from "./node-usage.ts";

export interface Candidate {
  readonly node: KubeObject;
  readonly victims: readonly KubeObject[];
}

export interface PreemptionQuery {
  readonly pod: KubeObject;
  /** Those on which taking pods away could help. */
  readonly nodes: readonly KubeObject[];
  usageOf(node: KubeObject): NodeUsage;
  /** Whether the pod fits on the node once these are gone. */
  fitsWithout(node: KubeObject, victims: readonly KubeObject[]): boolean;
  readonly budgets: readonly KubeObject[];
}

export const priorityOf = (pod: KubeObject): number => pod.spec?.priority ?? 0;

/** Why a pod may not take anybody's place, or undefined. */
export function ineligible(pod: KubeObject, nominated: NodeUsage | undefined): string | undefined {
  if (pod.spec?.preemptionPolicy === "Never") return "not eligible due to preemptionPolicy=Never.";
  for (const other of nominated?.pods.values() ?? []) {
    // Whom it displaced is on the way out: wait for that.
    if (isTerminating(other) && priorityOf(other) < priorityOf(pod)) {
      return "not eligible due to a terminating pod on the nominated node.";
    }
  }
  return undefined;
}

/** Undefined: nobody's place would help. */
export function findVictims(query: PreemptionQuery): Candidate | undefined {
  let best: { candidate: Candidate; cost: number[] } | undefined;
  const budgets = budgetsOf(query.budgets);
  for (const node of query.nodes) {
    const found = victimsOn(node, query, budgets);
    if (found === undefined) continue;
    const cost = costOf(found);
    if (best === undefined || isLess(cost, best.cost))
      best = { candidate: { node, victims: found.victims }, cost };
  }
  return best?.candidate;
}

interface Budget {
  readonly namespace: string;
  readonly selector: Selector;
  left: number;
}

function budgetsOf(objects: readonly KubeObject[]): Budget[] {
  return objects.map(({ metadata, spec, status }) => ({
    namespace: metadata.namespace ?? "",
    selector: selectorFromObject(spec?.selector),
    left: status?.disruptionsAllowed ?? 0,
  }));
}

interface Victims {
  readonly victims: KubeObject[];
  /** How many of them their budgets do not allow. */
  readonly violations: number;
}

function victimsOn(
  node: KubeObject,
  { pod, usageOf, fitsWithout }: PreemptionQuery,
  budgets: readonly Budget[],
): Victims | undefined {
  const lesser = [...usageOf(node).pods.values()].filter((other) => priorityOf(other) < priorityOf(pod));
  if (lesser.length === 0 || !fitsWithout(node, lesser)) return undefined;
  // The important ones, and those that their budgets protect, are the first to be spared.
  const left = budgets.map((budget) => ({ ...budget }));
  const ordered = [...lesser].sort(moreImportant);
  const violating = new Set(
    [...ordered].filter((victim) => {
      const own = left.filter(
        ({ namespace, selector }) =>
          namespace === victim.metadata.namespace &&
          !selector.empty &&
          selector.matches(victim.metadata.labels),
      );
      for (const budget of own) budget.left--;
      return own.some((budget) => budget.left < 0);
    }),
  );
  const victims = new Set(lesser);
  for (const spared of [
    ...ordered.filter((victim) => violating.has(victim)),
    ...ordered.filter((victim) => !violating.has(victim)),
  ]) {
    victims.delete(spared);
    if (!fitsWithout(node, [...victims])) victims.add(spared);
  }
  const violations = [...victims].filter((victim) => violating.has(victim)).length;
  return { victims: ordered.filter((victim) => victims.has(victim)), violations };
}

const startedMs = ({ status }: KubeObject): number =>
  parseTime(status?.startTime ?? "") ?? Number.MAX_SAFE_INTEGER;

/** Higher priority first, then who runs longer. */
function moreImportant(a: KubeObject, b: KubeObject): number {
  return priorityOf(b) - priorityOf(a) || startedMs(a) - startedMs(b);
}

/** In upstream's order of criteria, each the smaller the better. */
function costOf({ victims, violations }: Victims): number[] {
  const [first] = victims;
  const sum = victims.reduce((total, victim) => total + priorityOf(victim), 0);
  const highest = first === undefined ? 0 : priorityOf(first);
  return [violations, highest, sum, victims.length, first === undefined ? 0 : -startedMs(first)];
}

function isLess(a: readonly number[], b: readonly number[]): boolean {
  const at = a.findIndex((value, i) => value !== b[i]);
  return at !== -1 && (a[at] as number) < (b[at] as number);
}
