/** Lists of URLs as etcd's flags have them. */

export interface ListUrl {
  /** As it was written, without spaces around. */
  readonly text: string;
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
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
  if (scheme === "unix" || scheme === "unixs")
    throw wrong(`this store listens on and dials TCP only: ${text}`);
  if (scheme !== "http" && scheme !== "https")
    throw wrong(`URL scheme must be http, https, unix, or unixs: ${text}`);
  const [, host = "", port = ""] = /^(\[[^\]]*\]|[^:@[\]]*):(\d{1,5})$/.exec(authority) ?? [];
  if (port === "" || Number(port) > 65_535)
    throw wrong(`URL address does not have the form "host:port": ${text}`);
  if (path !== "") throw wrong(`URL must not contain a path: ${text}`);
  return { text, secure: scheme === "https", host: host.replace(/^\[|\]$/g, ""), port: Number(port) };
}

/** Where to listen: an address of this machine, no name of another. @throws Error */
export function bindAddress(flag: string, { text, host, port }: ListUrl): { host: string; port: number } {
  if (host === "localhost") return { host: "127.0.0.1", port };
  if (!/^[\d.]+$|:/.test(host)) throw new Error(`--${flag}: expected IP in URL for binding (${text})`);
  return { host, port };
}
