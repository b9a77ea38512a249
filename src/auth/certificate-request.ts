import { createPublicKey, type KeyObject, verify } from "node:crypto";
import {
  type DerElement,
  DerError,
  derChildren,
  derObjectIdentifier,
  derText,
  readDer,
  tagSet,
} from "./der-reader.ts";

/** A PKCS #10 request (RFC 2986) that its key has signed. */
export interface CertificateRequest {
  readonly commonName: string;
  readonly organizations: readonly string[];
  /** DER, as it goes into the certificate. */
  readonly subject: Uint8Array;
  readonly publicKey: KeyObject;
  /** Of the subjectAltName extension that it asks for. */
  readonly alternativeNames: readonly AlternativeName[];
}

export interface AlternativeName {
  readonly type: "email" | "dns" | "uri" | "ip";
  readonly value: Uint8Array;
}

export class CertificateRequestError extends Error {
  override readonly name = "CertificateRequestError";
}

const begin = "-----BEGIN CERTIFICATE REQUEST-----";
const end = "-----END CERTIFICATE REQUEST-----";
const requestBytesMax = 256 * 1024;

/** [0], constructed. */
const tagAttributes = 0xa0;
const commonName = "2.5.4.3";
const organization = "2.5.4.10";
const extensionRequest = "1.2.840.113549.1.9.14";
const subjectAltName = "2.5.29.17";
const nameTypes: Readonly<Record<number, AlternativeName["type"]>> = {
  129: "email",
  130: "dns",
  134: "uri",
  135: "ip",
};

/** Digests by signature algorithm; null where the algorithm has its own. Here one only proves who has the key: SHA-1 does for that. */
const signatureDigests: Readonly<Record<string, string | null>> = {
  "1.2.840.113549.1.1.5": "sha1",
  "1.2.840.113549.1.1.11": "sha256",
  "1.2.840.113549.1.1.12": "sha384",
  "1.2.840.113549.1.1.13": "sha512",
  "1.2.840.10045.4.1": "sha1",
  "1.2.840.10045.4.3.2": "sha256",
  "1.2.840.10045.4.3.3": "sha384",
  "1.2.840.10045.4.3.4": "sha512",
  "1.3.101.112": null,
};

/** @param base64 PEM in base64, as `spec.request` of a CertificateSigningRequest. @throws CertificateRequestError */
export function parseCertificateRequest(base64: string): CertificateRequest {
  const pem = Buffer.from(base64, "base64").toString("latin1");
  const from = pem.indexOf(begin);
  const until = pem.indexOf(end, from);
  const first = pem.indexOf("-----BEGIN ");
  if (from < 0 || until < 0 || first !== from)
    throw new CertificateRequestError("PEM block type must be CERTIFICATE REQUEST");
  const der = Buffer.from(pem.slice(from + begin.length, until), "base64");
  if (der.length > requestBytesMax)
    throw new CertificateRequestError(`the request is larger than ${requestBytesMax} bytes`);
  try {
    return parseSigned(der);
  } catch (error) {
    if (error instanceof DerError) throw new CertificateRequestError(error.message);
    throw error;
  }
}

function parseSigned(der: Uint8Array): CertificateRequest {
  const [info, algorithm, signature] = derChildren(readDer(der));
  if (info === undefined || algorithm === undefined || signature?.tag !== 0x03 || signature.content[0] !== 0)
    throw new DerError("x509: malformed certificate request");
  const [, subject, keyInfo, ...attributes] = derChildren(info);
  if (subject === undefined || keyInfo === undefined)
    throw new DerError("x509: malformed certificate request");
  const publicKey = publicKeyOf(keyInfo);
  checkSignature(info, { algorithm, signature, publicKey });
  const names = derChildren(subject).flatMap((set) => derChildren(set, tagSet).map(attributeOf));
  const valuesOf = (id: string): string[] =>
    names.filter((name) => name.id === id).map(({ value }) => derText(value));
  return {
    commonName: valuesOf(commonName).at(-1) ?? "",
    organizations: valuesOf(organization),
    subject: subject.whole,
    publicKey,
    alternativeNames: attributes.filter(({ tag }) => tag === tagAttributes).flatMap(alternativeNamesOf),
  };
}

function publicKeyOf(keyInfo: DerElement): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(keyInfo.whole), format: "der", type: "spki" });
  } catch {
    throw new CertificateRequestError("x509: unknown public key algorithm");
  }
}

function checkSignature(
  info: DerElement,
  { algorithm, signature, publicKey }: { algorithm: DerElement; signature: DerElement; publicKey: KeyObject },
): void {
  const [id] = derChildren(algorithm);
  const digest = signatureDigests[id === undefined ? "" : derObjectIdentifier(id)];
  if (digest === undefined)
    throw new CertificateRequestError("x509: cannot verify signature: algorithm unimplemented");
  let good = false;
  try {
    // The first byte of a BIT STRING counts unused bits: there are none.
    good = verify(digest, info.whole, publicKey, signature.content.subarray(1));
  } catch {
    // A key of another kind than the algorithm's.
  }
  if (!good) throw new CertificateRequestError("x509: the signature of the certificate request is not valid");
}

function attributeOf(element: DerElement): { id: string; value: DerElement } {
  const [id, value] = derChildren(element);
  if (id === undefined || value === undefined) throw new DerError("x509: malformed attribute");
  return { id: derObjectIdentifier(id), value };
}

function alternativeNamesOf(attributes: DerElement): AlternativeName[] {
  const found: AlternativeName[] = [];
  for (const { id, value } of derChildren(attributes, tagAttributes).map(attributeOf)) {
    if (id !== extensionRequest) continue;
    for (const extension of derChildren(value, tagSet).flatMap((extensions) => derChildren(extensions))) {
      const [extensionId, ...rest] = derChildren(extension);
      const content = rest.at(-1);
      if (extensionId === undefined || content === undefined) throw new DerError("x509: malformed extension");
      if (derObjectIdentifier(extensionId) !== subjectAltName) continue;
      for (const name of derChildren(readDer(content.content))) {
        const type = nameTypes[name.tag];
        if (type !== undefined) found.push({ type, value: name.content });
      }
    }
  }
  return found;
}
