/** Upstream's switch: objects that are shared in the watch cache are frozen, and who changes one is found out at once. */
export const frozenObjects = process.env["KUBE_CACHE_MUTATION_DETECTOR"] === "true";
