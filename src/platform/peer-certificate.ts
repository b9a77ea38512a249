import type { DetailedPeerCertificate, TLSSocket } from "node:tls";
import type { PeerCertificate } from "./ports.ts";

/** The certificate that the other side of a socket showed, whether or not it was accepted. */
export function peerCertificateOf(socket: TLSSocket): PeerCertificate | undefined {
  const certificate = socket.getPeerCertificate();
  // Node answers an object without a subject when nothing was shown.
  if (certificate?.raw === undefined) return undefined;
  // A field that occurs more than once is an array, against what Node's types say.
  const subject = (certificate.subject ?? {}) as unknown as Record<string, string | string[] | undefined>;
  return {
    // Go's pkix.Name, which upstream identifies users with, keeps the last common name.
    commonName: all(subject["CN"]).at(-1) ?? "",
    organizations: all(subject["O"]),
    raw: new Uint8Array(certificate.raw),
    sentAlong: () => issuersOf(socket),
  };
}

function issuersOf(socket: TLSSocket): Uint8Array[] {
  const found: Uint8Array[] = [];
  let current: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  const seen = new Set<DetailedPeerCertificate>();
  // What signed itself is its own issuer here.
  while (current?.issuerCertificate !== undefined && !seen.has(current)) {
    seen.add(current);
    current = current.issuerCertificate;
    if (!seen.has(current)) found.push(new Uint8Array(current.raw));
  }
  return found;
}

function all(value: string | string[] | undefined): string[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? [...value] : [value];
}
