import type { KubeObject } from "../../apimachinery/index.ts";
import type { Taint } from "../node-lifecycle/taints.ts";
import { matchesNodeAffinity } from "../scheduler/node-affinity.ts";
import { type Toleration, tolerates } from "../scheduler/taints.ts";

/** What a daemon bears that other pods do not: util.AddOrUpdateDaemonPodTolerations. */
const daemonTolerations: readonly Toleration[] = [
  { key: "node.kubernetes.io/not-ready", operator: "Exists", effect: "NoExecute" },
  { key: "node.kubernetes.io/unreachable", operator: "Exists", effect: "NoExecute" },
  { key: "node.kubernetes.io/disk-pressure", operator: "Exists", effect: "NoSchedule" },
  { key: "node.kubernetes.io/memory-pressure", operator: "Exists", effect: "NoSchedule" },
  { key: "node.kubernetes.io/pid-pressure", operator: "Exists", effect: "NoSchedule" },
  { key: "node.kubernetes.io/unschedulable", operator: "Exists", effect: "NoSchedule" },
];

const networkUnavailable: Toleration = {
  key: "node.kubernetes.io/network-unavailable",
  operator: "Exists",
  effect: "NoSchedule",
};

export function tolerationsOf(spec: KubeObject["spec"]): Toleration[] {
  const own = (spec.tolerations ?? []) as Toleration[];
  const added = spec.hostNetwork === true ? [...daemonTolerations, networkUnavailable] : daemonTolerations;
  const isAdded = (toleration: Toleration): boolean =>
    added.some(
      ({ key, effect, operator }) =>
        key === toleration.key && effect === toleration.effect && operator === toleration.operator,
    );
  return [...own.filter((toleration) => !isAdded(toleration)), ...added];
}

export interface NodeFit {
  readonly shouldRun: boolean;
  /** A pod that is there may stay. */
  readonly mayStay: boolean;
}

/** Whether a daemon of this template belongs on the node: nodeShouldRunDaemonPod. */
export function fitOf(daemonSet: KubeObject, node: KubeObject): NodeFit {
  const spec = daemonSet.spec.template.spec;
  const named: string = spec.nodeName ?? "";
  const pod = { metadata: {}, spec } as KubeObject;
  if ((named !== "" && named !== node.metadata.name) || !matchesNodeAffinity(pod, node)) {
    return { shouldRun: false, mayStay: false };
  }
  const tolerations = tolerationsOf(spec);
  const untolerated = ((node.spec?.taints ?? []) as Taint[]).filter(
    (taint) =>
      taint.effect !== "PreferNoSchedule" && !tolerations.some((toleration) => tolerates(toleration, taint)),
  );
  return {
    shouldRun: untolerated.length === 0,
    mayStay: untolerated.every(({ effect }) => effect !== "NoExecute"),
  };
}

/** A pod's node: the one it is bound to, or the one that its affinity names. */
export function nodeNameOf(pod: KubeObject): string {
  if (pod.spec?.nodeName) return pod.spec.nodeName as string;
  const terms =
    pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  for (const { matchFields = [] } of terms as { matchFields?: { key: string; values?: string[] }[] }[]) {
    const [field] = matchFields;
    if (field?.key === "metadata.name") return field.values?.[0] ?? "";
  }
  return "";
}

/** The template's affinity with the node's name in place of all that it required. */
export function affinityFor(affinity: KubeObject["spec"], nodeName: string): object {
  const term = { matchFields: [{ key: "metadata.name", operator: "In", values: [nodeName] }] };
  return {
    ...affinity,
    nodeAffinity: {
      ...affinity?.nodeAffinity,
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] },
    },
  };
}
