import type { KubeObject } from "../../apimachinery/index.ts";
import type {
  Behavior,
  HorizontalPodAutoscaler,
  MetricPart,
  MetricReading,
  MetricSource,
  MetricSpec,
  MetricStatus,
  MetricTarget,
  MetricValue,
  ScalingRules,
} from "./types.ts";
import { metricParts, partOf } from "./types.ts";

/**
 * autoscaling/v1 knows one metric, the share of the CPU. What else an autoscaler has stands in annotations there, so that nothing is
 * lost between the versions (pkg/apis/autoscaling/v1 conversion.go).
 */

const prefix = "autoscaling.alpha.kubernetes.io/";
const annotations = {
  metrics: `${prefix}metrics`,
  currentMetrics: `${prefix}current-metrics`,
  conditions: `${prefix}conditions`,
  behavior: `${prefix}behavior`,
} as const;
const roundTrip: ReadonlySet<string> = new Set(Object.values(annotations));

/** What v1 means where it says nothing. */
const defaultCpuPercent = 80;

// biome-ignore lint/suspicious/noExplicitAny: the old forms, decoded from annotations that anybody may have written.
type Loose = any;

const isCpuShare = ({ type, resource }: MetricSpec): boolean =>
  type === "Resource" && resource?.name === "cpu" && resource.target.averageUtilization !== undefined;

const cpuShare = (percent: number): MetricSpec => ({
  type: "Resource",
  resource: { name: "cpu", target: { type: "Utilization", averageUtilization: percent } },
});

/** A stored autoscaler as v1 shows it. */
export function toV1(stored: KubeObject): KubeObject {
  const { metadata, spec, status = {} } = stored as HorizontalPodAutoscaler;
  const { metrics, behavior, ...scaling } = spec;
  const { currentMetrics, conditions, ...counts } = status;
  const percent = metrics?.find(isCpuShare)?.resource?.target.averageUtilization;
  const others = (metrics ?? []).filter((metric) => !isCpuShare(metric)).map(oldMetric);
  const said: Record<string, string> = {};
  for (const [name, value] of Object.entries(metadata.annotations ?? {}))
    if (!roundTrip.has(name)) said[name] = value;
  if (others.length > 0) said[annotations.metrics] = JSON.stringify(others);
  if ((currentMetrics?.length ?? 0) > 0)
    said[annotations.currentMetrics] = JSON.stringify(currentMetrics?.map(oldReading));
  if (behavior !== undefined) said[annotations.behavior] = JSON.stringify(internalBehavior(behavior));
  if ((conditions?.length ?? 0) > 0) said[annotations.conditions] = JSON.stringify(conditions);
  const cpuNow = currentMetrics?.findLast(
    ({ type, resource }) => type === "Resource" && resource?.name === "cpu",
  )?.resource?.current.averageUtilization;
  const { annotations: _, ...rest } = metadata;
  return {
    apiVersion: "autoscaling/v1",
    kind: "HorizontalPodAutoscaler",
    metadata: Object.keys(said).length === 0 ? rest : { ...rest, annotations: said },
    spec: { ...scaling, ...(percent === undefined ? {} : { targetCPUUtilizationPercentage: percent }) },
    status: {
      currentReplicas: 0,
      ...counts,
      ...(cpuNow === undefined ? {} : { currentCPUUtilizationPercentage: cpuNow }),
    },
  };
}

/** The stored form of a v1 autoscaler. */
export function fromV1(object: KubeObject): KubeObject {
  const { metadata, spec = {}, status = {} } = object as Loose;
  const { targetCPUUtilizationPercentage: percent, ...scaling } = spec;
  const { currentCPUUtilizationPercentage: cpuNow, ...counts } = status;
  const said: Record<string, string> = metadata.annotations ?? {};
  const others = decoded(said[annotations.metrics]);
  const metrics: MetricSpec[] = Array.isArray(others) ? others.map(newMetric) : [];
  if (percent !== undefined) metrics.push(cpuShare(percent));
  if (metrics.length === 0) metrics.push(cpuShare(defaultCpuPercent));
  const readings = decoded(said[annotations.currentMetrics]);
  const cpuReading = { type: "Resource", resource: { name: "cpu", current: { averageUtilization: cpuNow } } };
  const currentMetrics = Array.isArray(readings)
    ? readings.map(newReading)
    : cpuNow === undefined
      ? null
      : [cpuReading];
  const conditions = decoded(said[annotations.conditions]);
  const behavior = behaviorOf(decoded(said[annotations.behavior]));
  const kept = Object.fromEntries(Object.entries(said).filter(([name]) => !roundTrip.has(name)));
  const { annotations: _, ...rest } = metadata;
  return {
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: Object.keys(kept).length === 0 ? rest : { ...rest, annotations: kept },
    spec: { ...scaling, metrics, ...(behavior === undefined ? {} : { behavior }) },
    status: {
      desiredReplicas: 0,
      ...counts,
      currentMetrics,
      ...(Array.isArray(conditions) ? { conditions } : {}),
    },
  };
}

