import type { LabelSelector } from "../../../apimachinery/index.ts";
import type { Pod, PodAffinity } from "./types.ts";

interface Selecting {
  readonly labelSelector?: LabelSelector;
  readonly matchLabelKeys?: readonly string[];
  readonly mismatchLabelKeys?: readonly string[];
}

type Expressions = NonNullable<LabelSelector["matchExpressions"]>;

/** Labels that a new pod must share with others, or must not, become part of the selectors: its values are known now. */
export function resolveLabelKeys({ metadata, spec }: Pod): void {
  const labels = metadata.labels ?? {};
  const expressions = (keys: readonly string[] | undefined, operator: "In" | "NotIn"): Expressions =>
    (keys ?? []).flatMap((key) => {
      const value = labels[key];
      return value === undefined ? [] : [{ key, operator, values: [value] }];
    });
  const resolve = ({ labelSelector, matchLabelKeys, mismatchLabelKeys }: Selecting): void => {
    const added = [...expressions(matchLabelKeys, "In"), ...expressions(mismatchLabelKeys, "NotIn")];
    if (labelSelector === undefined || added.length === 0) return;
    labelSelector.matchExpressions = [...(labelSelector.matchExpressions ?? []), ...added];
  };
  for (const affinity of [spec.affinity?.podAffinity, spec.affinity?.podAntiAffinity])
    for (const term of termsOf(affinity)) resolve(term);
  for (const constraint of spec.topologySpreadConstraints ?? []) resolve(constraint);
}

function termsOf(affinity: PodAffinity | undefined): Selecting[] {
  return [
    ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((wish) => wish.podAffinityTerm),
    ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
  ];
}
