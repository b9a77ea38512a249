import { createHash } from "node:crypto";
import type { UserInfo } from "../apimachinery/index.ts";
import type { Clock, PeerCertificate } from "../platform/index.ts";
import {
  Authorities,
  type HeaderLines,
  RequestHeaderAuthenticator,
  type RequestHeaderTrust,
} from "./request-header.ts";
import type { TokenAuthenticator } from "./tokens/ports.ts";
import { authenticated, reviewToken, type TokenReview } from "./tokens/union.ts";
import { VerifiedTokens } from "./tokens/verified-tokens.ts";

/** What a request shows of who sent it. */
interface Credentials {
  /** Of the connection, checked against the authority of clients. */
  readonly peerCertificate?: PeerCertificate | undefined;
  /** Why the certificate that was shown is not good, where one was. */
  readonly peerCertificateError?: string | undefined;
  /** What a proxy in front of this server says is there; read only where one may. */
  readonly headers?: (() => HeaderLines) | undefined;
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

/** Whose certificates count. */
type CertificateTrust = Pick<AuthenticatorDeps, "requestHeader" | "clientCa">;

/** One whose authorities may change while it serves. */
interface RenewableAuthenticator extends Authenticator {
  /** From now on these count, for connections that stand, too. Nothing changes where it throws. @throws Error where one cannot be read */
  trust(authorities: CertificateTrust): void;
}

export const anonymous: UserInfo = { name: "system:anonymous", groups: ["system:unauthenticated"] };

export interface AuthenticatorDeps {
  /** Kinds of bearer tokens, in the order in which they are asked. */
  readonly tokens: readonly TokenAuthenticator[];
  /** Of this server: whom a token must be meant for. */
  readonly audiences: readonly string[];
  readonly clock: Clock;
  /** Proxies that say who asks; nobody where left out. */
  readonly requestHeader?: RequestHeaderTrust | undefined;
  /** PEM of who signs clients' certificates, where proxies are believed by certificates of other authorities over the same listener. */
  readonly clientCa?: string | undefined;
  /** Whether who shows nothing is let on as `anonymous`; true by default. */
  readonly anonymousAuth?: boolean;
}

/**
 * Proxies that say who asks, client certificates (CN is the user, each O a group) and bearer tokens, in this order; a good certificate
 * wins over a bad token. Upstream's union of authenticators, with --anonymous-auth.
 */
export function createAuthenticator(deps: AuthenticatorDeps): RenewableAuthenticator {
  const { audiences, anonymousAuth = true } = deps;
  const verified = new VerifiedTokens(deps.clock);
  // One connection sends many requests: its user is made once.
  const users = new WeakMap<PeerCertificate, UserInfo>();

  let proxies = deps.requestHeader && new RequestHeaderAuthenticator(deps.requestHeader);
  let clients = proxies && new Authorities(deps.clientCa ?? "");

  const ofClient = (certificate: PeerCertificate): UserInfo => {
    let user = users.get(certificate);
    if (user === undefined) {
      const fingerprint = createHash("sha256").update(certificate.raw).digest("hex");
      user = authenticated({
        name: certificate.commonName,
        groups: certificate.organizations,
        extra: { "authentication.kubernetes.io/credential-id": [`X509SHA256=${fingerprint}`] },
      });
      users.set(certificate, user);
    }
    return user;
  };

  /** Undefined where it says nothing, "refused" where it is good for nobody. */
  const byCertificate = (
    certificate: PeerCertificate,
    headers: () => HeaderLines,
  ): UserInfo | "refused" | undefined => {
    const represented = proxies?.authenticate(certificate, headers);
    if (represented !== undefined) return authenticated(represented);
    if (clients !== undefined && !clients.haveSigned(certificate)) return "refused";
    return certificate.commonName === "" ? undefined : ofClient(certificate);
  };

  const review = (token: string, asked: readonly string[]): Promise<TokenReview> =>
    reviewToken(token, asked, deps.tokens);

  const byToken = async (token: string): Promise<UserInfo | undefined> => {
    const { verdict } = await review(token, audiences);
    if (verdict !== undefined) verified.add(token, verdict);
    return verdict?.user;
  };

  return {
    authenticate({ peerCertificate, peerCertificateError, headers = noHeaders, authorization }) {
      const shown =
        peerCertificateError === undefined
          ? peerCertificate && byCertificate(peerCertificate, headers)
          : "refused";
      if (shown !== undefined && shown !== "refused") return shown;
      const token = authorization === undefined ? undefined : bearerToken(authorization);
      // A bad certificate is not forgiven as none would be, unless a good token comes with it.
      if (token === undefined) return shown === undefined && anonymousAuth ? anonymous : undefined;
      return verified.get(token) ?? byToken(token);
    },
    review,
    trust({ requestHeader, clientCa = "" }) {
      const renewed = requestHeader && new RequestHeaderAuthenticator(requestHeader);
      // Connections that stand were checked against the authorities of before.
      clients = new Authorities(clientCa);
      proxies = renewed;
    },
  };
}

const noHeaders = (): HeaderLines => new Map();

/** The token of `Bearer TOKEN`; other schemes (Basic) are as if nothing had been sent. */
function bearerToken(authorization: string): string | undefined {
  const [scheme = "", token = ""] = authorization.trim().split(" ");
  return scheme.toLowerCase() === "bearer" && token !== "" ? token : undefined;
}
