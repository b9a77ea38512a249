/**
 * Makes the certificates a cluster starts with: one authority, and the leaves it signs for servers, peers and people. X.509 v3
 * (RFC 5280) in one fixed profile: P-256 keys, ECDSA with SHA-256. Written here because a certificate library costs a third of the
 * time in which a server has to be ready; checking certificates is left to TLS.
 */
import { createPrivateKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import type { Clock, Random } from "../platform/index.ts";
import { bitString, boolean, context, objectIdentifier, octetString, sequence } from "./der.ts";
import { addressBytes, certificate, distinguishedName, extension, keyIdentifier, oid } from "./x509.ts";

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

/** An EC key of ours as RFC 5915 has it, `EC PRIVATE KEY`; a key of another kind (a user's own files may have one) as it is. */
export function ecPrivateKeyPem(key: string): string {
  const parsed = createPrivateKey(key);
  if (parsed.asymmetricKeyType !== "ec") return key;
  return parsed.export({ type: "sec1", format: "pem" }).toString();
}
