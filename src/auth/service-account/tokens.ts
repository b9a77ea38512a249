import type { KubeObject } from "../../apimachinery/index.ts";
import type { Clock, Random } from "../../platform/index.ts";
import { type SigningKey, signToken } from "../tokens/jws.ts";
import { serviceAccountUserName } from "./names.ts";

/** Issuer of tokens that live in Secrets: such a token has no audience and no end. */
export const legacyIssuer = "kubernetes/serviceaccount";

interface TokenRequest {
  readonly account: KubeObject;
  /** What the token ends with, besides its account: at most one of pod and secret; `node` alone, or where the pod runs. */
  readonly pod?: KubeObject | undefined;
  readonly secret?: KubeObject | undefined;
  readonly node?: KubeObject | undefined;
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
  /** From when on its use is worth a warning; undefined: never. */
  readonly warnAfterSeconds?: number | undefined;
}

/** Makes tokens for ServiceAccounts: k8s.io/kubernetes/pkg/serviceaccount. */
export interface TokenIssuer {
  /** `iss` of its tokens. */
  readonly issuer: string;
  /** Who tokens are for that name nobody, and whom this server answers. */
  readonly audiences: readonly string[];
  /** Longest life of a token that somebody asks for, in seconds; undefined for no bound. */
  readonly secondsMax?: number | undefined;
  /** `id`: its `jti`, by which records name it. */
  issue(request: TokenRequest): { readonly token: string; readonly id: string };
  /** For a Secret of type kubernetes.io/service-account-token. */
  issueLegacy(account: KubeObject, secret: KubeObject): string;
}

export function createTokenIssuer(deps: {
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly secondsMax?: number | undefined;
  readonly key: SigningKey;
  readonly clock: Clock;
  readonly random: Random;
}): TokenIssuer {
  const { issuer, audiences, secondsMax, key, clock, random } = deps;
  return {
    issuer,
    audiences,
    secondsMax,
    issue(request) {
      const { account, pod, secret, node, warnAfterSeconds } = request;
      const now = Math.floor(clock.now() / 1000);
      const id = random.uuid();
      const bound = {
        ...(node === undefined ? {} : { node: referenceTo(node) }),
        ...(pod === undefined ? {} : { pod: referenceTo(pod) }),
        ...(secret === undefined ? {} : { secret: referenceTo(secret) }),
      };
      const claims = {
        aud: request.audiences,
        exp: now + request.expirationSeconds,
        iat: now,
        iss: issuer,
        jti: id,
        "kubernetes.io": {
          namespace: account.metadata.namespace,
          ...bound,
          serviceaccount: referenceTo(account),
          ...(warnAfterSeconds === undefined ? {} : { warnafter: now + warnAfterSeconds }),
        },
        nbf: now,
        sub: userNameOf(account),
      };
      return { token: signToken(claims, key), id };
    },
    issueLegacy(account, secret) {
      const prefix = "kubernetes.io/serviceaccount";
      const claims = {
        iss: legacyIssuer,
        [`${prefix}/namespace`]: account.metadata.namespace,
        [`${prefix}/secret.name`]: secret.metadata.name,
        [`${prefix}/service-account.name`]: account.metadata.name,
        [`${prefix}/service-account.uid`]: account.metadata.uid,
        sub: userNameOf(account),
      };
      return signToken(claims, key);
    },
  };
}

const referenceTo = ({ metadata }: KubeObject) => ({
  name: metadata.name,
  ...(metadata.uid === undefined ? {} : { uid: metadata.uid }),
});

const userNameOf = ({ metadata }: KubeObject): string =>
  serviceAccountUserName(metadata.namespace ?? "", metadata.name ?? "");
