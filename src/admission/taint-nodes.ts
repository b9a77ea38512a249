import type { AdmissionPlugin } from "./ports.ts";

interface Taint {
  readonly key: string;
  readonly effect: string;
}

const notReady: Taint = { key: "node.kubernetes.io/not-ready", effect: "NoSchedule" };

/** A new node takes no pods before its controller has seen it ready: upstream's TaintNodesByCondition. */
export const taintNodesByCondition: AdmissionPlugin = {
  name: "TaintNodesByCondition",
  resources: ["nodes"],
  mutate({ operation, resource, subresource, object }) {
    if (
      operation !== "CREATE" ||
      resource.group !== "" ||
      resource.resource !== "nodes" ||
      subresource !== ""
    )
      return;
    if (object === undefined) return;
    object["spec"] ??= {};
    const taints: readonly Taint[] = object["spec"].taints ?? [];
    if (taints.some(({ key, effect }) => key === notReady.key && effect === notReady.effect)) return;
    object["spec"].taints = [...taints, notReady];
  },
};
