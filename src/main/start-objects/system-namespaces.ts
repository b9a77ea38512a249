/** The namespaces that every cluster has: kube-apiserver keeps them itself, so they do not depend on which controllers run. */
import { createMissing, keep, type PlantedOptions } from "./ensure.ts";

const namespaces = { group: "", version: "v1", resource: "namespaces" };
const wanted = ["default", "kube-system", "kube-public", "kube-node-lease"].map((name) => ({
  metadata: { name },
}));
/** Between two looks whether somebody deleted one: upstream's interval. Milliseconds. */
const repairMs = 60_000;

/** Makes them, and makes them again whenever one is gone, until the signal fires. `there`: they are for the first time. */
export function keepSystemNamespaces(options: PlantedOptions): { readonly there: Promise<void> } {
  const attempt = () => createMissing(options.client, namespaces, wanted);
  return keep(options, "the system's namespaces are", { repairMs, attempt });
}
