/**
 * Tokens that carry what they say themselves: JSON Web Tokens (RFC 7519) with a user's name and the revision of users and roles they were made
 * at, signed with a key that the members share. One fixed algorithm; whatever a token says about its own is compared, never believed.
 */
import {
  constants,
  createHmac,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
  timingSafeEqual,
  verify,
} from "node:crypto";
import { type Caller, KvError } from "../kv/index.ts";

export interface WebTokenOptions {
  /** RS256, PS384, ES512, HS256, EdDSA, … */
  readonly method: string;
  /** PEM texts; for HS… the private one is the secret itself. */
  readonly publicKey?: Uint8Array;
  readonly privateKey?: Uint8Array;
  readonly ttlSeconds: number;
}

interface Algorithm {
  sign(data: Uint8Array): Uint8Array;
  verify(data: Uint8Array, signature: Uint8Array): boolean;
}

const encodedMax = 16 * 1024;

export class WebTokens {
  readonly #method: string;
  readonly #ttlSeconds: number;
  readonly #algorithm: Algorithm;
  readonly #nowMs: () => number;

  /** @throws Error where method and keys do not fit */
  constructor({ method, publicKey, privateKey, ttlSeconds }: WebTokenOptions, nowMs: () => number) {
    this.#method = method;
    this.#ttlSeconds = ttlSeconds;
    this.#nowMs = nowMs;
    this.#algorithm = method.startsWith("HS")
      ? secretAlgorithm(method, privateKey)
      : keyAlgorithm(method, publicKey, privateKey);
  }

  /** @throws KvError VERIFY_ONLY where there is no private key */
  make({ user, revision }: Caller): string {
    const header = encoded({ alg: this.#method, typ: "JWT" });
    const exp = Math.floor(this.#nowMs() / 1000) + this.#ttlSeconds;
    const signed = `${header}.${encoded({ exp, revision, username: user })}`;
    const signature = this.#algorithm.sign(Buffer.from(signed));
    return `${signed}.${Buffer.from(signature).toString("base64url")}`;
  }

  /** Undefined: not signed with this key, or its time is over. */
  read(token: string): Caller | undefined {
    const [header, payload, signature, ...rest] = token.split(".");
    if (!header || !payload || !signature || rest.length > 0 || token.length > encodedMax) return undefined;
    const { alg } = decoded(header) ?? {};
    if (alg !== this.#method) return undefined;
    const bytes = Buffer.from(signature, "base64url");
    if (!this.#algorithm.verify(Buffer.from(`${header}.${payload}`), bytes)) return undefined;
    const { username, revision, exp } = decoded(payload) ?? {};
    if (typeof username !== "string" || typeof revision !== "number") return undefined;
    if (exp !== undefined && !(typeof exp === "number" && exp * 1000 > this.#nowMs())) return undefined;
    return { user: username, revision };
  }
}

function keyAlgorithm(
  method: string,
  publicPem: Uint8Array | undefined,
  privatePem: Uint8Array | undefined,
): Algorithm {
  const privateKey = privatePem && createPrivateKey(Buffer.from(privatePem));
  const publicSource = privateKey ?? (publicPem && Buffer.from(publicPem));
  if (publicSource === undefined) throw new Error("a key is missing: priv-key or pub-key");
  const publicKey = createPublicKey(publicSource);
  const { hash, type, ...options } = signatureOf(method);
  if (publicKey.asymmetricKeyType !== type)
    throw new Error(`${method} needs a key of type ${type}, not ${publicKey.asymmetricKeyType}`);
  const withOptions = (key: KeyObject) => ({ key, ...options });
  return {
    sign(data) {
      if (privateKey === undefined) throw new KvError("VERIFY_ONLY", "there is no private key");
      return sign(hash, data, withOptions(privateKey));
    },
    verify: (data, signature) => verify(hash, data, withOptions(publicKey), signature),
  };
}

interface Signature {
  readonly hash: string | null;
  readonly type: string;
  readonly padding?: number;
  readonly saltLength?: number;
  readonly dsaEncoding?: "ieee-p1363";
}

/** RFC 7518, section 3.1; RFC 8037 for EdDSA. @throws Error */
function signatureOf(method: string): Signature {
  const [, family, bits] = /^(RS|PS|ES)(256|384|512)$/.exec(method) ?? [];
  const hash = `sha${bits}`;
  if (method === "EdDSA") return { hash: null, type: "ed25519" };
  if (family === "RS") return { hash, type: "rsa", padding: constants.RSA_PKCS1_PADDING };
  if (family === "PS")
    return {
      hash,
      type: "rsa",
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
    };
  if (family === "ES") return { hash, type: "ec", dsaEncoding: "ieee-p1363" };
  throw new Error(`sign-method ${method} is not known`);
}

function secretAlgorithm(method: string, secret: Uint8Array | undefined): Algorithm {
  const [, bits] = /^HS(256|384|512)$/.exec(method) ?? [];
  if (bits === undefined) throw new Error(`sign-method ${method} is not known`);
  if (secret === undefined || secret.length === 0) throw new Error("the secret is missing: priv-key");
  const mac = (data: Uint8Array) => createHmac(`sha${bits}`, secret).update(data).digest();
  return {
    sign: mac,
    verify(data, signature) {
      const expected = mac(data);
      return expected.length === signature.length && timingSafeEqual(expected, signature);
    },
  };
}

function encoded(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function decoded(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString());
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
