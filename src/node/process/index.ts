import { AgentAccess } from "../agent/access.ts";
import { certificateAnnotation } from "../agent/node-object.ts";
import type { PodHost } from "../agent/pod-host.ts";
import { startKubeletServer } from "../agent/server.ts";
import { NodeAgent } from "./node.ts";
import { ProcessPodHost } from "./pod-host.ts";
import type { ProcessNode, ProcessNodeOptions } from "./ports.ts";

export type { ProcessNode, ProcessNodeOptions } from "./ports.ts";
export type { ClusterDns } from "./resolv-conf.ts";

/** Runs the pods bound to the node as processes of this machine. @throws where another agent has the directory */
export async function startProcessNode(options: ProcessNodeOptions): Promise<ProcessNode> {
  const { machine, log, name, address, port, clientCa, directory } = options;
  let host: PodHost | undefined;
  const server = await startKubeletServer({
    platform: machine,
    log,
    address,
    port,
    clientCa,
    access: new AgentAccess({ client: options.client, clock: machine.clock, node: name }),
    host: () => host,
  });
  let agent: NodeAgent;
  try {
    agent = await NodeAgent.open(options, {
      port: server.port,
      annotations: { [certificateAnnotation]: server.certificateSha256 },
    });
  } catch (error) {
    await server.close();
    throw error;
  }
  host = new ProcessPodHost(machine, agent, { name, directory });
  return {
    name,
    registered: agent.registered,
    async stop() {
      await agent.stop();
      await server.close();
    },
    async detach() {
      await agent.detach();
      await server.close();
    },
  };
}
