/**
 * The ConfigMap `kube-system/extension-apiserver-authentication`, by which aggregated API servers learn whom to believe: clients with a
 * certificate of this cluster, and this cluster's API server when it asks on behalf of somebody.
 */
import { createMissing, createOrAccept, type EnsureOptions, ensure } from "./ensure.ts";
import type { Pki } from "./pki.ts";

const namespaces = { group: "", version: "v1", resource: "namespaces" };
const configMaps = { group: "", version: "v1", resource: "configmaps", namespace: "kube-system" };

/** Tries until it is there or the signal fires. */
export function ensureExtensionAuthentication(
  options: EnsureOptions & { readonly pki: Pick<Pki, "apiCa" | "frontProxy"> },
): Promise<void> {
  const { client, pki } = options;
  const configMap = {
    metadata: { name: "extension-apiserver-authentication" },
    data: {
      "client-ca-file": pki.apiCa,
      "requestheader-allowed-names": JSON.stringify(["front-proxy-client"]),
      "requestheader-client-ca-file": pki.frontProxy.ca ?? "",
      "requestheader-extra-headers-prefix": JSON.stringify(["X-Remote-Extra-"]),
      "requestheader-group-headers": JSON.stringify(["X-Remote-Group"]),
      "requestheader-uid-headers": JSON.stringify(["X-Remote-Uid"]),
      "requestheader-username-headers": JSON.stringify(["X-Remote-User"]),
    },
  };
  return ensure(options, "what aggregated servers need to know is", async () => {
    await createOrAccept(client, namespaces, { metadata: { name: "kube-system" } });
    await createMissing(client, configMaps, [configMap]);
  });
}
