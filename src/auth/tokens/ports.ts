import type { GroupVersionResource, KubeObject, UserInfo } from "../../apimachinery/index.ts";

/** What a token is good for. */
export interface TokenVerdict {
  readonly user: UserInfo;
  /** Of those asked for, the ones it is meant for. */
  readonly audiences: readonly string[];
  /** Wall time in milliseconds from which on it is void; undefined where it has no end. */
  readonly expiresAt?: number;
}

/** One kind of bearer tokens: k8s.io/apiserver/pkg/authentication/authenticator.Token. */
export interface TokenAuthenticator {
  /** Undefined: it is no token of this kind. @throws TokenError: it is, and not good */
  authenticate(
    token: string,
    audiences: readonly string[],
  ): Promise<TokenVerdict | undefined> | TokenVerdict | undefined;
}

/** Why a token is refused; told to those who review tokens, not to who sent it. */
export class TokenError extends Error {
  override readonly name = "TokenError";
}

/** The objects that tokens speak of. */
export interface ObjectReader {
  /** Undefined where there is none. `fresh`: not from a cache. */
  get(
    resource: GroupVersionResource,
    at: { namespace: string; name: string; fresh?: boolean },
  ): Promise<KubeObject | undefined>;
}