function decoded(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Fields that have a value. */
function present(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function oldMetric(metric: MetricSpec): unknown {
  const part = partOf(metric.type);
  const source = part && metric[part];
  if (part === undefined || source === undefined) return { type: metric.type };
  return { type: metric.type, [part]: oldSource[part](source) };
}

const oldSource: Readonly<Record<MetricPart, (source: MetricSource) => unknown>> = {
  object: ({ describedObject, metric, target }) =>
    present({
      target: describedObject,
      metricName: metric?.name,
      targetValue: target.value ?? "0",
      selector: metric?.selector,
      averageValue: target.averageValue,
    }),
  pods: ({ metric, target }) =>
    present({
      metricName: metric?.name,
      targetAverageValue: target.averageValue,
      selector: metric?.selector,
    }),
  external: ({ metric, target }) =>
    present({
      metricName: metric?.name,
      metricSelector: metric?.selector,
      targetValue: target.value,
      targetAverageValue: target.averageValue,
    }),
  resource: ({ name, target }) =>
    present({
      name,
      targetAverageUtilization: target.averageUtilization,
      targetAverageValue: target.averageValue,
    }),
  containerResource: ({ name, container, target }) =>
    present({
      name,
      targetAverageUtilization: target.averageUtilization,
      targetAverageValue: target.averageValue,
      container,
    }),
};

function newMetric(old: Loose): MetricSpec {
  const part = partOf(old?.type);
  if (part === undefined || typeof old[part] !== "object") return { type: String(old?.type ?? "") };
  const from = old[part];
  const target: MetricTarget = present({
    value: from.targetValue === "0" && from.averageValue !== undefined ? undefined : from.targetValue,
    averageValue: from.targetAverageValue ?? from.averageValue,
    averageUtilization: from.targetAverageUtilization,
  });
  target.type =
    target.averageUtilization !== undefined
      ? "Utilization"
      : target.averageValue !== undefined
        ? "AverageValue"
        : "Value";
  return { type: old.type, [part]: { ...identityOf(part, from), target } };
}

function identityOf(part: MetricPart, from: Loose): Omit<MetricSource, "target"> {
  if (part === metricParts.Resource) return { name: from.name };
  if (part === metricParts.ContainerResource) return { name: from.name, container: from.container };
  const selector = from.selector ?? from.metricSelector;
  const metric = { name: from.metricName, ...(selector === undefined ? {} : { selector }) };
  return part === metricParts.Object ? { describedObject: from.target, metric } : { metric };
}

function oldReading(status: MetricStatus): unknown {
  const part = partOf(status.type);
  const reading = part && status[part];
  if (part === undefined || reading === undefined) return { type: status.type };
  const { describedObject, metric, name, container, current } = reading as MetricReading;
  const values =
    part === metricParts.Object
      ? { currentValue: current.value ?? "0", averageValue: current.averageValue }
      : {
          currentAverageUtilization: current.averageUtilization,
          currentAverageValue: current.averageValue,
          currentValue: part === metricParts.External ? (current.value ?? "0") : undefined,
        };
  const named = present({
    target: describedObject,
    metricName: metric?.name,
    [part === metricParts.External ? "metricSelector" : "selector"]: metric?.selector,
    name,
    container,
    ...values,
  });
  return { type: status.type, [part]: named };
}

function newReading(old: Loose): MetricStatus {
  const part = partOf(old?.type);
  if (part === undefined || typeof old[part] !== "object") return { type: String(old?.type ?? "") };
  const from = old[part];
  const current: MetricValue = present({
    value: from.currentValue,
    averageValue: from.currentAverageValue ?? from.averageValue,
    averageUtilization: from.currentAverageUtilization,
  });
  return { type: old.type, [part]: { ...identityOf(part, from), current } };
}

/** Upstream writes its internal Go type here, and reads nothing else. */
function internalBehavior({ scaleUp, scaleDown }: Behavior): unknown {
  const rules = (from: ScalingRules | undefined): unknown =>
    from === undefined
      ? null
      : {
          StabilizationWindowSeconds: from.stabilizationWindowSeconds ?? null,
          SelectPolicy: from.selectPolicy ?? null,
          Policies: (from.policies ?? []).map(({ type, value, periodSeconds }) => ({
            Type: type,
            Value: value,
            PeriodSeconds: periodSeconds,
          })),
          Tolerance: from.tolerance ?? null,
        };
  return { ScaleUp: rules(scaleUp), ScaleDown: rules(scaleDown) };
}

function behaviorOf(internal: Loose): Behavior | undefined {
  if (typeof internal !== "object" || internal === null) return undefined;
  const rules = (from: Loose): ScalingRules | undefined =>
    typeof from !== "object" || from === null
      ? undefined
      : present({
          stabilizationWindowSeconds: from.StabilizationWindowSeconds ?? undefined,
          selectPolicy: from.SelectPolicy ?? undefined,
          policies: Array.isArray(from.Policies)
            ? from.Policies.map(({ Type, Value, PeriodSeconds }: Loose) => ({
                type: Type,
                value: Value,
                periodSeconds: PeriodSeconds,
              }))
            : undefined,
          tolerance: from.Tolerance ?? undefined,
        });
  const behavior: Behavior = present({
    scaleUp: rules(internal.ScaleUp),
    scaleDown: rules(internal.ScaleDown),
  });
  return Object.keys(behavior).length === 0 ? undefined : behavior;
}
