/** The failures of a connection in Go's words, which people look for. */
export interface Place {
  readonly host: string;
  readonly port: number;
}

/** `10.1.2.3:443`, `[::1]:443` */
export function hostPort({ host, port }: Place): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

interface ConnectError extends Error {
  readonly code?: string;
  /** What the host's name led to. */
  readonly address?: string;
  /** Of a certificate that is not for the host: who it is for. */
  readonly cert?: { readonly subject?: { readonly CN?: string }; readonly subjectaltname?: string };
}

const untrusted: ReadonlySet<string> = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
]);

/** What went wrong on the way to a host: `place` is where it was dialled. */
export function connectionError(error: unknown, host: string, place: Place): string {
  const { code = "", name, message, cert, address = place.host } = error as ConnectError;
  const dialled = hostPort({ ...place, host: address });
  const untrustworthy = (why: string): string => `tls: failed to verify certificate: x509: ${why}`;
  if (name === "TimeoutError" || name === "AbortError") return "context deadline exceeded";
  if (untrusted.has(code)) return untrustworthy("certificate signed by unknown authority");
  switch (code) {
    case "ECONNREFUSED":
      return `dial tcp ${dialled}: connect: connection refused`;
    case "EHOSTUNREACH":
      return `dial tcp ${dialled}: connect: no route to host`;
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `dial tcp: lookup ${host}: no such host`;
    case "ECONNRESET":
    case "UND_ERR_SOCKET":
      return "EOF";
    case "CERT_HAS_EXPIRED":
      return untrustworthy("certificate has expired or is not yet valid");
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return untrustworthy(wrongName(host, cert));
    default:
      return message;
  }
}

/** Who a certificate is for, and that it is not for the host. */
function wrongName(host: string, cert: ConnectError["cert"]): string {
  const names = cert?.subjectaltname?.split(", ") ?? [];
  const of = (type: string): string[] =>
    names.filter((name) => name.startsWith(type)).map((name) => name.slice(type.length));
  if (names.length === 0 && cert?.subject?.CN === host)
    return "certificate relies on legacy Common Name field, use SANs instead";
  const isAddress = /^[\d.]+$|:/.test(host);
  const valid = isAddress ? of("IP Address:") : of("DNS:");
  if (valid.length > 0) return `certificate is valid for ${valid.join(", ")}, not ${host}`;
  return isAddress
    ? `cannot validate certificate for ${host} because it doesn't contain any IP SANs`
    : `certificate is not valid for any names, but wanted to match ${host}`;
}
