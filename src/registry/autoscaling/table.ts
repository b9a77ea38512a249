import { none, unknown } from "../tables/cells.ts";
import type { MetricSpec, MetricStatus } from "./types.ts";
import { partOf } from "./types.ts";

const shownMetrics = 2;

/** What is measured and what is wanted, `cpu: 12%/50%`: the TARGETS of `kubectl get hpa`. */
export function metricsCell(
  specs: readonly MetricSpec[] | null | undefined,
  statuses: readonly MetricStatus[] | null | undefined,
): string {
  if (!specs || specs.length === 0) return none;
  const texts = specs.map((spec, i) => metricText(spec, statuses?.[i]));
  const shown = texts.slice(0, shownMetrics).join(", ");
  return texts.length > shownMetrics ? `${shown} + ${texts.length - shownMetrics} more...` : shown;
}

function metricText(spec: MetricSpec, status: MetricStatus | undefined): string {
  const part = partOf(spec.type);
  const source = part && spec[part];
  if (part === undefined || source === undefined) return "<unknown type>";
  const { target } = source;
  const current = status?.[part]?.current;
  if (part === "resource" || part === "containerResource") {
    const prefix = `${source.name ?? ""}: `;
    if (target.averageValue !== undefined)
      return `${prefix}${current?.averageValue ?? unknown}/${target.averageValue}`;
    const percent = (share: number | undefined, otherwise: string): string =>
      share === undefined ? otherwise : `${share}%`;
    const wanted = percent(target.averageUtilization, "<auto>");
    return `${prefix}${percent(current?.averageUtilization, unknown)}/${wanted}`;
  }
  if (part === "pods") return `${current?.averageValue ?? unknown}/${target.averageValue}`;
  if (target.averageValue !== undefined)
    return `${current?.averageValue ?? unknown}/${target.averageValue} (avg)`;
  return `${current?.value ?? unknown}/${target.value}`;
}
