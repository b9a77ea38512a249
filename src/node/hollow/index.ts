/**
 * Nodes that only say what a kubelet would: they register, keep their heartbeat, take the pods bound to them, give each an
 * address and report it running and ready, and let it go when it is deleted. No container runs. All nodes of a
 * process share one informer of pods and one of nodes, so a hundred idle nodes cost a hundred heartbeats every ten
 * seconds and nothing else.
 */
import { createInformer } from "../../client/index.ts";
import { nodes } from "../agent/registration.ts";
import { HollowAgent, nodeIndex } from "./agent.ts";
import type { HollowNodes, HollowNodesOptions } from "./ports.ts";

export type { HollowNode, HollowNodeOptions, HollowNodes, HollowNodesOptions } from "./ports.ts";

const pods = { group: "", version: "v1", resource: "pods" };

export function createHollowNodes(options: HollowNodesOptions): HollowNodes {
  const stopping = new AbortController();
  const podInformer = createInformer({ ...options, scope: pods, fieldSelector: "spec.nodeName!=" });
  const nodeInformer = createInformer({ ...options, scope: nodes });
  podInformer.addIndex(nodeIndex, (pod) => [pod.spec?.nodeName ?? ""]);
  const running = new Map<string, HollowAgent>();

  podInformer.addHandler({
    add: (pod) => running.get(pod.spec?.nodeName)?.podChanged(pod),
    update: (pod) => running.get(pod.spec?.nodeName)?.podChanged(pod),
    delete: (pod) => running.get(pod.spec?.nodeName)?.podGone(pod),
  });
  nodeInformer.addHandler({
    add: (node) => running.get(node.metadata.name as string)?.nodeChanged(node),
    update: (node) => running.get(node.metadata.name as string)?.nodeChanged(node),
  });

  return {
    add(node) {
      podInformer.start(stopping.signal);
      nodeInformer.start(stopping.signal);
      const agent = new HollowAgent(options, node, podInformer, nodeInformer);
      running.set(node.name, agent);
      const forget = (): void => {
        running.delete(node.name);
      };
      return {
        name: node.name,
        registered: agent.registered,
        async stop() {
          forget();
          await agent.stop();
        },
        crash() {
          forget();
          agent.crash();
        },
      };
    },
    async stop() {
      await Promise.all([...running.values()].map((agent) => agent.stop()));
      running.clear();
      stopping.abort();
    },
  };
}
