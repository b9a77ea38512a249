import { field, type KubeObject, parseTime, type UserInfo } from "../../apimachinery/index.ts";
import type { Clock } from "../../platform/index.ts";
import { type Claims, parseToken, type VerificationKey, verifyToken } from "../tokens/jws.ts";
import {
  type ObjectReader,
  type TokenAuthenticator,
  TokenError,
  type TokenVerdict,
} from "../tokens/ports.ts";
import { parseServiceAccountUserName, serviceAccountGroups, serviceAccountUserName } from "./names.ts";
import { legacyIssuer } from "./tokens.ts";

/** Clocks of members may differ so much: go-jose's leeway. Milliseconds. */
const leewayMs = 60_000;
const invalidSinceLabel = "kubernetes.io/legacy-token-invalid-since";
const extraPrefix = "authentication.kubernetes.io";

export interface ServiceAccountTokenDeps {
  /** `iss` of good tokens: the first is what new ones carry. */
  readonly issuers: readonly string[];
  /** Of this server. */
  readonly audiences: readonly string[];
  readonly keys: readonly VerificationKey[];
  readonly reader: ObjectReader;
  readonly clock: Clock;
  /** Is told of a Secret whose token was shown: whoever cleans up asks when that was. */
  readonly onSecretUsed?: (secret: KubeObject) => Promise<void>;
}

/**
 * Tokens of ServiceAccounts: signed by one of our keys, for an audience of those asked for, not expired, of an account that still
 * exists, and of a pod, node or Secret that still exists where the token is bound to one. A name that was made anew has another uid.
 */
export function serviceAccountTokens(deps: ServiceAccountTokenDeps): TokenAuthenticator {
  return {
    async authenticate(token, asked) {
      const parsed = parseToken(token);
      if (parsed === undefined) return undefined;
      const { claims } = parsed;
      const legacy = claims["iss"] === legacyIssuer;
      // Whose token it is decides before its signature does: others' are for others to check.
      if (!legacy && !deps.issuers.includes(text(claims["iss"]))) return undefined;
      if (!verifyToken(parsed, deps.keys)) throw new TokenError("invalid signature, no keys found");
      const intended = audiencesOf(claims);
      const meant = (intended.length === 0 ? deps.audiences : intended).filter((one) => asked.includes(one));
      if (meant.length === 0) {
        const [ours, theirs] = [quoteList(intended), quoteList(asked)];
        throw new TokenError(`token audiences ${ours} is invalid for the target audiences ${theirs}`);
      }
      const user = legacy ? await legacyUser(token, claims, deps) : await boundUser(claims, deps);
      return { audiences: meant, ...user };
    },
  };
}

type Identified = Omit<TokenVerdict, "audiences">;

async function boundUser(claims: Claims, deps: ServiceAccountTokenDeps): Promise<Identified> {
  const expiresAt = checkTimes(claims, deps.clock.now());
  const own = record(claims["kubernetes.io"]);
  const namespace = text(own["namespace"]);
  const account = reference(own["serviceaccount"]);
  if (account === undefined) throw new TokenError("serviceaccount claim is missing");
  const { reader } = deps;
  const now = deps.clock.now();
  await mustExist(reader, { resource: "serviceaccounts", namespace, ...account }, now, {
    missing: `serviceaccounts ${field.quoteGo(account.name)} not found`,
    deleted: `service account ${namespace}/${account.name} has been deleted`,
    changed: (uid) => `service account UID (${uid}) does not match claim (${account.uid})`,
  });
  const pod = reference(own["pod"]);
  const secret = reference(own["secret"]);
  const node = reference(own["node"]);
  const invalidated = "service account token has been invalidated";
  const bound = async (resource: string, what: string, to: Reference, home: string): Promise<void> => {
    const changed = (uid: string) =>
      `${what} UID (${uid}) does not match service account ${what.toLowerCase()} ref claim (${to.uid})`;
    const texts = { missing: invalidated, deleted: invalidated, changed };
    await mustExist(reader, { resource, namespace: home, ...to }, now, texts);
  };
  if (secret !== undefined) await bound("secrets", "secret", secret, namespace);
  if (pod !== undefined) await bound("pods", "pod", pod, namespace);
  // The node of a pod's token is only told; it may be gone while the pod is not.
  if (node !== undefined && pod === undefined) await bound("nodes", "node", node, "");
  const credential = text(claims["jti"]);
  const extra: Record<string, string[]> = {
    ...(credential === "" ? {} : { [`${extraPrefix}/credential-id`]: [`JTI=${credential}`] }),
    ...(pod === undefined
      ? {}
      : { [`${extraPrefix}/pod-name`]: [pod.name], [`${extraPrefix}/pod-uid`]: [pod.uid] }),
    ...(node === undefined
      ? {}
      : {
          [`${extraPrefix}/node-name`]: [node.name],
          ...(node.uid === "" ? {} : { [`${extraPrefix}/node-uid`]: [node.uid] }),
        }),
  };
  return { user: userOf(namespace, account, extra), expiresAt };
}

