import type { KubeObject, LabelSelector } from "../../apimachinery/index.ts";

/** autoscaling/v2 HorizontalPodAutoscaler, the stored form. */
export interface HorizontalPodAutoscaler extends KubeObject {
  spec: {
    scaleTargetRef?: ObjectRef;
    minReplicas?: number;
    maxReplicas?: number;
    metrics?: MetricSpec[] | null;
    behavior?: Behavior;
  };
  status?: {
    currentReplicas?: number;
    desiredReplicas?: number;
    currentMetrics?: MetricStatus[] | null;
    conditions?: unknown[] | null;
    [field: string]: unknown;
  };
}

export interface ObjectRef {
  apiVersion?: string;
  kind?: string;
  name?: string;
}

/** Which of a metric's parts its type stands for. */
export const metricParts = {
  Object: "object",
  External: "external",
  Pods: "pods",
  Resource: "resource",
  ContainerResource: "containerResource",
} as const;

export type MetricPart = (typeof metricParts)[keyof typeof metricParts];

export interface MetricSource {
  describedObject?: ObjectRef;
  metric?: { name?: string; selector?: LabelSelector };
  name?: string;
  container?: string;
  target: MetricTarget;
}

export interface MetricTarget {
  type?: string;
  value?: string;
  averageValue?: string;
  averageUtilization?: number;
}

export type MetricSpec = { type?: string } & { [Part in MetricPart]?: MetricSource };

export interface MetricValue {
  value?: string;
  averageValue?: string;
  averageUtilization?: number;
}

export interface MetricReading extends Omit<MetricSource, "target"> {
  current: MetricValue;
}

export type MetricStatus = { type?: string } & { [Part in MetricPart]?: MetricReading };

export interface Behavior {
  scaleUp?: ScalingRules;
  scaleDown?: ScalingRules;
}

export interface ScalingRules {
  stabilizationWindowSeconds?: number;
  selectPolicy?: string;
  policies?: ScalingPolicy[] | null;
  tolerance?: string;
}

export interface ScalingPolicy {
  type?: string;
  value?: number;
  periodSeconds?: number;
}

/** The part that a metric of this type has. */
export function partOf(type: string | undefined): MetricPart | undefined {
  return type !== undefined && Object.hasOwn(metricParts, type)
    ? metricParts[type as keyof typeof metricParts]
    : undefined;
}
