import { X509Certificate } from "node:crypto";
import type { UserInfo } from "../apimachinery/index.ts";
import type { PeerCertificate } from "../platform/index.ts";

/** Who may say on whose behalf they ask, and in which headers: upstream's flags `--requestheader-*`. */
export interface RequestHeaderTrust {
  /** PEM of the authorities that sign their certificates. */
  readonly ca: string;
  /** Their certificates' common names; any where empty. */
  readonly allowedNames: readonly string[];
  readonly usernameHeaders: readonly string[];
  readonly uidHeaders: readonly string[];
  readonly groupHeaders: readonly string[];
  readonly extraHeaderPrefixes: readonly string[];
}

/** Values of each header by its name in lower case; each header by itself, for a group's name may hold commas. */
export type HeaderLines = ReadonlyMap<string, readonly string[]>;

/** Certificates between the one that was shown and an authority. */
const intermediatesMax = 8;

/**
 * The certificates of one or more authorities, to tell who of several that a listener accepts has signed what was shown. TLS has
 * checked that one of them has, with dates and usages; what a peer sends along says nothing of which, so signatures are looked at again.
 */
export class Authorities {
  readonly #certificates: readonly X509Certificate[];
  /** One connection sends many requests. */
  readonly #known = new WeakMap<PeerCertificate, boolean>();

  /** @throws Error where a certificate cannot be read */
  constructor(bundle: string) {
    const pems = bundle.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
    this.#certificates = pems.map((pem) => new X509Certificate(pem));
  }

  haveSigned(certificate: PeerCertificate): boolean {
    let signed = this.#known.get(certificate);
    if (signed === undefined) {
      signed = this.#verify(certificate);
      this.#known.set(certificate, signed);
    }
    return signed;
  }

  #verify({ raw, sentAlong }: PeerCertificate): boolean {
    let current = new X509Certificate(raw);
    const between = (sentAlong?.() ?? []).slice(0, intermediatesMax).map((der) => new X509Certificate(der));
    for (let step = 0; step <= between.length; step++) {
      if (this.#certificates.some((authority) => isSignedBy(current, authority))) return true;
      const next = between.find((other) => other.ca && isSignedBy(current, other));
      if (next === undefined) return false;
      current = next;
    }
    return false;
  }
}

function isSignedBy(certificate: X509Certificate, authority: X509Certificate): boolean {
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
}

/** k8s.io/apiserver/pkg/authentication/request/headerrequest: a proxy in front of this server says who asks. */
export class RequestHeaderAuthenticator {
  readonly #trust: RequestHeaderTrust;
  readonly #authorities: Authorities;

  constructor(trust: RequestHeaderTrust) {
    this.#trust = trust;
    this.#authorities = new Authorities(trust.ca);
  }

  /** Undefined: whoever has the certificate may not say so, or says nothing. */
  authenticate(certificate: PeerCertificate, headers: () => HeaderLines): UserInfo | undefined {
    const { allowedNames } = this.#trust;
    if (!this.believes(certificate)) return undefined;
    if (allowedNames.length > 0 && !allowedNames.includes(certificate.commonName)) return undefined;
    return this.#userOf(headers());
  }

  /** Whether it is a certificate of such a proxy, whatever its name. */
  believes(certificate: PeerCertificate): boolean {
    return this.#authorities.haveSigned(certificate);
  }

  #userOf(headers: HeaderLines): UserInfo | undefined {
    const { usernameHeaders, uidHeaders, groupHeaders, extraHeaderPrefixes } = this.#trust;
    const all = (names: readonly string[]): string[] =>
      names.flatMap((name) => headers.get(name.toLowerCase()) ?? []);
    const [name] = all(usernameHeaders);
    if (name === undefined) return undefined;
    const [uid] = all(uidHeaders);
    const extra = extrasOf(headers, extraHeaderPrefixes);
    return {
      name,
      groups: all(groupHeaders),
      ...(uid === undefined ? {} : { uid }),
      ...(Object.keys(extra).length === 0 ? {} : { extra }),
    };
  }
}

/** Keys in lower case, as header names are; percent-encoded where they hold what header names may not. */
export function extrasOf(
  headers: HeaderLines,
  prefixes: readonly string[],
): Record<string, readonly string[]> {
  const extra: Record<string, readonly string[]> = Object.create(null);
  for (const prefix of prefixes) {
    const start = prefix.toLowerCase();
    for (const [name, values] of headers) {
      if (!name.startsWith(start)) continue;
      const key = unescaped(name.slice(start.length));
      extra[key] = [...(extra[key] ?? []), ...values];
    }
  }
  return extra;
}

function unescaped(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}
