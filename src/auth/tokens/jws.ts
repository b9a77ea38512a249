/**
 * Signed tokens in compact form (RFC 7515, RFC 7519): RS256 and ES256/384/512. Which algorithm a key is for is a fact of the key, never
 * of the token: a token that names another (`none`, an HMAC with the public key) is as bad as one that is not signed.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from "node:crypto";

interface Algorithm {
  /** RFC 7518, 3.1. */
  readonly name: string;
  readonly digest: string;
}

/** A public key that tokens may be signed for. */
export interface VerificationKey {
  /** `kid`: base64url of the SHA-256 of the key's DER, as Kubernetes makes it. */
  readonly id: string;
  readonly algorithm: Algorithm;
  readonly publicKey: KeyObject;
}

export interface SigningKey extends VerificationKey {
  readonly privateKey: KeyObject;
}

const ecAlgorithms: Readonly<Record<string, Algorithm>> = {
  prime256v1: { name: "ES256", digest: "sha256" },
  secp384r1: { name: "ES384", digest: "sha384" },
  secp521r1: { name: "ES512", digest: "sha512" },
};

/** @throws Error for a key that is neither RSA nor on a NIST curve */
function algorithmOf(key: KeyObject): Algorithm {
  if (key.asymmetricKeyType === "rsa") return { name: "RS256", digest: "sha256" };
  const algorithm = ecAlgorithms[key.asymmetricKeyDetails?.namedCurve ?? ""];
  if (key.asymmetricKeyType === "ec" && algorithm !== undefined) return algorithm;
  throw new Error("a key for tokens must be RSA, or on the curve P-256, P-384 or P-521");
}

/** A new key on P-256, as PEM: an RSA key would take a third of the time in which a server starts. */
export function createTokenKey(): { readonly privateKey: string; readonly publicKey: string } {
  return generateKeyPairSync("ec", {
    namedCurve: "P-256",
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
}

/** A PEM text with a private key. @throws Error */
export function signingKey(pem: string): SigningKey {
  const privateKey = createPrivateKey(pem);
  return { ...keyOf(createPublicKey(privateKey)), privateKey };
}

/** All keys of a PEM text; of private keys their public part. @throws Error where there is none */
export function verificationKeys(pem: string): VerificationKey[] {
  const blocks = pem.match(/-----BEGIN [A-Z ]+-----[^-]+-----END [A-Z ]+-----/g) ?? [];
  const keys = blocks
    .filter((block) => !block.includes("EC PARAMETERS"))
    .map((block) => keyOf(createPublicKey(block)));
  if (keys.length === 0) throw new Error("it holds no key in PEM form");
  return keys;
}

function keyOf(publicKey: KeyObject): VerificationKey {
  const der = publicKey.export({ type: "spki", format: "der" });
  const id = createHash("sha256").update(der).digest("base64url");
  return { id, algorithm: algorithmOf(publicKey), publicKey };
}

/** RFC 7517, as /openid/v1/jwks shows it. */
export function jsonWebKey({ id, algorithm, publicKey }: VerificationKey): Record<string, unknown> {
  return { use: "sig", kty: "", kid: id, alg: algorithm.name, ...publicKey.export({ format: "jwk" }) };
}

export type Claims = Readonly<Record<string, unknown>>;

export function signToken(claims: Claims, key: SigningKey): string {
  const header = { alg: key.algorithm.name, kid: key.id };
  const signed = `${encoded(header)}.${encoded(claims)}`;
  const signature = sign(key.algorithm.digest, Buffer.from(signed), {
    key: key.privateKey,
    dsaEncoding: "ieee-p1363",
  });
  return `${signed}.${signature.toString("base64url")}`;
}

const encoded = (part: Claims): string => Buffer.from(JSON.stringify(part)).toString("base64url");

/** A token taken apart. Nothing in it is true before `verifyToken` says so. */
export interface ParsedToken {
  readonly header: Claims;
  readonly claims: Claims;
  /** What the signature is over. */
  readonly signed: string;
  readonly signature: Uint8Array;
}

/** Undefined for what is no token in compact form. */
export function parseToken(token: string): ParsedToken | undefined {
  const parts = token.split(".", 4);
  const [header = "", claims = "", signature = ""] = parts;
  if (parts.length !== 3 || !parts.every((part) => /^[\w-]+$/.test(part))) return undefined;
  const parsed = { header: decodedPart(header), claims: decodedPart(claims) };
  if (parsed.header === undefined || parsed.claims === undefined) return undefined;
  return {
    header: parsed.header,
    claims: parsed.claims,
    signed: `${header}.${claims}`,
    signature: Buffer.from(signature, "base64url"),
  };
}

function decodedPart(part: string): Claims | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString());
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Claims)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Whether one of the keys signed it. A token that names its key is tried with that one only. */
export function verifyToken(token: ParsedToken, keys: readonly VerificationKey[]): boolean {
  const { kid, alg, crit } = token.header;
  // Extensions that must be understood (RFC 7515, 4.1.11): none are.
  if (crit !== undefined) return false;
  const named = typeof kid === "string" && kid !== "" ? keys.filter(({ id }) => id === kid) : keys;
  return named.some(
    ({ algorithm, publicKey }) =>
      alg === algorithm.name &&
      verify(
        algorithm.digest,
        Buffer.from(token.signed),
        { key: publicKey, dsaEncoding: "ieee-p1363" },
        token.signature,
      ),
  );
}
