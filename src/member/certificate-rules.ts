/** Who is turned away although the right authority signed its certificate. */
import { X509Certificate } from "node:crypto";
import type { PeerCertificate } from "../platform/index.ts";

interface CertificateRules {
  /** A certificate must have one of them; any will do where there is none. */
  readonly commonNames: readonly string[];
  /** The same of names or addresses that it may be good for. */
  readonly hostnames: readonly string[];
  /** Serial numbers, as `readRevocationList` answers them. */
  readonly revoked: ReadonlySet<string>;
}

/** Answers why somebody with this certificate is turned away, in etcd's words. */
export function certificateRules(rules: CertificateRules): (shown: PeerCertificate) => string | undefined {
  const { commonNames, hostnames, revoked } = rules;
  return ({ commonName, raw }) => {
    const certificate = new X509Certificate(raw);
    if (revoked.has(serialOf(certificate.serialNumber))) return "transport: certificate serial was revoked";
    const isNamed = commonNames.length === 0 || commonNames.includes(commonName);
    const isFor = hostnames.length === 0 || hostnames.some((name) => isGoodFor(certificate, name));
    return isNamed && isFor ? undefined : "client certificate authentication failed";
  };
}

function isGoodFor(certificate: X509Certificate, name: string): boolean {
  const isAddress = name.includes(":") || /^[\d.]+$/.test(name);
  try {
    return (isAddress ? certificate.checkIP(name) : certificate.checkHost(name)) !== undefined;
  } catch {
    // What is no name and no address, nobody has.
    return false;
  }
}

/** Hexadecimal, without leading zeros. */
export function serialOf(hex: string): string {
  return hex.toLowerCase().replace(/^0+(?=.)/, "");
}
