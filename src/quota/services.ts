import type { KubeObject } from "../apimachinery/index.ts";
import type { Evaluator } from "./evaluator.ts";
import { one, zero } from "./resource-list.ts";

const names = ["count/services", "services", "services.nodeports", "services.loadbalancers"];
const amount = (count: number) => ({ nano: BigInt(count) * 1_000_000_000n, format: "DecimalSI" as const });

export const serviceEvaluator: Evaluator = {
  handles: ({ operation, subresource }) =>
    subresource === "" && (operation === "CREATE" || operation === "UPDATE"),
  matching: (wanted) => wanted.filter((name) => names.includes(name)),
  usage: (service) =>
    new Map([
      ["count/services", one],
      ["services", one],
      ["services.nodeports", amount(nodePorts(service))],
      ["services.loadbalancers", service["spec"]?.type === "LoadBalancer" ? one : zero],
    ]),
  inScope: () => false,
};

function nodePorts(service: KubeObject): number {
  const { type, ports = [], allocateLoadBalancerNodePorts } = service["spec"] ?? {};
  if (type === "NodePort") return ports.length;
  if (type !== "LoadBalancer") return 0;
  if (allocateLoadBalancerNodePorts !== false) return ports.length;
  return ports.filter(({ nodePort = 0 }: { nodePort?: number }) => nodePort !== 0).length;
}
