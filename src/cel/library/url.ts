import type { Library } from "../functions.ts";
import { ArrayList, Failure, fail, LiteralMap, Opaque, type Result, type Value } from "../values.ts";

/** The parts of a URL as Go's net/url reads a request URI: absolute, or a path from the root. */
class UrlValue extends Opaque {
  override readonly typeName = "kubernetes.URL";
  readonly text: string;
  readonly scheme: string;
  readonly host: string;
  readonly path: string;
  readonly query: string;

  constructor(text: string, parts: { scheme: string; host: string; path: string; query: string }) {
    super();
    this.text = text;
    this.scheme = parts.scheme;
    this.host = parts.host;
    this.path = parts.path;
    this.query = parts.query;
  }

  override equals(other: Opaque): boolean {
    return other instanceof UrlValue && other.text === this.text;
  }

  get hostname(): string {
    return this.host.replace(/:\d*$/, "").replace(/^\[(.*)\]$/, "$1");
  }

  get port(): string {
    return /:(\d*)$/.exec(this.host.replace(/^\[.*\]/, ""))?.[1] ?? "";
  }
}

/** Refusals have Go's words. */
export function parseUrl(text: string): UrlValue | Failure {
  const refuse = (why: string): Failure => fail(`parse ${JSON.stringify(text)}: ${why}`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for.
  if (/[\u0000-\u001f\u007f]/.test(text)) return refuse("net/url: invalid control character in URL");
  if (text === "") return refuse("empty url");
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text)?.[1];
  if (scheme === undefined && !text.startsWith("/")) {
    return refuse(
      /^[^/?#]*:/.test(text) && /^[0-9:+.-]/.test(text)
        ? "missing protocol scheme"
        : "invalid URI for request",
    );
  }
  const rest = scheme === undefined ? text : text.slice(scheme.length + 1);
  const [beforeQuery = "", ...queryParts] = rest.split("?");
  const query = queryParts.join("?");
  if (!beforeQuery.startsWith("/")) return refuse("invalid URI for request");
  let host = "";
  let path = beforeQuery;
  if (scheme !== undefined && beforeQuery.startsWith("//")) {
    const slash = beforeQuery.indexOf("/", 2);
    const authority = beforeQuery.slice(2, slash === -1 ? undefined : slash);
    host = authority.slice(authority.lastIndexOf("@") + 1);
    path = slash === -1 ? "" : beforeQuery.slice(slash);
    const port = /:([^:\]]*)$/.exec(host.replace(/^\[.*\]/, ""))?.[1];
    if (port !== undefined && !/^\d*$/.test(port)) return refuse(`invalid port ":${port}" after host`);
    const bad = /[ <>"\\^`{|}]/.exec(host)?.[0];
    if (bad !== undefined) return refuse(`invalid character ${JSON.stringify(bad)} in host name`);
  }
  const badEscape = /%(?![0-9a-fA-F]{2}).{0,2}/.exec(path)?.[0];
  if (badEscape !== undefined) return refuse(`invalid URL escape ${JSON.stringify(badEscape)}`);
  return new UrlValue(text, { scheme: (scheme ?? "").toLowerCase(), host, path: escapePath(path), query });
}

function escapePath(path: string): string {
  return path.replace(/[^A-Za-z0-9\-._~$&+,/:;=@!'()*%[\]]/gu, (character) =>
    [...new TextEncoder().encode(character)]
      .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`)
      .join(""),
  );
}

function queryOf(url: UrlValue): Result {
  const entries = new Map<string, [Value, Value[]]>();
  for (const part of url.query === "" ? [] : url.query.split("&")) {
    if (part === "" || part.includes(";")) continue;
    const [key = "", ...rest] = part.split("=");
    const name = unescapeQuery(key);
    const value = unescapeQuery(rest.join("="));
    if (name === undefined || value === undefined) continue;
    const found = entries.get(`s${name}`);
    if (found === undefined) entries.set(`s${name}`, [name, [value]]);
    else found[1].push(value);
  }
  return new LiteralMap(
    new Map([...entries].map(([key, [name, values]]) => [key, [name, new ArrayList(values)] as const])),
  );
}

function unescapeQuery(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return undefined;
  }
}

export const urlLibrary: Library = {
  url: {
    "(string) -> kubernetes.URL": (text: string) => {
      const url = parseUrl(text);
      return url instanceof Failure
        ? fail(`URL parse error during conversion from string: ${url.message}`)
        : url;
    },
  },
  isURL: { "(string) -> bool": (text: string) => !(parseUrl(text) instanceof Failure) },
  getScheme: { "kubernetes.URL.() -> string": (url: UrlValue) => url.scheme },
  getHost: { "kubernetes.URL.() -> string": (url: UrlValue) => url.host },
  getHostname: { "kubernetes.URL.() -> string": (url: UrlValue) => url.hostname },
  getPort: { "kubernetes.URL.() -> string": (url: UrlValue) => url.port },
  getEscapedPath: { "kubernetes.URL.() -> string": (url: UrlValue) => url.path },
  getQuery: { "kubernetes.URL.() -> map(string, list(string))": queryOf },
};
