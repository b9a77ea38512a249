/** The two PriorityClasses that every cluster has, as kube-apiserver makes them at start. */
import { StatusError } from "../apimachinery/index.ts";
import { type Client, type Log, pause } from "../client/index.ts";
import type { Clock } from "../platform/index.ts";

const retryMs = 500;
const priorityClasses = { group: "scheduling.k8s.io", version: "v1", resource: "priorityclasses" };

const systemClasses = [
  {
    metadata: { name: "system-node-critical" },
    value: 2_000_001_000,
    description: "Used for system critical pods that must not be moved from their current node.",
  },
  {
    metadata: { name: "system-cluster-critical" },
    value: 2_000_000_000,
    description:
      "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
  },
];

/** Tries until they are there or the signal fires. */
export async function ensureSystemPriorityClasses(options: {
  client: Client;
  clock: Clock;
  log: Log;
  signal: AbortSignal;
}): Promise<void> {
  const { client, clock, log, signal } = options;
  while (!signal.aborted) {
    try {
      // A read is cheaper than refused writes, and all members start alike.
      const { items } = await client.list(priorityClasses, {});
      const present = new Set(items.map(({ metadata }) => metadata.name));
      for (const wanted of systemClasses) {
        if (!present.has(wanted.metadata.name)) await createOrAccept(client, wanted);
      }
      return;
    } catch (error) {
      log.debug("the system's PriorityClasses are not there yet", {
        error: error instanceof Error ? error.message : String(error),
      });
      await pause(clock, retryMs, signal);
    }
  }
}

/** Another member may have been first. */
async function createOrAccept(client: Client, wanted: (typeof systemClasses)[number]): Promise<void> {
  try {
    await client.create(priorityClasses, wanted);
  } catch (error) {
    if (!(error instanceof StatusError && error.reason === "AlreadyExists")) throw error;
  }
}
