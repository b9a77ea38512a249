/**
 * Makes the certificates a cluster starts with: one authority, and the leaves it signs for servers, peers and people. X.509 v3
 * (RFC 5280) in one fixed profile: P-256 keys, ECDSA with SHA-256. Written here because a certificate library costs a third of the
 * time in which a server has to be ready; checking certificates is left to TLS.
 */
import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  X509Certificate,
} from "node:crypto";
import type { Clock, Random } from "../platform/index.ts";
import {
  bitString,
  boolean,
  context,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  set,
  time,
  utf8String,
} from "./der.ts";

/** PEM texts. */
export interface CertificatePair {
  readonly cert: string;
  readonly key: string;
}

export interface LeafRequest {
  /** The user's name, for a client. */
  readonly commonName: string;
  /** The user's groups, for a client. */
  readonly organizations?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  readonly usages: readonly ("server" | "client")[];
}

const dayMs = 24 * 60 * 60 * 1000;
const authorityDays = 3650;
const leafDays = 365;
/** A clock that is a little behind ours must not find our certificate "not yet valid". */
const skewMs = 60 * 60 * 1000;

const oid = {
  commonName: "2.5.4.3",
  organization: "2.5.4.10",
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyIdentifier: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
} as const;

/** A self-signed authority, valid for ten years. */
export function createAuthority(
  commonName: string,
  { clock, random }: { clock: Clock; random: Random },
): CertificatePair {
  const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const name = distinguishedName(commonName, []);
  const keyId = keyIdentifier(keys.publicKey);
  const cert = certificate({
    issuer: name,
    subject: name,
    publicKey: keys.publicKey,
    signer: keys.privateKey,
    serial: random.bytes(16),
    from: clock.now() - skewMs,
    until: clock.now() + authorityDays * dayMs,
    extensions: [
      extension(oid.basicConstraints, true, sequence(boolean(true))),
      // digitalSignature, keyCertSign, cRLSign
      extension(oid.keyUsage, true, bitString(Buffer.of(0x86), 1)),
      extension(oid.subjectKeyIdentifier, false, octetString(keyId)),
    ],
  });
  return { cert, key: keys.privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
}

/** A certificate and a new key, signed by the authority, valid for a year. */
export function issueCertificate(
  authority: CertificatePair,
  request: LeafRequest,
  { clock, random }: { clock: Clock; random: Random },
): CertificatePair {
  const issuer = new X509Certificate(authority.cert);
  const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const names = [
    ...(request.dnsNames ?? []).map((name) => context(2, Buffer.from(name, "latin1"), "primitive")),
    ...(request.ipAddresses ?? []).map((address) => context(7, addressBytes(address), "primitive")),
  ];
  const usages = request.usages.map((usage) =>
    objectIdentifier(usage === "server" ? oid.serverAuth : oid.clientAuth),
  );
  const cert = certificate({
    // Our authorities have only a common name: their issuer field is rebuilt, byte for byte, from it.
    issuer: distinguishedName(issuer.subject.replace(/^CN=/, ""), []),
    subject: distinguishedName(request.commonName, request.organizations ?? []),
    publicKey: keys.publicKey,
    signer: createPrivateKey(authority.key),
    serial: random.bytes(16),
    from: clock.now() - skewMs,
    until: clock.now() + leafDays * dayMs,
    extensions: [
      extension(oid.basicConstraints, true, sequence()),
      // digitalSignature
      extension(oid.keyUsage, true, bitString(Buffer.of(0x80), 7)),
      extension(oid.extendedKeyUsage, false, sequence(...usages)),
      extension(oid.subjectKeyIdentifier, false, octetString(keyIdentifier(keys.publicKey))),
      extension(
        oid.authorityKeyIdentifier,
        false,
        sequence(context(0, keyIdentifier(issuer.publicKey), "primitive")),
      ),
      ...(names.length > 0 ? [extension(oid.subjectAltName, false, sequence(...names))] : []),
    ],
  });
  return { cert, key: keys.privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
}

interface Parts {
  readonly issuer: Buffer;
  readonly subject: Buffer;
  readonly publicKey: KeyObject;
  readonly signer: KeyObject;
  readonly serial: Uint8Array;
  /** Milliseconds since 1970. */
  readonly from: number;
  readonly until: number;
  readonly extensions: readonly Buffer[];
}

/** RFC 5280, 4.1: the body, its signature algorithm, its signature; as PEM. */
function certificate(parts: Parts): string {
  const algorithm = sequence(objectIdentifier(oid.ecdsaWithSha256));
  // A positive serial number of at most 20 bytes that is never zero.
  const serial = Buffer.from(parts.serial);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const body = sequence(
    context(0, integer(Buffer.of(2)), "constructed"),
    integer(serial),
    algorithm,
    parts.issuer,
    sequence(time(parts.from), time(parts.until)),
    parts.subject,
    parts.publicKey.export({ type: "spki", format: "der" }),
    context(3, sequence(...parts.extensions), "constructed"),
  );
  const der = sequence(body, algorithm, bitString(sign("sha256", body, parts.signer)));
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

function distinguishedName(commonName: string, organizations: readonly string[]): Buffer {
  const attribute = (type: string, value: string) => set(sequence(objectIdentifier(type), utf8String(value)));
  return sequence(
    ...organizations.map((name) => attribute(oid.organization, name)),
    attribute(oid.commonName, commonName),
  );
}

function extension(id: string, critical: boolean, value: Uint8Array): Buffer {
  return sequence(objectIdentifier(id), ...(critical ? [boolean(true)] : []), octetString(value));
}

/** SHA-1 of the key's DER (RFC 5280, 4.2.1.2 leaves the method open): a name for the key, not a protection. */
function keyIdentifier(key: KeyObject): Buffer {
  return createHash("sha1")
    .update(key.export({ type: "spki", format: "der" }))
    .digest();
}

/** 4 or 16 bytes of an address in text form. */
function addressBytes(address: string): Buffer {
  if (!address.includes(":")) return Buffer.from(address.split(".").map(Number));
  // The URL parser brings every form of an IPv6 address to the one of RFC 5952, and throws where it is none.
  const canonical = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const [head = "", tail] = canonical.split("::");
  const groups = (text: string) =>
    text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const all = [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right];
  const bytes = Buffer.alloc(16);
  for (const [position, group] of all.entries()) bytes.writeUInt16BE(group, position * 2);
  return bytes;
}
