import type { UserInfo } from "../apimachinery/index.ts";
import type { Clock, PeerCertificate } from "../platform/index.ts";
import type { TokenAuthenticator } from "./tokens/ports.ts";
import { authenticated, reviewToken, type TokenReview } from "./tokens/union.ts";
import { VerifiedTokens } from "./tokens/verified-tokens.ts";

/** What a request shows of who sent it. */
interface Credentials {
  /** Of the connection, checked against the authority of clients. */
  readonly peerCertificate?: PeerCertificate | undefined;
  /** Why the certificate that was shown is not good, where one was. */
  readonly peerCertificateError?: string | undefined;
  /** The Authorization header. */
  readonly authorization?: string | undefined;
}

/** Says who asks. */
export interface Authenticator {
  /**
   * Undefined: something was shown that is good for nobody. Who shows nothing is `anonymous`. A promise only for a token that was not
   * seen in the last seconds.
   */
  authenticate(credentials: Credentials): UserInfo | undefined | Promise<UserInfo | undefined>;
  /** What a token is good for: never from memory. */
  review(token: string, audiences: readonly string[]): Promise<TokenReview>;
}

export const anonymous: UserInfo = { name: "system:anonymous", groups: ["system:unauthenticated"] };

export interface AuthenticatorDeps {
  /** Kinds of bearer tokens, in the order in which they are asked. */
  readonly tokens: readonly TokenAuthenticator[];
  /** Of this server: whom a token must be meant for. */
  readonly audiences: readonly string[];
  readonly clock: Clock;
  /** Whether who shows nothing is let on as `anonymous`; true by default. */
  readonly anonymousAuth?: boolean;
}

/**
 * Client certificates (CN is the user, each O a group) and bearer tokens, in this order; a good certificate wins over a bad token.
 * Upstream's union of authenticators, with --anonymous-auth.
 */
export function createAuthenticator(deps: AuthenticatorDeps): Authenticator {
  const { audiences, anonymousAuth = true } = deps;
  const verified = new VerifiedTokens(deps.clock);
  // One connection sends many requests: its user is made once.
  const users = new WeakMap<PeerCertificate, UserInfo>();

  const byCertificate = (certificate: PeerCertificate): UserInfo => {
    let user = users.get(certificate);
    if (user === undefined) {
      user = authenticated({ name: certificate.commonName, groups: certificate.organizations });
      users.set(certificate, user);
    }
    return user;
  };

  const review = (token: string, asked: readonly string[]): Promise<TokenReview> =>
    reviewToken(token, asked, deps.tokens);

  const byToken = async (token: string): Promise<UserInfo | undefined> => {
    const { verdict } = await review(token, audiences);
    if (verdict !== undefined) verified.add(token, verdict);
    return verdict?.user;
  };

  return {
    authenticate({ peerCertificate, peerCertificateError, authorization }) {
      if (peerCertificate !== undefined && peerCertificate.commonName !== "")
        return byCertificate(peerCertificate);
      const token = authorization === undefined ? undefined : bearerToken(authorization);
      // A bad certificate is not forgiven as none would be, unless a good token comes with it.
      if (token === undefined)
        return peerCertificateError === undefined && anonymousAuth ? anonymous : undefined;
      return verified.get(token) ?? byToken(token);
    },
    review,
  };
}

/** The token of `Bearer TOKEN`; other schemes (Basic) are as if nothing had been sent. */
function bearerToken(authorization: string): string | undefined {
  const [scheme = "", token = ""] = authorization.trim().split(" ");
  return scheme.toLowerCase() === "bearer" && token !== "" ? token : undefined;
}
