/** A message that is no DNS query. */
export class DnsFormatError extends Error {
  override readonly name = "DnsFormatError";
}
