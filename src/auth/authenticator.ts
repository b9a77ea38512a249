import { createHash, timingSafeEqual } from "node:crypto";
import type { UserInfo } from "../apimachinery/index.ts";
import type { PeerCertificate } from "../platform/index.ts";

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
  /** Undefined: something was shown that is good for nobody. Who shows nothing is `anonymous`. */
  authenticate(credentials: Credentials): UserInfo | undefined;
}

/** Groups that everybody known, and everybody unknown, is in. */
const authenticatedGroup = "system:authenticated";
const unauthenticatedGroup = "system:unauthenticated";

export const anonymous: UserInfo = { name: "system:anonymous", groups: [unauthenticatedGroup] };

/** Bytes of a bearer token that are looked at; nothing that is given out is longer. */
const tokenCharsMax = 16_384;

/** Known bearer tokens, upstream's --token-auth-file. */
export interface StaticToken {
  readonly token: string;
  readonly user: UserInfo;
}

/**
 * Client certificates (CN is the user, each O a group) and static bearer tokens, in this order; a good certificate wins over a
 * bad token. Upstream's union of authenticators, with --anonymous-auth.
 */
export function createAuthenticator(options: { tokens?: readonly StaticToken[] } = {}): Authenticator {
  const tokens = (options.tokens ?? []).map(({ token, user }) => ({
    digest: digestOf(token),
    user: known(user),
  }));
  // One connection sends many requests: its user is made once.
  const users = new WeakMap<PeerCertificate, UserInfo>();

  const byCertificate = (certificate: PeerCertificate): UserInfo => {
    let user = users.get(certificate);
    if (user === undefined) {
      user = known({ name: certificate.commonName, groups: certificate.organizations });
      users.set(certificate, user);
    }
    return user;
  };

  const byToken = (token: string): UserInfo | undefined => {
    const digest = digestOf(token);
    let found: UserInfo | undefined;
    for (const entry of tokens) if (timingSafeEqual(entry.digest, digest)) found = entry.user;
    return found;
  };

  return {
    authenticate({ peerCertificate, peerCertificateError, authorization }) {
      if (peerCertificate !== undefined && peerCertificate.commonName !== "")
        return byCertificate(peerCertificate);
      const token = authorization === undefined ? undefined : bearerToken(authorization);
      // A bad certificate is not forgiven as none would be, unless a good token comes with it.
      if (token === undefined) return peerCertificateError === undefined ? anonymous : undefined;
      return token.length > tokenCharsMax ? undefined : byToken(token);
    },
  };
}

/** The token of `Bearer TOKEN`; other schemes (Basic) are as if nothing had been sent. */
function bearerToken(authorization: string): string | undefined {
  const [scheme = "", token = ""] = authorization.trim().split(" ");
  return scheme.toLowerCase() === "bearer" && token !== "" ? token : undefined;
}

function known(user: UserInfo): UserInfo {
  if (user.groups.includes(authenticatedGroup)) return user;
  return { ...user, groups: [...user.groups, authenticatedGroup] };
}

const digestOf = (token: string): Buffer => createHash("sha256").update(token).digest();
