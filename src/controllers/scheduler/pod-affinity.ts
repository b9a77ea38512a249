/** Rules about other pods: affinity, anti-affinity and topology spread. Domains are the values of a node label. */
import { type KubeObject, type LabelSelector, selectorFromObject } from "../../apimachinery/index.ts";
import { isTerminating } from "../resources.ts";
import { matchesNodeAffinity } from "./node-affinity.ts";
import { type Toleration, toleratesNode } from "./taints.ts";

interface AffinityTerm {
  labelSelector?: LabelSelector;
  namespaces?: string[];
  namespaceSelector?: LabelSelector;
  topologyKey: string;
}

interface SpreadConstraint {
  maxSkew: number;
  topologyKey: string;
  whenUnsatisfiable: "DoNotSchedule" | "ScheduleAnyway";
  labelSelector?: LabelSelector;
  /** Labels of the pod whose values those that count must have too. */
  matchLabelKeys?: string[];
  /** With fewer domains than that the emptiest is taken to be empty. */
  minDomains?: number;
  nodeAffinityPolicy?: "Honor" | "Ignore";
  nodeTaintsPolicy?: "Honor" | "Ignore";
}

/** What is there: nodes, and the pods placed on them. */
export interface Placement {
  readonly nodes: readonly KubeObject[];
  node(name: string): KubeObject | undefined;
  podsOn(node: string): Iterable<KubeObject>;
  /** Those of the pods that `repels` is true of, each with the name of its node. */
  repelling(): Iterable<{ readonly pod: KubeObject; readonly node: string }>;
  namespaceLabels(namespace: string): Record<string, string> | undefined;
}

export type PodAffinityVerdict =
  | "fits"
  | "affinity"
  | "anti-affinity"
  | "spread"
  | "spread-label"
  | "existing-anti-affinity";

/** The rules of one pod, evaluated once and asked for every node. Undefined where nobody has rules. */
export function podAffinityFilter(
  pod: KubeObject,
  placement: Placement,
): ((node: KubeObject) => PodAffinityVerdict) | undefined {
  const attract = requiredTerms(pod, "podAffinity");
  const repel = requiredTerms(pod, "podAntiAffinity");
  const spread = ((pod.spec?.topologySpreadConstraints ?? []) as SpreadConstraint[]).filter(
    (constraint) => constraint.whenUnsatisfiable === "DoNotSchedule",
  );
  const forbidden = domainsThatRepel(pod, placement);
  if (attract.length + repel.length + spread.length + forbidden.size === 0) return undefined;

  const attracting = attract.map((term) => ({ term, domains: domainsWith(pod, term, placement) }));
  const repelling = repel.map((term) => ({ term, domains: domainsWith(pod, term, placement) }));
  // The first of a group that wants to be together must start somewhere.
  const isFirst =
    attracting.every(({ domains }) => domains.size === 0) &&
    attract.every((term) => selects(pod, term, pod, placement));
  const counted = spread.map((constraint) => ({
    constraint,
    counts: spreadCounts(pod, constraint, spread, placement),
  }));

  return (node) => {
    const labels = node.metadata.labels ?? {};
    for (const { constraint, counts } of counted) {
      const domain = labels[constraint.topologyKey];
      if (domain === undefined) return "spread-label";
      const few = counts.size < (constraint.minDomains ?? 1);
      const least = few ? 0 : Math.min(...counts.values());
      const self = countedBy(constraint, pod)(pod.metadata.labels) ? 1 : 0;
      if ((counts.get(domain) ?? 0) + self - least > constraint.maxSkew) return "spread";
    }
    for (const { term, domains } of attracting) {
      const domain = labels[term.topologyKey];
      if (domain === undefined || (!domains.has(domain) && !isFirst)) return "affinity";
    }
    for (const { term, domains } of repelling) {
      const domain = labels[term.topologyKey];
      if (domain !== undefined && domains.has(domain)) return "anti-affinity";
    }
    for (const [key, domains] of forbidden) {
      const domain = labels[key];
      if (domain !== undefined && domains.has(domain)) return "existing-anti-affinity";
    }
    return "fits";
  };
}

/**
 * What the pod would rather have beside it, or not, and how evenly it would like to be spread: points for a node, the more the
 * better, about as many as preferred node affinity gives. Undefined where it has no such wishes.
 */
export function podPreferences(
  pod: KubeObject,
  placement: Placement,
): ((node: KubeObject) => number) | undefined {
  const wishes = [
    ...preferredTerms(pod, "podAffinity").map(({ weight, term }) => ({ points: weight, term })),
    ...preferredTerms(pod, "podAntiAffinity").map(({ weight, term }) => ({ points: -weight, term })),
  ].map(({ points, term }) => ({ points, term, domains: domainsWith(pod, term, placement) }));
  const even = ((pod.spec?.topologySpreadConstraints ?? []) as SpreadConstraint[]).filter(
    ({ whenUnsatisfiable }) => whenUnsatisfiable === "ScheduleAnyway",
  );
  const spread = even.map((constraint) => ({
    constraint,
    counts: spreadCounts(pod, constraint, [constraint], placement),
  }));
  if (wishes.length + spread.length === 0) return undefined;
  return ({ metadata: { labels = {} } }) => {
    let sum = 0;
    for (const { points, term, domains } of wishes) {
      const domain = labels[term.topologyKey];
      if (domain !== undefined && domains.has(domain)) sum += points;
    }
    for (const { constraint, counts } of spread) {
      const domain = labels[constraint.topologyKey];
      // A node without the label is in no domain at all: the last choice.
      const most = Math.max(1, ...counts.values());
      sum -= domain === undefined ? 2 * spreadPoints : (spreadPoints * (counts.get(domain) ?? 0)) / most;
    }
    return sum;
  };
}

