import { humanDuration, type Json, type KubeObject, parseTime } from "../../apimachinery/index.ts";
import type { TableColumn } from "../../schema/index.ts";

/** Columns of a Scale, which is no resource of its own: `kubectl get deployment web --subresource=scale`. */
export const scaleColumns: readonly TableColumn[] = [
  { name: "Name", type: "string", format: "", priority: 0 },
  { name: "Desired", type: "integer", format: "", priority: 0 },
  { name: "Available", type: "integer", format: "", priority: 0 },
  { name: "Age", type: "string", format: "", priority: 0 },
];

export function scaleRow({ metadata, spec, status }: KubeObject, now: number): Json[] {
  const created = parseTime(metadata.creationTimestamp ?? "");
  const age = created === undefined ? "<unknown>" : humanDuration(now - created);
  return [metadata.name ?? "", spec?.replicas ?? 0, status?.replicas ?? 0, age];
}
