import type { KubeObject } from "../../apimachinery/index.ts";

interface NodeSelectorRequirement {
  key: string;
  operator: "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt";
  values?: string[];
}

interface NodeSelectorTerm {
  matchExpressions?: NodeSelectorRequirement[];
  matchFields?: NodeSelectorRequirement[];
}

/** The pod's nodeSelector and required node affinity hold for the node. */
export function matchesNodeAffinity(pod: KubeObject, node: KubeObject): boolean {
  const labels = node.metadata.labels ?? {};
  for (const [key, value] of Object.entries((pod.spec?.nodeSelector ?? {}) as Record<string, string>)) {
    if (labels[key] !== value) return false;
  }
  const terms: NodeSelectorTerm[] | undefined =
    pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  return terms === undefined || matchesNodeSelector({ nodeSelectorTerms: terms }, node);
}

/**
 * The only nodes that the pod's required affinity can mean, where each of its terms says so by name; "conflict" where a term names two at once;
 * undefined where it may be any.
 */
export function namedNodes(pod: KubeObject): ReadonlySet<string> | "conflict" | undefined {
  const terms: NodeSelectorTerm[] =
    pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  if (terms.length === 0) return undefined;
  const named = new Set<string>();
  for (const { matchFields = [] } of terms) {
    const lists = matchFields
      .filter(({ key, operator }) => key === "metadata.name" && operator === "In")
      .map(({ values = [] }) => values);
    const [first, ...others] = lists;
    if (first === undefined) return undefined;
    for (const name of first) if (others.every((list) => list.includes(name))) named.add(name);
  }
  return named.size === 0 ? "conflict" : named;
}

/** v1 NodeSelector: one of its terms holds for the node. */
export function matchesNodeSelector(
  { nodeSelectorTerms = [] }: { nodeSelectorTerms?: NodeSelectorTerm[] },
  node: KubeObject,
): boolean {
  return nodeSelectorTerms.some((term) => matchesTerm(term, node));
}

interface TopologyTerm {
  matchLabelExpressions?: { key: string; values: string[] }[];
}

/** A StorageClass' allowedTopologies: none is everywhere. */
export function matchesTopology(terms: readonly TopologyTerm[] | undefined, node: KubeObject): boolean {
  if (terms === undefined || terms.length === 0) return true;
  return terms.some(({ matchLabelExpressions = [] }) =>
    matchLabelExpressions.every(({ key, values }) => values.includes(node.metadata.labels?.[key] ?? "")),
  );
}

/** Weights of the preferred terms that the node fulfils. */
export function nodeAffinityScore(pod: KubeObject, node: KubeObject): number {
  const preferred: { weight: number; preference: NodeSelectorTerm }[] =
    pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  return preferred.reduce(
    (score, { weight, preference }) => score + (matchesTerm(preference, node) ? weight : 0),
    0,
  );
}

/** A term without any requirement matches nothing. */
function matchesTerm(term: NodeSelectorTerm, node: KubeObject): boolean {
  const expressions = term.matchExpressions ?? [];
  const fields = term.matchFields ?? [];
  if (expressions.length + fields.length === 0) return false;
  return (
    expressions.every((requirement) => matches(requirement, node.metadata.labels?.[requirement.key])) &&
    fields.every((requirement) =>
      matches(requirement, requirement.key === "metadata.name" ? node.metadata.name : undefined),
    )
  );
}

function matches({ operator, values }: NodeSelectorRequirement, value: string | undefined): boolean {
  switch (operator) {
    case "In":
      return value !== undefined && values?.includes(value) === true;
    case "NotIn":
      return value === undefined || values?.includes(value) !== true;
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    case "Gt":
      return compareIntegers(value, values?.[0], (a, b) => a > b);
    case "Lt":
      return compareIntegers(value, values?.[0], (a, b) => a < b);
    default:
      return false;
  }
}

function compareIntegers(
  value: string | undefined,
  bound: string | undefined,
  holds: (a: bigint, b: bigint) => boolean,
): boolean {
  const integer = /^[+-]?\d{1,20}$/;
  if (value === undefined || bound === undefined || !integer.test(value) || !integer.test(bound))
    return false;
  return holds(BigInt(value), BigInt(bound));
}
