/** Lists of URLs as etcd's flags have them. */

export interface ListUrl {
  /** As it was written, without spaces around. */
  readonly text: string;
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  /** Of a socket in the file system, which `unix://` and `unixs://` mean: then there is no other address. */
  readonly path?: string;
}

/** In order, each once. Nothing where the flag is empty. @throws Error that names the flag */
export function parseUrls(flag: string, list: string): ListUrl[] {
  const texts = new Set(list.split(",").map((text) => text.trim()));
  texts.delete("");
  return [...texts].sort().map((text) => parseUrl(flag, text));
}

function parseUrl(flag: string, text: string): ListUrl {
  const wrong = (why: string) => new Error(`--${flag}: ${why}`);
  const [, scheme = "", authority = "", path = ""] = /^([a-z]+):\/\/([^/?#]*)(.*)$/i.exec(text) ?? [];
  const [, host = "", port = ""] = /^(\[[^\]]*\]|[^:@[\]]*):(\d{1,5})$/.exec(authority) ?? [];
  const address = { host: host.replace(/^\[|\]$/g, ""), port: Number(port) };
  if (scheme === "unix" || scheme === "unixs") {
    // Whoever listens there needs a name that is no port's; whoever is told of it, "host:port".
    if (authority + path === "" || (flag.includes("advertise") && port === ""))
      throw wrong(`URL address does not have the form "host:port": ${text}`);
    return { text, secure: scheme === "unixs", ...address, path: authority + path };
  }
  if (scheme !== "http" && scheme !== "https")
    throw wrong(`URL scheme must be http, https, unix, or unixs: ${text}`);
  if (port === "" || address.port > 65_535)
    throw wrong(`URL address does not have the form "host:port": ${text}`);
  if (path !== "") throw wrong(`URL must not contain a path: ${text}`);
  return { text, secure: scheme === "https", ...address };
}

/** Where to listen: an address of this machine, no name of another, or a path. @throws Error */
export function bindAddress(
  flag: string,
  { text, host, port, path }: ListUrl,
): { host: string; port: number; path?: string } {
  if (path !== undefined) return { host, port, path };
  if (host === "localhost") return { host: "127.0.0.1", port };
  if (!/^[\d.]+$|:/.test(host)) throw new Error(`--${flag}: expected IP in URL for binding (${text})`);
  return { host, port };
}

/** The same for URLs that share a listener, as etcd tells them apart: by what is written, so `localhost` is not `127.0.0.1`. */
export function placeOf({ host, port, path }: ListUrl): string {
  return path ?? `${host}:${port}`;
}