/** What the fullest domain costs against an empty one: upstream weighs spread twice as it weighs affinity. */
const spreadPoints = 200;

interface PreferredTerm {
  weight: number;
  podAffinityTerm: AffinityTerm;
}

function preferredTerms(
  pod: KubeObject,
  kind: "podAffinity" | "podAntiAffinity",
): { weight: number; term: AffinityTerm }[] {
  const terms: PreferredTerm[] =
    pod.spec?.affinity?.[kind]?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  return terms.map(({ weight, podAffinityTerm }) => ({ weight, term: podAffinityTerm }));
}

function requiredTerms(pod: KubeObject, kind: "podAffinity" | "podAntiAffinity"): AffinityTerm[] {
  return pod.spec?.affinity?.[kind]?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
}

/** `term` is a rule of `owner`; does it speak of `other`? */
function selects(owner: KubeObject, term: AffinityTerm, other: KubeObject, placement: Placement): boolean {
  const namespace = other.metadata.namespace ?? "";
  const listed = term.namespaces ?? [];
  const own = listed.length === 0 && term.namespaceSelector === undefined;
  const inScope =
    (own && namespace === owner.metadata.namespace) ||
    listed.includes(namespace) ||
    (term.namespaceSelector !== undefined &&
      selectorFromObject(term.namespaceSelector).matches(placement.namespaceLabels(namespace)));
  return inScope && selectorFromObject(term.labelSelector).matches(other.metadata.labels);
}

/** Domains in which a pod runs that the term selects. */
function domainsWith(pod: KubeObject, term: AffinityTerm, placement: Placement): Set<string> {
  const domains = new Set<string>();
  for (const node of placement.nodes) {
    const domain = node.metadata.labels?.[term.topologyKey];
    if (domain === undefined || domains.has(domain)) continue;
    for (const other of placement.podsOn(node.metadata.name as string)) {
      if (!selects(pod, term, other, placement)) continue;
      domains.add(domain);
      break;
    }
  }
  return domains;
}

/** Label → domains in which a pod runs whose own anti-affinity speaks of this pod. */
function domainsThatRepel(pod: KubeObject, placement: Placement): Map<string, Set<string>> {
  const forbidden = new Map<string, Set<string>>();
  for (const { pod: other, node } of placement.repelling()) {
    const labels = placement.node(node)?.metadata.labels;
    for (const term of requiredTerms(other, "podAntiAffinity")) {
      const domain = labels?.[term.topologyKey];
      if (domain === undefined || !selects(other, term, pod, placement)) continue;
      const domains = forbidden.get(term.topologyKey) ?? new Set();
      forbidden.set(term.topologyKey, domains.add(domain));
    }
  }
  return forbidden;
}

/** Whether a pod keeps others away. */
export function repels(pod: KubeObject): boolean {
  return requiredTerms(pod, "podAntiAffinity").length > 0;
}

/** Which pods a constraint of `pod` counts, by their labels. */
function countedBy(
  { labelSelector, matchLabelKeys = [] }: SpreadConstraint,
  pod: KubeObject,
): (labels: Record<string, string> | undefined) => boolean {
  const selector = selectorFromObject(labelSelector);
  const own = pod.metadata.labels ?? {};
  const keys = matchLabelKeys.filter((key) => own[key] !== undefined);
  if (selector.empty && keys.length === 0) return () => labelSelector !== undefined;
  return (labels) => selector.matches(labels) && keys.every((key) => labels?.[key] === own[key]);
}

/** Pods in each domain of the nodes that all of `constraints` (those of one kind, this one among them) can tell apart. */
function spreadCounts(
  pod: KubeObject,
  constraint: SpreadConstraint,
  constraints: readonly SpreadConstraint[],
  placement: Placement,
): Map<string, number> {
  const isCounted = countedBy(constraint, pod);
  const tolerations = (pod.spec?.tolerations ?? []) as Toleration[];
  const isIncluded = (node: KubeObject): boolean => {
    const labels = node.metadata.labels ?? {};
    if (!constraints.every(({ topologyKey }) => labels[topologyKey] !== undefined)) return false;
    if (constraint.nodeAffinityPolicy !== "Ignore" && !matchesNodeAffinity(pod, node)) return false;
    return constraint.nodeTaintsPolicy !== "Honor" || toleratesNode(tolerations, node);
  };
  const counts = new Map<string, number>();
  for (const node of placement.nodes) {
    const domain = node.metadata.labels?.[constraint.topologyKey];
    if (domain === undefined || !isIncluded(node)) continue;
    let count = counts.get(domain) ?? 0;
    for (const other of placement.podsOn(node.metadata.name as string)) {
      const near = other.metadata.namespace === pod.metadata.namespace && !isTerminating(other);
      if (near && isCounted(other.metadata.labels)) count++;
    }
    counts.set(domain, count);
  }
  return counts;
}
