/** /metrics of the kubelet, as far as it says what runs here. */
import { createMetrics } from "../../telemetry/index.ts";
import type { PodHost } from "./pod-host.ts";

type ContainerState = "running" | "exited" | "created";

/** In Prometheus' text format, under the kubelet's names. */
export function podMetrics(nodeName: string, pods: ReturnType<PodHost["pods"]>): string {
  const metrics = createMetrics();
  const gauge = { type: "gauge" } as const;
  const states = pods.map((pod) => statesOf(pod["status"]));
  metrics.read("kubelet_node_name", "The node's name; always 1.", { ...gauge, labels: ["node"] }, () => [
    [[nodeName], 1],
  ]);
  metrics.gauge(
    "kubelet_running_pods",
    "Pods of which a container runs.",
    () => states.filter((each) => each.includes("running")).length,
  );
  metrics.read(
    "kubelet_running_containers",
    "Containers that there are, by what they are doing.",
    { ...gauge, labels: ["container_state"] },
    () => {
      const counts = new Map<ContainerState, number>();
      for (const state of states.flat()) counts.set(state, (counts.get(state) ?? 0) + 1);
      return [...counts].map(([state, count]) => [[state], count] as const);
    },
  );
  return metrics.expose();
}

interface ContainerStatus {
  readonly state?: { readonly running?: object; readonly terminated?: object };
}

interface PodStatus {
  readonly containerStatuses?: readonly ContainerStatus[];
  readonly initContainerStatuses?: readonly ContainerStatus[];
}

function statesOf({ containerStatuses = [], initContainerStatuses = [] }: PodStatus = {}): ContainerState[] {
  return [...initContainerStatuses, ...containerStatuses].map(({ state = {} }) => {
    if (state.running !== undefined) return "running";
    return state.terminated === undefined ? "created" : "exited";
  });
}
