import type { Pki } from "./pki.ts";

/** A kubeconfig (JSON, which is YAML) with everything in it: one file is all a client needs. */
export function adminKubeconfig(pki: Pki, server: string): string {
  const base64 = (text: string) => Buffer.from(text, "utf8").toString("base64");
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "raftsman", cluster: { server, "certificate-authority-data": base64(pki.apiCa) } }],
    users: [
      {
        name: "kubernetes-admin",
        user: { "client-certificate-data": base64(pki.admin.cert), "client-key-data": base64(pki.admin.key) },
      },
    ],
    contexts: [{ name: "raftsman", context: { cluster: "raftsman", user: "kubernetes-admin" } }],
    "current-context": "raftsman",
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}
