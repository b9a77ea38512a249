import { createPrivateKey, X509Certificate } from "node:crypto";
import type { KubeObject } from "../apimachinery/index.ts";
import type { Certificate, Problem } from "./types.ts";

/** v1 Secret of type kubernetes.io/tls */
export interface TlsSecret extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** The certificate and the key belong together. */
export function isUsableCertificate({ cert, key }: Certificate): boolean {
  try {
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

/** Reads certificates out of Secrets; of one version of a Secret always the same object, so that drivers prepare it once. */
export class SecretCertificates {
  readonly #known = new Map<string, { version: string | undefined; found: Certificate | Problem }>();

  read(name: string, secret: TlsSecret | undefined): Certificate | Problem {
    if (secret === undefined) {
      this.#known.delete(name);
      return { reason: "SecretNotFound", message: `there is no Secret ${name} of type kubernetes.io/tls` };
    }
    const version = secret.metadata.resourceVersion;
    const known = this.#known.get(name);
    if (known !== undefined && known.version === version) return known.found;
    const text = (field: string): string =>
      Buffer.from(secret.data?.[field] ?? "", "base64").toString("utf8");
    const certificate = { cert: text("tls.crt"), key: text("tls.key") };
    const found = isUsableCertificate(certificate)
      ? certificate
      : {
          reason: "InvalidCertificate",
          message: `Secret ${name}: tls.crt and tls.key cannot be used together`,
        };
    this.#known.set(name, { version, found });
    return found;
  }
}
