/** The administrator's way in: in system:masters, by certificate. */
import { ecPrivateKeyPem } from "../../auth/index.ts";
import { type Kubeconfig, singleContextKubeconfig, type UndiciTransportOptions } from "../../client/index.ts";
import type { Pki } from "../certificates/pki.ts";

/** A kubeconfig with everything in it: one file is all a client needs. */
export function adminKubeconfig(pki: Pki, server: string): Kubeconfig {
  const { cert, key } = pki.admin;
  return singleContextKubeconfig({
    name: "raftsman",
    server,
    ca: pki.apiCa,
    user: "kubernetes-admin",
    cert,
    // The Java client of fabric8 takes `PRIVATE KEY` for an RSA key without looking into it.
    key: ecPrivateKeyPem(key),
  });
}

/** The same for this process's own clients. */
export function adminConnection(pki: Pki, server: string): UndiciTransportOptions {
  return { server, ca: pki.apiCa, cert: pki.admin.cert, key: pki.admin.key };
}
