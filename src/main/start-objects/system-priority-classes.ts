/** The two PriorityClasses that every cluster has, as kube-apiserver makes them at start. */
import { createMissing, ensure, type PlantedOptions } from "./ensure.ts";

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
export async function ensureSystemPriorityClasses(options: PlantedOptions): Promise<void> {
  if (options.isPlanted === true) return;
  await ensure(options, "the system's PriorityClasses are", () =>
    createMissing(options.client, priorityClasses, systemClasses),
  );
}