/** Of a token in a Secret: it lives as long as the Secret holds it. */
async function legacyUser(token: string, claims: Claims, deps: ServiceAccountTokenDeps): Promise<Identified> {
  const part = (name: string): string => text(claims[`kubernetes.io/serviceaccount/${name}`]);
  const namespace = part("namespace");
  const account = { name: part("service-account.name"), uid: part("service-account.uid") };
  const secretName = part("secret.name");
  const subject = parseServiceAccountUserName(text(claims["sub"]));
  if (namespace === "" || secretName === "" || account.name === "" || account.uid === "")
    throw new TokenError("a claim of the token is missing");
  if (subject?.namespace !== namespace || subject.name !== account.name)
    throw new TokenError("sub claim is invalid");
  const secret = await find(deps.reader, { resource: "secrets", namespace, name: secretName });
  if (secret === undefined || secret.metadata.deletionTimestamp !== undefined)
    throw new TokenError("Token has been invalidated");
  if (secret["data"]?.token !== Buffer.from(token).toString("base64"))
    throw new TokenError("Token does not match server's copy");
  const deleted = `ServiceAccount ${namespace}/${account.name} has been deleted`;
  await mustExist(
    deps.reader,
    { resource: "serviceaccounts", namespace, ...account },
    Number.POSITIVE_INFINITY,
    {
      missing: `serviceaccounts ${field.quoteGo(account.name)} not found`,
      deleted,
      changed: (uid) => `ServiceAccount UID (${uid}) does not match claim (${account.uid})`,
    },
  );
  await deps.onSecretUsed?.(secret);
  if (secret.metadata.labels?.[invalidSinceLabel])
    throw new TokenError(
      `the token in secret ${namespace}/${secretName} for service account ${namespace}/${account.name} has been marked invalid. Use tokens from the TokenRequest API or manually created secret-based tokens, or remove the '${invalidSinceLabel}' label from the secret to temporarily allow use of this token`,
    );
  return { user: userOf(namespace, account, {}) };
}

interface Reference {
  readonly name: string;
  readonly uid: string;
}

interface Target {
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  /** Undefined: any. */
  readonly uid?: string;
}

/** From the cache; asked again past it where that does not know the object, or another one of the name. */
async function find(reader: ObjectReader, { resource, uid, ...at }: Target): Promise<KubeObject | undefined> {
  const of = { group: "", version: "v1", resource };
  const cached = await reader.get(of, at);
  if (cached !== undefined && (uid === undefined || cached.metadata.uid === uid)) return cached;
  return await reader.get(of, { ...at, fresh: true });
}

async function mustExist(
  reader: ObjectReader,
  target: Target,
  now: number,
  texts: { missing: string; deleted: string; changed: (uid: string) => string },
): Promise<void> {
  const found = await find(reader, target);
  if (found === undefined) throw new TokenError(texts.missing);
  const { uid = "", deletionTimestamp } = found.metadata;
  if (uid !== target.uid) throw new TokenError(texts.changed(uid));
  const deletedAt = deletionTimestamp === undefined ? undefined : parseTime(deletionTimestamp);
  if (deletedAt !== undefined && deletedAt < now - leewayMs) throw new TokenError(texts.deleted);
}

/** Until when it is good, in milliseconds. @throws TokenError */
function checkTimes(claims: Claims, now: number): number {
  const at = (name: string): number | undefined => {
    const seconds = claims[name];
    return typeof seconds === "number" && Number.isFinite(seconds) ? seconds * 1000 : undefined;
  };
  const [expiry, notBefore, issuedAt] = [at("exp"), at("nbf"), at("iat")];
  if (notBefore !== undefined && now + leewayMs < notBefore)
    throw new TokenError("service account token is not valid yet");
  if (expiry === undefined || now - leewayMs > expiry)
    throw new TokenError("service account token has expired");
  if (issuedAt !== undefined && now + leewayMs < issuedAt)
    throw new TokenError("service account token is issued in the future");
  return expiry + leewayMs;
}

function userOf(namespace: string, { name, uid }: Reference, extra: Record<string, string[]>): UserInfo {
  return {
    name: serviceAccountUserName(namespace, name),
    uid,
    groups: serviceAccountGroups(namespace),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");

const record = (value: unknown): Record<string, unknown> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};

function reference(value: unknown): Reference | undefined {
  if (value === undefined || value === null) return undefined;
  const { name, uid } = record(value);
  return { name: text(name), uid: text(uid) };
}

function audiencesOf({ aud }: Claims): string[] {
  if (typeof aud === "string") return [aud];
  return Array.isArray(aud) ? aud.filter((one) => typeof one === "string") : [];
}

const quoteList = (values: readonly string[]): string => `[${values.map(field.quoteGo).join(" ")}]`;
