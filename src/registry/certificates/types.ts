import type { KubeObject } from "../../apimachinery/index.ts";

/** certificates.k8s.io/v1 CertificateSigningRequest. */
export interface CertificateSigningRequest extends KubeObject {
  spec: {
    /** Base64 of PEM. */
    request: string;
    signerName: string;
    expirationSeconds?: number;
    usages?: readonly string[];
    username?: string;
    uid?: string;
    groups?: readonly string[];
    extra?: Readonly<Record<string, readonly string[]>>;
  };
  status?: SigningStatus;
}

interface SigningStatus {
  conditions?: SigningCondition[];
  /** Base64 of PEM. */
  certificate?: string;
}

export interface SigningCondition {
  readonly type?: string;
  readonly status?: string;
  readonly lastUpdateTime?: string | null;
  readonly lastTransitionTime?: string | null;
}
