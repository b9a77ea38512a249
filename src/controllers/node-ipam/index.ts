import type { KubeObject } from "../../apimachinery/index.ts";
import { createWorkqueue } from "../../client/index.ts";
import type { ControllerContext, ControllerDescriptor } from "../context.ts";
import { workUntil } from "../lifecycle.ts";
import { nodes } from "../resources.ts";
import { cidrPool } from "./cidr.ts";

/** Gives every node its own range of pod addresses, for as long as it exists: pkg/controller/nodeipam. */
export const nodeIpamController: ControllerDescriptor = {
  name: "node-ipam-controller",
  aliases: ["nodeipam"],
  create,
};

function create(context: ControllerContext): { run(): Promise<void> } {
  const { client, clock, log, signal, informers, settings } = context;
  if (settings.clusterCidr === undefined) return { run: async () => {} };
  const pool = cidrPool(settings.clusterCidr, settings.nodeCidrMaskSize);
  const known = informers.informer(nodes);
  const recorder = context.recorder("cidrAllocator");
  /** Part → the node that has it, or is about to get it. */
  const taken = new Map<number, string>();
  /** One at a time: two nodes must never be given the same range. */
  const queue = createWorkqueue({ name: "node ranges", clock, log, process: allocate, concurrency: 1 });

  function occupy(node: KubeObject): void {
    const name = node.metadata.name as string;
    const cidr: string | undefined = node.spec?.podCIDR;
    if (cidr === undefined || cidr === "") queue.add(name);
    else {
      const index = pool.indexOf(cidr);
      if (index !== undefined) taken.set(index, name);
    }
  }

  known.addHandler({
    add: occupy,
    update: occupy,
    delete({ metadata }) {
      for (const [index, name] of taken) if (name === metadata.name) taken.delete(index);
      // Whoever found no range may now.
      for (const node of known.lister.list()) occupy(node);
    },
  });

  async function allocate(name: string): Promise<void> {
    const node = known.lister.get("", name);
    if (node === undefined || (node.spec?.podCIDR ?? "") !== "") return;
    // Given already, where the informer has not shown it yet.
    if ([...taken.values()].includes(name)) return;
    const index = firstFree();
    if (index === undefined) {
      recorder.event(node, "Normal", "CIDRNotAvailable", `Node ${name} status is now: CIDRNotAvailable`);
      return;
    }
    taken.set(index, name);
    const podCIDR = pool.part(index);
    try {
      await client.patch(nodes, name, {
        type: "strategic",
        body: { spec: { podCIDR, podCIDRs: [podCIDR] } },
      });
    } catch (error) {
      taken.delete(index);
      throw error;
    }
  }

  function firstFree(): number | undefined {
    for (let index = 0; index < pool.size; index++) if (!taken.has(index)) return index;
    return undefined;
  }

  return { run: () => workUntil(signal, queue) };
}
