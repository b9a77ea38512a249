import { humanDuration, type KubeObject, parseTime } from "../../apimachinery/index.ts";

/** Cells that many Tables share, as kubectl has always printed them. */

export const none = "<none>";
export const unknown = "<unknown>";

export const nameOf = (object: KubeObject): string => object.metadata.name ?? "";

/** How long ago a time was. */
export function since(time: string | null | undefined, now: number): string {
  if (time === undefined || time === null) return unknown;
  const at = parseTime(time);
  return at === undefined ? unknown : humanDuration(now - at);
}

export const age = (object: KubeObject, now: number): string => since(object.metadata.creationTimestamp, now);

interface NamedContainer {
  readonly name?: string;
  readonly image?: string;
}

/** The containers' names and images, each as one cell: the wide columns of all workloads. */
export function containerCells(
  podSpec: { readonly containers?: readonly NamedContainer[] | null } | undefined,
): [string, string] {
  const containers = podSpec?.containers ?? [];
  return [
    containers.map(({ name }) => name ?? "").join(","),
    containers.map(({ image }) => image ?? "").join(","),
  ];
}

/** A map of labels as `a=b,c=d`, sorted; `<none>` where empty. */
export function formatLabels(labels: Readonly<Record<string, string>> | undefined): string {
  const texts = Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`);
  return texts.length === 0 ? none : texts.sort().join(",");
}
