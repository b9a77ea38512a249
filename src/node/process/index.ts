import { NodeAgent } from "./node.ts";
import type { ProcessNode, ProcessNodeOptions } from "./ports.ts";

export type { ProcessNode, ProcessNodeOptions } from "./ports.ts";

/** Runs the pods bound to the node as processes of this machine. @throws where another agent has the directory */
export async function startProcessNode(options: ProcessNodeOptions): Promise<ProcessNode> {
  const agent = await NodeAgent.open(options, { port: 0, annotations: {} });
  return {
    name: options.name,
    registered: agent.registered,
    stop: () => agent.stop(),
    detach: () => agent.detach(),
  };
}
