import type { KubeObject } from "../../apimachinery/index.ts";
import { parseIndexes } from "./indexes.ts";

interface Rule {
  succeededIndexes?: string;
  succeededCount?: number;
}

/** Upstream's message for the first rule that is fulfilled; undefined while none is. */
export function matchSuccess(job: KubeObject, succeeded: ReadonlySet<number>): string | undefined {
  const rules = (job.spec.successPolicy?.rules ?? []) as Rule[];
  const index = rules.findIndex((rule) => isFulfilled(rule, succeeded, job.spec.completions ?? 0));
  return index === -1 || succeeded.size === 0 ? undefined : `Matched rules at index ${index}`;
}

function isFulfilled(
  { succeededIndexes, succeededCount }: Rule,
  succeeded: ReadonlySet<number>,
  completions: number,
): boolean {
  if (succeededIndexes === undefined) return succeededCount !== undefined && succeeded.size >= succeededCount;
  const wanted = parseIndexes(succeededIndexes, completions);
  if (wanted.size === 0) return false;
  const found = [...wanted].filter((index) => succeeded.has(index)).length;
  return found === wanted.size || (succeededCount !== undefined && found >= succeededCount);
}
