/** How a certificate is put together: RFC 5280, signed with ECDSA and SHA-256. */
import { createHash, type KeyObject, sign } from "node:crypto";
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

export const oid = {
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

export interface CertificateParts {
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
export function certificate(parts: CertificateParts): string {
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

export function distinguishedName(commonName: string, organizations: readonly string[]): Buffer {
  const attribute = (type: string, value: string) => set(sequence(objectIdentifier(type), utf8String(value)));
  return sequence(
    ...organizations.map((name) => attribute(oid.organization, name)),
    attribute(oid.commonName, commonName),
  );
}

export function extension(id: string, critical: boolean, value: Uint8Array): Buffer {
  return sequence(objectIdentifier(id), ...(critical ? [boolean(true)] : []), octetString(value));
}

/** SHA-1 of the key's DER (RFC 5280, 4.2.1.2 leaves the method open): a name for the key, not a protection. */
export function keyIdentifier(key: KeyObject): Buffer {
  return createHash("sha1")
    .update(key.export({ type: "spki", format: "der" }))
    .digest();
}

/** 4 or 16 bytes of an address in text form. */
export function addressBytes(address: string): Buffer {
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
