import type { FieldList } from "./header-decoder.ts";
import type { HeaderFields } from "./ports.ts";

/** What a request says before its body. */
export interface RequestHead {
  readonly method: string;
  readonly path: string;
  readonly authority: string;
  readonly scheme: string;
  /** With `host`, for handlers that know of no authority. */
  readonly headers: HeaderFields;
  /** As they came, names and values in turn, pseudo-header fields too: of several with one name each is there. */
  readonly fields: readonly string[];
  /** Bytes of the body as announced, or undefined. */
  readonly contentLength: number | undefined;
}

/** Pseudo-header fields of a request (RFC 9113, section 8.3.1). */
type PseudoFields = Record<":method" | ":scheme" | ":path" | ":authority", string | undefined>;

const isPseudoName = (name: string): name is keyof PseudoFields =>
  name === ":method" || name === ":scheme" || name === ":path" || name === ":authority";

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

/** The fields after the pseudo-header fields, and what they mean. */
interface RegularFields {
  readonly fields: readonly string[];
  /** Where they begin in `fields`. */
  readonly from: number;
  readonly authority: string | undefined;
  readonly headers: HeaderFields;
}

/**
 * Reads and checks the fields of a connection's requests. What a client asks for differs from one request to the next, what it says of itself
 * hardly ever: fields that are those of the request before are not read again, and the object made of them is shared (and frozen).
 */
export class RequestHeads {
  #list: FieldList | undefined;
  #head: RequestHead | undefined;
  #regular: RegularFields | undefined;

  /** Undefined: malformed (RFC 9113, section 8.1.1). */
  read(list: FieldList): RequestHead | undefined {
    if (list === this.#list) return this.#head;
    const head = this.#read(list.fields);
    this.#list = list;
    this.#head = head;
    return head;
  }

  #read(fields: readonly string[]): RequestHead | undefined {
    const pseudo: PseudoFields = {
      ":method": undefined,
      ":scheme": undefined,
      ":path": undefined,
      ":authority": undefined,
    };
    let from = 0;
    for (; from < fields.length && (fields[from] as string).startsWith(":"); from += 2) {
      const [name, value] = [fields[from] as string, fields[from + 1] as string];
      // Section 8.3: known, and once.
      if (!validValue(value) || !isPseudoName(name) || pseudo[name] !== undefined) return undefined;
      pseudo[name] = value;
    }
    const headers = this.#regularFields(fields, from, pseudo[":authority"]);
    return headers && completeHead(pseudo, headers, fields);
  }

  #regularFields(
    fields: readonly string[],
    from: number,
    authority: string | undefined,
  ): HeaderFields | undefined {
    const last = this.#regular;
    if (last !== undefined && last.authority === authority && sameTail(fields, from, last.fields, last.from))
      return last.headers;
    const headers = readFields(fields, from);
    if (headers === undefined) return undefined;
    const { host } = headers;
    // Section 8.3.1: the two must not name different servers.
    if (authority && host !== undefined && authority.toLowerCase() !== host.toLowerCase()) return undefined;
    if (authority) headers["host"] ??= authority;
    this.#regular = { fields, from, authority, headers: Object.freeze(headers) };
    return headers;
  }
}

/** Whether two lists are the same from there on. */
function sameTail(a: readonly string[], fromA: number, b: readonly string[], fromB: number): boolean {
  if (a.length - fromA !== b.length - fromB) return false;
  for (let i = fromA, j = fromB; i < a.length; i++, j++) if (a[i] !== b[j]) return false;
  return true;
}

function readFields(fields: readonly string[], from: number): Record<string, string> | undefined {
  const headers: Record<string, string> = Object.create(null);
  for (let i = from; i < fields.length; i += 2) {
    const [name, value] = [fields[i] as string, fields[i + 1] as string];
    // Pseudo-header fields stand before all others, which a colon is not allowed in.
    if (!validValue(value) || !validField(name, value)) return undefined;
    const before = headers[name];
    if (before === undefined) headers[name] = value;
    // Section 8.2.3: cookies may come in crumbs.
    else if (name === "cookie") headers[name] = `${before}; ${value}`;
    else if (name === "content-length" && before !== value) return undefined;
    else if (name !== "content-length" && !singleNames.has(name)) headers[name] = `${before}, ${value}`;
  }
  return headers;
}

function completeHead(
  pseudo: PseudoFields,
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
  return {
    method,
    scheme: scheme ?? "",
    path: path ?? "",
    authority: authority ?? headers["host"] ?? "",
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
