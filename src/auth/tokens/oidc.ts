import { createPublicKey, type JsonWebKeyInput } from "node:crypto";
import { isJsonObject, type Json, jsonTypeName, type UserInfo } from "../../apimachinery/index.ts";
import type { Clock } from "../../platform/index.ts";
import { type Claims, type ParsedToken, parseToken, type VerificationKey, verifyToken } from "./jws.ts";
import { type TokenAuthenticator, TokenError } from "./ports.ts";

/** Named as kube-apiserver's flags `--oidc-*`. */
export interface OidcOptions {
  /** `iss` of its tokens, and where its documents are. */
  readonly issuerUrl: string;
  /** Whom tokens must be for. */
  readonly clientId: string;
  readonly usernameClaim: string;
  /** Before each user's name, so that nobody is taken for somebody else's. */
  readonly usernamePrefix: string;
  /** Undefined: tokens say nothing of groups. */
  readonly groupsClaim: string | undefined;
  readonly groupsPrefix: string;
  /** Texts that claims must have. */
  readonly requiredClaims: ReadonlyMap<string, string>;
  readonly signingAlgs: readonly SigningAlg[];
}

/** Of RFC 7518, those that are served. */
export const signingAlgs = ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"] as const;
type SigningAlg = (typeof signingAlgs)[number];

interface OidcDeps {
  /** A JSON document. @throws Error */
  fetch(url: string): Promise<Json>;
  readonly clock: Clock;
  /** Of this server: the tokens are good for all of them. */
  readonly audiences: readonly string[];
}

/** Keys are asked for again at most so often, however many tokens name keys that nobody knows. Milliseconds. */
const refreshMs = 10_000;
/** Tokens of an OpenID Connect provider: k8s.io/apiserver/plugin/pkg/authenticator/token/oidc. */
export function oidcTokens(options: OidcOptions, deps: OidcDeps): TokenAuthenticator {
  const keys = new ProviderKeys(options, deps);
  return {
    async authenticate(token, asked) {
      const parsed = parseToken(token);
      if (parsed === undefined || parsed.claims["iss"] !== options.issuerUrl) return undefined;
      const meant = deps.audiences.filter((audience) => asked.includes(audience));
      if (meant.length === 0) return undefined;
      const expiresAt = checkClaims(parsed.claims, options, deps.clock.now());
      if (!(await keys.verify(parsed)))
        throw new TokenError(
          "oidc: verify token: failed to verify signature: failed to verify id token signature",
        );
      return { user: userOf(parsed.claims, options), audiences: meant, expiresAt };
    },
  };
}

/** Wall time at which the token ends, in milliseconds. @throws TokenError */
function checkClaims(claims: Claims, { clientId, requiredClaims }: OidcOptions, now: number): number {
  const { aud, exp, nbf } = claims;
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (!audiences.includes(clientId))
    throw new TokenError(
      `oidc: verify token: oidc: expected audience ${JSON.stringify(clientId)} got ${JSON.stringify(audiences)}`,
    );
  const end = typeof exp === "number" ? exp * 1000 : yearOne;
  if (end <= now)
    throw new TokenError(`oidc: verify token: oidc: token is expired (Token Expiry: ${timeText(end)})`);
  if (typeof nbf === "number" && nbf * 1000 > now)
    throw new TokenError(
      `oidc: verify token: oidc: current time ${timeText(now)} before the nbf (not before) time: ${timeText(nbf * 1000)}`,
    );
  for (const [claim, value] of requiredClaims) {
    const given = Object.hasOwn(claims, claim) ? claims[claim] : undefined;
    if (given === undefined) throw new TokenError(`oidc: required claim ${claim} not present in ID token`);
    if (given !== value)
      throw new TokenError(
        `oidc: required claim ${claim} value does not match. Got = ${String(given)}, want = ${value}`,
      );
  }
  return end;
}

/** Go's time that nobody has set. */
const yearOne = Date.parse("0001-01-01T00:00:00Z");

