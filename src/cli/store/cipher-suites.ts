/** Cipher suites by the names that Go has for them, which are the IANA's, and by OpenSSL's. */

/** OpenSSL turns TLS 1.3 off where none of its suites is named; Go does not let them be chosen. */
const tls13 = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];

/** @throws Error that names a suite that is not known */
export function opensslCiphers(names: readonly string[]): string {
  return [...tls13, ...names.filter((name) => !tls13.includes(name)).map(opensslName)].join(":");
}

function opensslName(name: string): string {
  const exchange = "(?:ECDHE_(RSA|ECDSA)|RSA)";
  const [, signed, bits, mode, hash] =
    new RegExp(`^TLS_${exchange}_WITH_AES_(128|256)_(GCM|CBC)_(SHA|SHA256|SHA384)$`).exec(name) ?? [];
  if (bits !== undefined)
    return `${signed === undefined ? "" : `ECDHE-${signed}-`}AES${bits}${mode === "GCM" ? "-GCM" : ""}-${hash}`;
  const [, chacha] = /^TLS_ECDHE_(RSA|ECDSA)_WITH_CHACHA20_POLY1305(?:_SHA256)?$/.exec(name) ?? [];
  if (chacha !== undefined) return `ECDHE-${chacha}-CHACHA20-POLY1305`;
  throw new Error(`--cipher-suites: unexpected TLS cipher suite "${name}"`);
}
