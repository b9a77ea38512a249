import type { KubeObject } from "../../apimachinery/index.ts";
import { isTerminating } from "../resources.ts";

/** What a Job makes of pods that failed: k8s.io/kubernetes/pkg/controller/job/pod_failure_policy.go. */

interface Rule {
  action: "FailJob" | "FailIndex" | "Ignore" | "Count";
  onExitCodes?: { containerName?: string; operator: "In" | "NotIn"; values: number[] };
  onPodConditions?: { type: string; status: string }[];
}

interface ContainerStatus {
  name: string;
  state?: { terminated?: { exitCode: number } };
}

export interface FailureVerdict {
  /** Towards the limits. */
  readonly counted: boolean;
  readonly action: Rule["action"] | undefined;
  /** With FailJob: why. */
  readonly message: string;
}

const plain: FailureVerdict = { counted: true, action: undefined, message: "" };

/** By the first rule that speaks of the pod. */
export function judgeFailure(job: KubeObject, pod: KubeObject): FailureVerdict {
  const rules = (job.spec.podFailurePolicy?.rules ?? []) as Rule[];
  for (const [index, rule] of rules.entries()) {
    const found = matchOf(rule, pod);
    if (found === undefined) continue;
    const { action } = rule;
    const message = `${found} matching ${action} rule at index ${index}`;
    return { counted: action !== "Ignore", action, message };
  }
  return plain;
}

/** What of the pod the rule speaks of, in upstream's words. */
function matchOf({ onExitCodes, onPodConditions }: Rule, pod: KubeObject): string | undefined {
  const { namespace, name } = pod.metadata;
  if (onExitCodes !== undefined) {
    const { containerName, operator, values } = onExitCodes;
    const statuses = [
      ...((pod.status?.containerStatuses ?? []) as ContainerStatus[]),
      ...((pod.status?.initContainerStatuses ?? []) as ContainerStatus[]),
    ];
    for (const status of statuses) {
      const code = status.state?.terminated?.exitCode ?? 0;
      if (code === 0 || (containerName !== undefined && containerName !== status.name)) continue;
      if (values.includes(code) !== (operator === "In")) continue;
      return `Container ${status.name} for pod ${namespace}/${name} failed with exit code ${code}`;
    }
    return undefined;
  }
  const conditions = (pod.status?.conditions ?? []) as { type: string; status: string }[];
  const found = conditions.find((condition) =>
    onPodConditions?.some(({ type, status }) => type === condition.type && status === condition.status),
  );
  return found === undefined ? undefined : `Pod ${namespace}/${name} has condition ${found.type}`;
}

/** Pods on their way out are waited for before others take their place. */
export function replacesOnlyFailed(job: KubeObject): boolean {
  return job.spec.podReplacementPolicy === "Failed" || job.spec.podFailurePolicy !== undefined;
}

export function isFailed(job: KubeObject, pod: KubeObject): boolean {
  const phase: string | undefined = pod.status?.phase;
  if (phase === "Failed") return true;
  // One that is deleted may never come to fail.
  return !replacesOnlyFailed(job) && isTerminating(pod) && phase !== "Succeeded";
}

const failureCount = "batch.kubernetes.io/job-index-failure-count";
const ignoredCount = "batch.kubernetes.io/job-index-ignored-failure-count";

const numberIn = (pod: KubeObject, annotation: string): number => {
  const text = pod.metadata.annotations?.[annotation] ?? "";
  return /^\d{1,9}$/.test(text) ? Number(text) : 0;
};

/** Whether the pod's failure is the last that its index may have. */
export function failsIndex(job: KubeObject, pod: KubeObject): boolean {
  const limit: number | undefined = job.spec.backoffLimitPerIndex;
  if (limit === undefined || !isFailed(job, pod)) return false;
  const { counted, action } = judgeFailure(job, pod);
  return action === "FailIndex" || (counted && numberIn(pod, failureCount) >= limit);
}

/** How often the index had failed before the pod, whether that was counted or not. */
export function indexFailures(pod: KubeObject): number {
  return numberIn(pod, failureCount) + numberIn(pod, ignoredCount);
}

/** What the next pod of an index says of those before it, of which this was the last. */
export function failureAnnotations(
  job: KubeObject,
  replaced: KubeObject | undefined,
): Record<string, string> {
  if (job.spec.backoffLimitPerIndex === undefined) return {};
  if (replaced === undefined) return { [failureCount]: "0" };
  const { counted } = judgeFailure(job, replaced);
  const ignored = numberIn(replaced, ignoredCount) + (counted ? 0 : 1);
  return {
    [failureCount]: String(numberIn(replaced, failureCount) + (counted ? 1 : 0)),
    ...(ignored > 0 ? { [ignoredCount]: String(ignored) } : {}),
  };
}