/** As Go prints times. */
function timeText(milliseconds: number): string {
  const iso = new Date(milliseconds).toISOString();
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)} +0000 UTC`;
}

function userOf(claims: Claims, options: OidcOptions): UserInfo {
  const { usernameClaim, usernamePrefix, groupsClaim, groupsPrefix } = options;
  const name = Object.hasOwn(claims, usernameClaim) ? claims[usernameClaim] : undefined;
  // An empty name is one where something stands before it.
  if (typeof name !== "string" || usernamePrefix + name === "")
    throw new TokenError(`oidc: parse username claims ${JSON.stringify(usernameClaim)}: claim not present`);
  // A provider that does not say so leaves it to whoever trusts it.
  if (
    usernameClaim === "email" &&
    claims["email_verified"] !== undefined &&
    claims["email_verified"] !== true
  )
    throw new TokenError("oidc: email not verified");
  const groups = groupsClaim === undefined ? [] : groupsOf(claims, groupsClaim);
  const id = claims["jti"];
  return {
    name: usernamePrefix + name,
    groups: groups.map((group) => groupsPrefix + group),
    ...(typeof id === "string" && id !== ""
      ? { extra: { "authentication.kubernetes.io/credential-id": [`JTI=${id}`] } }
      : {}),
  };
}

function groupsOf(claims: Claims, claim: string): readonly string[] {
  const value = Object.hasOwn(claims, claim) ? claims[claim] : undefined;
  if (value === undefined || value === null) return [];
  const groups: readonly unknown[] = Array.isArray(value) ? value : [value];
  const odd = groups.find((group) => typeof group !== "string");
  if (odd !== undefined)
    throw new TokenError(
      `oidc: parse groups claim ${JSON.stringify(claim)}: json: cannot unmarshal ${jsonTypeName(odd as Json)} into Go value of type string`,
    );
  return groups as string[];
}

/** What the provider signs with, asked for when a token first needs it, and again when one names a key that is not known. */
class ProviderKeys {
  readonly #options: OidcOptions;
  readonly #deps: OidcDeps;
  #keys: readonly VerificationKey[] = [];
  #loading: Promise<void> | undefined;
  #loadedAt = Number.NEGATIVE_INFINITY;

  constructor(options: OidcOptions, deps: OidcDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  async verify(token: ParsedToken): Promise<boolean> {
    if (verifyToken(token, this.#keys)) return true;
    if (this.#deps.clock.monotonic() - this.#loadedAt < refreshMs) return false;
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined;
    });
    await this.#loading;
    return verifyToken(token, this.#keys);
  }

  /** @throws TokenError */
  async #load(): Promise<void> {
    const { issuerUrl } = this.#options;
    this.#loadedAt = this.#deps.clock.monotonic();
    try {
      const found = await this.#deps.fetch(
        `${issuerUrl.replace(/\/$/, "")}/.well-known/openid-configuration`,
      );
      const { issuer, jwks_uri: address } = isJsonObject(found) ? found : {};
      if (issuer !== issuerUrl)
        throw new Error(
          `issuer did not match the issuer returned by provider, expected ${JSON.stringify(issuerUrl)} got ${JSON.stringify(issuer)}`,
        );
      if (typeof address !== "string") throw new Error("the provider names no jwks_uri");
      const list = await this.#deps.fetch(address);
      const { keys } = isJsonObject(list) ? list : {};
      this.#keys = (Array.isArray(keys) ? keys : []).flatMap((key) => keysOf(key, this.#options.signingAlgs));
    } catch (error) {
      throw new TokenError(`oidc: authenticator not initialized: ${(error as Error).message}`);
    }
  }
}

const curves: Readonly<Record<string, SigningAlg>> = { "P-256": "ES256", "P-384": "ES384", "P-521": "ES512" };

/** One for each way in which the key may be used; none of what is no key for signatures. */
function keysOf(value: Json, accepted: readonly SigningAlg[]): VerificationKey[] {
  if (!isJsonObject(value)) return [];
  const { kid, kty, crv, alg, use } = value;
  if (use !== undefined && use !== "sig") return [];
  const fitting = accepted.filter((name) =>
    kty === "RSA" ? name.startsWith("RS") : kty === "EC" && curves[String(crv)] === name,
  );
  try {
    const publicKey = createPublicKey({ key: value as JsonWebKeyInput["key"], format: "jwk" });
    return fitting
      .filter((name) => alg === undefined || alg === name)
      .map((name) => ({
        id: typeof kid === "string" ? kid : "",
        algorithm: { name, digest: `sha${name.slice(2)}` },
        publicKey,
      }));
  } catch {
    return [];
  }
}
