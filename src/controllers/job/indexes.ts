import type { KubeObject } from "../../apimachinery/index.ts";

export const completionIndexAnnotation = "batch.kubernetes.io/job-completion-index";

export function isIndexed(job: KubeObject): boolean {
  return job.spec.completionMode === "Indexed";
}

/** Which of an Indexed Job's completions the pod stands for; -1 for none. */
export function completionIndexOf(pod: KubeObject): number {
  const text = pod.metadata.annotations?.[completionIndexAnnotation] ?? "";
  return /^\d{1,9}$/.test(text) ? Number(text) : -1;
}

export function indexesOf(pods: readonly KubeObject[]): Set<number> {
  const indexes = new Set(pods.map(completionIndexOf));
  indexes.delete(-1);
  return indexes;
}

/** `0,2-4`: runs of three and more with a hyphen, as upstream writes `status.completedIndexes`. */
export function formatIndexes(indexes: ReadonlySet<number>): string {
  const sorted = [...indexes].sort((a, b) => a - b);
  const runs: [number, number][] = [];
  for (const index of sorted) {
    const last = runs.at(-1);
    if (last !== undefined && last[1] === index - 1) last[1] = index;
    else runs.push([index, index]);
  }
  return runs
    .map(([first, last]) =>
      first === last ? `${first}` : last === first + 1 ? `${first},${last}` : `${first}-${last}`,
    )
    .join(",");
}

/** Indexes below `completions`. */
export function parseIndexes(text: string | undefined, completions: number): Set<number> {
  const indexes = new Set<number>();
  for (const run of (text ?? "").split(",")) {
    const match = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(run);
    if (match === null) continue;
    const last = Math.min(Number(match[2] ?? match[1]), completions - 1);
    for (let index = Number(match[1]); index <= last; index++) indexes.add(index);
  }
  return indexes;
}

/** The lowest `count` below `completions` that are in none of the sets. */
export function firstPending(
  completions: number,
  count: number,
  taken: readonly (ReadonlySet<number> | undefined)[],
): number[] {
  const pending: number[] = [];
  for (let index = 0; index < completions && pending.length < count; index++) {
    if (!taken.some((set) => set?.has(index) === true)) pending.push(index);
  }
  return pending;
}
