import {
  deepEqual,
  type FieldError,
  field,
  formatLabelSelector,
  type KubeObject,
  type LabelSelector,
  type Selector,
  usableSelector,
  validateLabelSelector,
  writtenSelector,
} from "../../apimachinery/index.ts";
import { validatePodTemplate } from "../core/pod/pod-spec.ts";
import type { PodTemplate } from "../core/pod/types.ts";
import type { ScaleRules } from "../strategy.ts";
import { nonNegative } from "./values.ts";

/** What workloads with replicas share: a selector that must fit the template, counts that must fit each other. */

export interface ReplicaStatus {
  replicas?: number;
  fullyLabeledReplicas?: number;
  readyReplicas?: number;
  availableReplicas?: number;
  updatedReplicas?: number;
  unavailableReplicas?: number;
  terminatingReplicas?: number;
  observedGeneration?: number;
  collisionCount?: number;
  conditions?: unknown[];
}

export interface ReplicatedSpec {
  replicas?: number;
  minReadySeconds?: number;
  selector?: LabelSelector | null;
  template?: PodTemplate;
}

/** spec.selector and spec.template of an apps/v1 workload; `workload` as its texts name it. */
export function validateSelectorAndTemplate(
  { selector, template = {} }: ReplicatedSpec,
  workload: WorkloadTexts = { selector: "deployment", deadline: "ReplicaSet" },
): FieldError[] {
  const path = "spec.selector";
  const errors: FieldError[] = [];
  if (!selector) errors.push(field.required(path, ""));
  else {
    errors.push(...validateLabelSelector(selector, path));
    const isEmpty =
      Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions?.length ?? 0) === 0;
    if (isEmpty)
      errors.push(
        field.invalid(path, writtenSelector(selector), `empty selector is invalid for ${workload.selector}`),
      );
  }
  const matcher = usableSelector(selector);
  const { unusable = "invalid label selector" } = workload;
  if (matcher === undefined) return [...errors, field.invalid(path, writtenSelector(selector), unusable)];
  return [...errors, ...validateTemplate(template, matcher, workload.deadline)];
}

/** Upstream names the workload differently in its two texts, and ReplicaSets are "deployment" in the first. */
interface WorkloadTexts {
  readonly selector: string;
  readonly deadline: string;
  /** What is said of a selector that cannot be one, besides what is wrong with it. */
  readonly unusable?: string;
}

/** The pods a workload makes must be its own, and must run for ever. */
export function validateTemplate(
  template: PodTemplate,
  matcher: Selector,
  workload = "ReplicaSet",
): FieldError[] {
  const path = "spec.template";
  const labels = template.metadata?.labels;
  const errors: FieldError[] = [];
  if (!matcher.empty && !matcher.matches(labels)) {
    const detail = "`selector` does not match template `labels`";
    errors.push(field.invalid(`${path}.metadata.labels`, labels ?? null, detail));
  }
  errors.push(...validatePodTemplate(template, path));
  const restartPolicy = template.spec?.restartPolicy;
  if (restartPolicy !== undefined && restartPolicy !== "Always") {
    errors.push(field.notSupported(`${path}.spec.restartPolicy`, restartPolicy, ["Always"]));
  }
  if (template.spec?.activeDeadlineSeconds !== undefined) {
    const detail = `activeDeadlineSeconds in ${workload} is not Supported`;
    errors.push(field.forbidden(`${path}.spec.activeDeadlineSeconds`, detail));
  }
  return errors;
}

/** In upstream's order. */
const deploymentCounts = [
  "observedGeneration",
  "replicas",
  "updatedReplicas",
  "readyReplicas",
  "availableReplicas",
  "unavailableReplicas",
  "terminatingReplicas",
  "collisionCount",
] as const;
const replicaSetCounts = [
  "replicas",
  "fullyLabeledReplicas",
  "readyReplicas",
  "availableReplicas",
  "observedGeneration",
  "terminatingReplicas",
] as const;

export function validateReplicaStatus(
  status: ReplicaStatus,
  old: ReplicaStatus,
  workload: "deployment" | "replica set",
): FieldError[] {
  const counts = workload === "deployment" ? deploymentCounts : replicaSetCounts;
  const errors = counts.flatMap((name) => nonNegative(`status.${name}`, status[name]));
  const total = status.replicas ?? 0;
  const part = workload === "deployment" ? "updatedReplicas" : "fullyLabeledReplicas";
  for (const name of [part, "readyReplicas", "availableReplicas"] as const) {
    const count = status[name] ?? 0;
    if (count > total)
      errors.push(field.invalid(`status.${name}`, count, "cannot be greater than status.replicas"));
  }
  const available = status.availableReplicas ?? 0;
  if (available > (status.readyReplicas ?? 0)) {
    errors.push(field.invalid("status.availableReplicas", available, "cannot be greater than readyReplicas"));
  }
  if ((status.collisionCount ?? 0) < (old.collisionCount ?? 0)) {
    errors.push(field.invalid("status.collisionCount", status.collisionCount ?? 0, "cannot be decremented"));
  }
  return errors;
}

/** Raises the generation when what is wanted changed. */
export function countWanted<T extends KubeObject>(next: T, old: T, also = false): T {
  const generation = old.metadata.generation ?? 0;
  const changed = also || !deepEqual(next["spec"], old["spec"]);
  if (changed) next.metadata.generation = generation + 1;
  else if (generation > 0) next.metadata.generation = generation;
  return next;
}

/** `/scale` of everything with spec.replicas, status.replicas and a label selector. */
export function replicaScale<T extends KubeObject>(
  selector: (object: T) => string = (object) => formatLabelSelector(object["spec"]?.selector),
): ScaleRules<T> {
  return {
    replicas: (object) => object["spec"]?.replicas ?? 0,
    setReplicas: (object, replicas) => ({ ...object, spec: { ...object["spec"], replicas } }),
    statusReplicas: (object) => object["status"]?.replicas ?? 0,
    selector,
  };
}
