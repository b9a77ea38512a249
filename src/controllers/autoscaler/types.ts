import type { KubeObject, LabelSelector } from "../../apimachinery/index.ts";
import type { Condition } from "../pods.ts";

/** autoscaling/v2 HorizontalPodAutoscaler, as far as it is acted on. */
export interface Autoscaler extends KubeObject {
  spec: {
    scaleTargetRef: ObjectReference;
    minReplicas?: number;
    maxReplicas: number;
    metrics?: MetricSpec[];
    behavior?: { scaleUp?: ScalingRules; scaleDown?: ScalingRules };
  };
  status?: AutoscalerStatus;
}

export interface ObjectReference {
  kind: string;
  name: string;
  apiVersion?: string;
}

export interface AutoscalerStatus {
  currentReplicas?: number;
  desiredReplicas: number;
  lastScaleTime?: string;
  currentMetrics?: object[] | null;
  conditions?: Condition[];
}

/** What to aim at: one of the three, by `type`. */
interface MetricTarget {
  type: "Utilization" | "Value" | "AverageValue";
  value?: string;
  averageValue?: string;
  averageUtilization?: number;
}

export interface MetricIdentifier {
  name: string;
  selector?: LabelSelector;
}

export interface MetricSpec {
  type: string;
  resource?: { name: string; target: MetricTarget };
  containerResource?: { name: string; container: string; target: MetricTarget };
  pods?: { metric: MetricIdentifier; target: MetricTarget };
  object?: { describedObject: ObjectReference; metric: MetricIdentifier; target: MetricTarget };
  external?: { metric: MetricIdentifier; target: MetricTarget };
}

/** How fast the number of replicas may change in one direction. */
export interface ScalingRules {
  stabilizationWindowSeconds?: number;
  selectPolicy?: "Max" | "Min" | "Disabled";
  policies?: { type: "Pods" | "Percent"; value: number; periodSeconds: number }[];
  tolerance?: string;
}

/** How far from its target a metric may be without consequences: shares of 1. */
export interface Tolerances {
  readonly down: number;
  readonly up: number;
}

export const isWithin = (ratio: number, { down, up }: Tolerances): boolean =>
  ratio >= 1 - down && ratio <= 1 + up;
