import type { FieldList } from "./header-decoder.ts";
import type { HeaderFields } from "./ports.ts";

/** What a request says before its body. */
export interface RequestHead {
  readonly method: string;
  readonly path: string;
  readonly authority: string;
  readonly scheme: string;
  readonly headers: HeaderFields;
  /** As they came, names and values in turn, pseudo-header fields too: of several with one name each is there. */
  readonly fields: readonly string[];
  /** Bytes of the body as announced, or undefined. */
  readonly contentLength: number | undefined;
}

/** Pseudo-header fields of a request (RFC 9113, section 8.3.1). */
const pseudoNames = new Set([":method", ":scheme", ":path", ":authority"]);

/** Section 8.2.2. */
const connectionNames = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

/** Fields that are no lists (RFC 9110): of several, the first one counts. */
const singleNames = new Set([
  "authorization",
  "content-location",
  "content-type",
  "date",
  "from",
  "host",
  "if-modified-since",
  "if-range",
  "if-unmodified-since",
  "max-forwards",
  "origin",
  "proxy-authorization",
  "range",
  "referer",
  "user-agent",
]);

/** Requests that came with the very same field list share what was read from it. */
const heads = new WeakMap<FieldList, RequestHead>();

/** Reads and checks a request's fields. Undefined: malformed (RFC 9113, section 8.1.1). */
export function requestHead(list: FieldList): RequestHead | undefined {
  const known = heads.get(list);
  if (known !== undefined) return known;
  const head = readHead(list.fields);
  if (head !== undefined) heads.set(list, head);
  return head;
}

function readHead(fields: readonly string[]): RequestHead | undefined {
  const pseudo: Record<string, string> = Object.create(null);
  const headers: Record<string, string> = Object.create(null);
  let regular = false;
  for (let i = 0; i < fields.length; i += 2) {
    const [name, value] = [fields[i] as string, fields[i + 1] as string];
    if (!validValue(value)) return undefined;
    if (name.startsWith(":")) {
      // Section 8.3: before all others, known, and once.
      if (regular || !pseudoNames.has(name) || pseudo[name] !== undefined) return undefined;
      pseudo[name] = value;
      continue;
    }
    regular = true;
    if (!validField(name, value)) return undefined;
    const before = headers[name];
    if (before === undefined) headers[name] = value;
    // Section 8.2.3: cookies may come in crumbs.
    else if (name === "cookie") headers[name] = `${before}; ${value}`;
    else if (name === "content-length" && before !== value) return undefined;
    else if (name !== "content-length" && !singleNames.has(name)) headers[name] = `${before}, ${value}`;
  }
  return completeHead(pseudo, headers, fields);
}

function completeHead(
  pseudo: Record<string, string>,
  headers: HeaderFields,
  fields: readonly string[],
): RequestHead | undefined {
  const { ":method": method, ":scheme": scheme, ":path": path, ":authority": authority } = pseudo;
  const contentLength = headers["content-length"];
  if (method === undefined || !validMethod(method)) return undefined;
  if (contentLength !== undefined && !/^\d{1,15}$/.test(contentLength)) return undefined;
  if (method === "CONNECT") {
    // Section 8.5.
    if (scheme !== undefined || path !== undefined || authority === undefined) return undefined;
  } else {
    if (scheme === undefined || path === undefined) return undefined;
    if (!path.startsWith("/") && !(path === "*" && method === "OPTIONS")) return undefined;
  }
  const { host } = headers;
  // Section 8.3.1: the two must not name different servers.
  if (authority && host !== undefined && authority.toLowerCase() !== host.toLowerCase()) return undefined;
  return {
    method,
    scheme: scheme ?? "",
    path: path ?? "",
    authority: authority ?? host ?? "",
    headers,
    fields,
    contentLength: contentLength === undefined ? undefined : Number(contentLength),
  };
}

/** Trailers: nothing but regular fields (section 8.1). What they say is nobody's concern here. */
export function validTrailers({ fields }: FieldList): boolean {
  for (let i = 0; i < fields.length; i += 2) {
    const [name, value] = [fields[i] as string, fields[i + 1] as string];
    if (!validField(name, value) || !validValue(value)) return false;
  }
  return true;
}

/** Names in lower case (section 8.2.1), none that speaks of the connection (section 8.2.2). */
export function validField(name: string, value: string): boolean {
  if (!/^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name) || connectionNames.has(name)) return false;
  return name !== "te" || value === "trailers";
}

/** Section 8.2.1. */
export function validValue(value: string): boolean {
  return !/[\0\r\n]|^[ \t]|[ \t]$/.test(value);
}

/** RFC 9110, section 9.1: a token. */
function validMethod(method: string): boolean {
  return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}$/.test(method);
}
