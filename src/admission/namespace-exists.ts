import { errors } from "../apimachinery/index.ts";
import type { AdmissionPlugin, AdmissionReader } from "./ports.ts";

const namespaces = { group: "", version: "v1", resource: "namespaces" };

/** What NamespaceLifecycle checks of creations, of every write: upstream's NamespaceExists. */
export function namespaceExists(reader: AdmissionReader): AdmissionPlugin {
  return {
    name: "NamespaceExists",
    async validate({ namespace, resource }) {
      if (namespace === "" || (resource.group === "" && resource.resource === "namespaces")) return;
      const at = { namespace: "", name: namespace };
      const found =
        (await reader.get(namespaces, at)) ?? (await reader.get(namespaces, { ...at, fresh: true }));
      if (found === undefined) throw errors.notFound(namespaces, namespace);
    },
  };
}
