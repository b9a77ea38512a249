import { createPrivateKey, X509Certificate } from "node:crypto";
import type { Random } from "../platform/index.ts";
import type { AlternativeName, CertificateRequest } from "./certificate-request.ts";
import type { CertificatePair } from "./certificates.ts";
import { bitString, context, objectIdentifier, octetString, sequence } from "./der.ts";
import { certificate, distinguishedName, extension, keyIdentifier, oid } from "./x509.ts";

/** Bits of the keyUsage extension (RFC 5280, 4.2.1.3) by the names of certificates.k8s.io. */
const keyUsageBits: Readonly<Record<string, number>> = {
  signing: 0,
  "digital signature": 0,
  "content commitment": 1,
  "key encipherment": 2,
  "data encipherment": 3,
  "key agreement": 4,
  "cert sign": 5,
  "crl sign": 6,
  "encipher only": 7,
  "decipher only": 8,
};

/** Extended key usages by the same names, in the order in which they are written. */
const extendedUsages: Readonly<Record<string, string>> = {
  any: "2.5.29.37.0",
  "server auth": oid.serverAuth,
  "client auth": oid.clientAuth,
  "code signing": "1.3.6.1.5.5.7.3.3",
  "email protection": "1.3.6.1.5.5.7.3.4",
  "s/mime": "1.3.6.1.5.5.7.3.4",
  "ipsec end system": "1.3.6.1.5.5.7.3.5",
  "ipsec tunnel": "1.3.6.1.5.5.7.3.6",
  "ipsec user": "1.3.6.1.5.5.7.3.7",
  timestamping: "1.3.6.1.5.5.7.3.8",
  "ocsp signing": "1.3.6.1.5.5.7.3.9",
  "microsoft sgc": "1.3.6.1.4.1.311.10.3.3",
  "netscape sgc": "2.16.840.1.113730.4.1",
};

/** Everything that a certificate may be asked for, sorted. */
export const certificateUsages: readonly string[] = [
  ...Object.keys(keyUsageBits),
  ...Object.keys(extendedUsages),
].sort();

/** A clock that is behind ours must not find the certificate "not yet valid". Milliseconds. */
const backdateMs = 5 * 60_000;
/** Shorter lives do not lose the backdating at their end. Milliseconds. */
const shortMs = 8 * 60 * 60_000;

export interface SigningTerms {
  /** Names of certificates.k8s.io. */
  readonly usages: readonly string[];
  readonly lifeMs: number;
  /** Wall time, milliseconds. */
  readonly now: number;
}

/**
 * A certificate for the key of a request, with its subject and names; nothing else that it asks for is heeded.
 * k8s.io/kubernetes/pkg/controller/certificates/authority. @throws Error where the authority has expired
 */
export function signCertificateRequest(
  authority: CertificatePair,
  request: CertificateRequest,
  { usages, lifeMs, now }: SigningTerms,
  { random }: { random: Random },
): string {
  const issuer = new X509Certificate(authority.cert);
  const authorityEnds = issuer.validToDate.getTime();
  if (now >= authorityEnds) throw new Error(`the signer has expired: NotAfter=${issuer.validTo}`);
  const until = now + lifeMs - (lifeMs < shortMs ? 0 : backdateMs);
  const extended = [
    ...new Set(
      Object.keys(extendedUsages)
        .filter((name) => usages.includes(name))
        .map((name) => extendedUsages[name] as string),
    ),
  ];
  const bits = usages.flatMap((name) => keyUsageBits[name] ?? []);
  const { alternativeNames } = request;
  return certificate({
    issuer: distinguishedName(issuer.subject.replace(/^CN=/, ""), []),
    subject: Buffer.from(request.subject),
    publicKey: request.publicKey,
    signer: createPrivateKey(authority.key),
    serial: random.bytes(16),
    from: now - backdateMs,
    until: Math.min(until, authorityEnds),
    extensions: [
      ...(bits.length > 0 ? [extension(oid.keyUsage, true, namedBits(bits))] : []),
      ...(extended.length > 0
        ? [extension(oid.extendedKeyUsage, false, sequence(...extended.map(objectIdentifier)))]
        : []),
      extension(oid.basicConstraints, true, sequence()),
      extension(
        oid.authorityKeyIdentifier,
        false,
        sequence(context(0, keyIdentifier(issuer.publicKey), "primitive")),
      ),
      extension(oid.subjectKeyIdentifier, false, octetString(keyIdentifier(request.publicKey))),
      ...(alternativeNames.length > 0
        ? [extension(oid.subjectAltName, false, sequence(...alternativeNames.map(generalName)))]
        : []),
    ],
  });
}

const nameTags: Readonly<Record<AlternativeName["type"], number>> = { email: 1, dns: 2, uri: 6, ip: 7 };

const generalName = ({ type, value }: AlternativeName): Buffer => context(nameTags[type], value, "primitive");

/** A BIT STRING of named bits ends with its last bit that is set (X.690, 11.2.2). */
function namedBits(bits: readonly number[]): Buffer {
  const last = Math.max(...bits);
  const bytes = new Uint8Array(Math.floor(last / 8) + 1);
  for (const bit of bits)
    bytes[Math.floor(bit / 8)] = (bytes[Math.floor(bit / 8)] ?? 0) | (0x80 >> (bit % 8));
  return bitString(bytes, 7 - (last % 8));
}
