/** Addresses as flags have them. */

/** `127.0.0.1:53` or `[::1]:53`. @throws Error that names the flag */
export function hostAndPort(
  flag: string,
  text: string,
  defaultPort?: number,
): { host: string; port: number } {
  const [, bracketed, plain, digits] =
    /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = digits === undefined ? defaultPort : Number(digits);
  if (host === undefined || port === undefined || port > 65_535)
    throw new Error(`${flag}: host:port was expected: ${text}`);
  return { host, port };
}

/** Other DNS servers: addresses with or without a port, separated by commas; none where the text is empty. */
export function upstreamsOf(text: string): { host: string; port: number }[] {
  return text
    .split(",")
    .filter((part) => part !== "")
    .map((part) => {
      const upstream = hostAndPort("--dns-upstream", part, 53);
      if (!/^[\d.]+$|:/.test(upstream.host))
        throw new Error(`--dns-upstream: an address was expected, names cannot be resolved yet: ${part}`);
      return upstream;
    });
}
