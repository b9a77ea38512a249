/**
 * Pages that are seen through a proxy path: their links begin where their server's root is, and have to lead to the proxy path instead.
 * Upstream's pkg/util/proxy/transport.go; what has no link is left as it is. Pure.
 */
import { posix } from "node:path";

/** Where a page is seen. */
export interface ProxyPlace {
  /** The path up to `/proxy`. */
  readonly prefix: string;
  /** `host:port` of the server behind it, as it is reached and as the client calls it. */
  readonly hosts: readonly string[];
}

/** Attributes that hold an address, by the elements they do so in. */
const attributes: Readonly<Record<string, readonly string[]>> = {
  a: ["href"],
  applet: ["codebase"],
  area: ["href"],
  audio: ["src"],
  base: ["href"],
  blockquote: ["cite"],
  body: ["background"],
  button: ["formaction"],
  command: ["icon"],
  del: ["cite"],
  embed: ["src"],
  form: ["action"],
  frame: ["longdesc", "src"],
  head: ["profile"],
  html: ["manifest"],
  iframe: ["longdesc", "src"],
  img: ["longdesc", "src", "usemap"],
  input: ["src", "usemap", "formaction"],
  ins: ["cite"],
  link: ["href"],
  object: ["classid", "codebase", "data", "usemap"],
  q: ["cite"],
  script: ["src"],
  source: ["src"],
  video: ["poster", "src"],
};

/** Elements whose content is text, whatever it looks like. */
const textElements: ReadonlySet<string> = new Set([
  ...["iframe", "noembed", "noframes", "script", "style", "textarea", "title", "xmp"],
]);

/** An address of the same server leads to the proxy path; all others stay. */
export function rewriteLink(link: string, { prefix, hosts }: ProxyPlace): string {
  const [, host, rest = ""] = /^(?:(?:https?:)?\/\/([^/?#]*))?(.*)$/is.exec(link) ?? [];
  if (host !== undefined && !hosts.includes(host)) return link;
  const [, path = "", behind = ""] = /^([^?#]*)(.*)$/s.exec(rest) ?? [];
  if (!path.startsWith("/")) return link;
  if (path.startsWith(prefix)) return path + behind;
  return prefix + posix.normalize(path) + behind;
}

/** The page with every link that begins at its server's root. */
export function rewritePage(page: string, place: ProxyPlace): string {
  const parts: string[] = [];
  let copied = 0;
  for (let at = page.indexOf("<"); at !== -1; at = page.indexOf("<", at)) {
    const name = /^[a-z][a-z0-9]{0,30}/i.exec(page.slice(at + 1, at + 32))?.[0].toLowerCase();
    if (name === undefined) {
      // An end tag, a comment, or just a sign.
      const comment = page.startsWith("<!--", at);
      const end = comment ? page.indexOf("-->", at + 4) : at + 1;
      if (end === -1) break;
      at = end;
      continue;
    }
    const end = endOfTag(page, at);
    if (end === -1) break;
    parts.push(page.slice(copied, at), rewriteTag(page.slice(at, end), attributes[name] ?? [], place));
    copied = end;
    at = end;
    if (!textElements.has(name)) continue;
    const close = closeOf(page, name, end);
    if (close === -1) break;
    at = close;
  }
  parts.push(page.slice(copied));
  return parts.join("");
}

/** Behind its `>`, which may stand in quotes before that. */
function endOfTag(page: string, from: number): number {
  let quote = "";
  for (let at = from; at < page.length; at++) {
    const sign = page[at] as string;
    if (quote !== "") {
      if (sign === quote) quote = "";
    } else if ((sign === '"' || sign === "'") && page[at - 1] === "=") quote = sign;
    else if (sign === ">") return at + 1;
  }
  return -1;
}

function closeOf(page: string, name: string, from: number): number {
  for (let at = page.indexOf("</", from); at !== -1; at = page.indexOf("</", at + 2))
    if (page.slice(at + 2, at + 2 + name.length).toLowerCase() === name) return at;
  return -1;
}

function rewriteTag(tag: string, names: readonly string[], place: ProxyPlace): string {
  if (names.length === 0) return tag;
  return tag.replace(
    /(?<![\w-])([a-z]{1,20})=("[^"]*"|'[^']*'|[^\s"'>]+)/gi,
    (whole: string, name: string, value: string) => {
      if (!names.includes(name.toLowerCase())) return whole;
      const quote = /^["']/.test(value) ? (value[0] as string) : "";
      const link = quote === "" ? value : value.slice(1, -1);
      return `${name}=${quote}${rewriteLink(link, place)}${quote}`;
    },
  );
}
