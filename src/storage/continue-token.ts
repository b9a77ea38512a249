import { JsonError, parseJson } from "../apimachinery/index.ts";
import { type Revision, utf8 } from "../base/index.ts";
import { StorageError } from "./ports.ts";

/**
 * Where a paged list goes on: base64url (no padding) of `{"v":"meta.k8s.io/v1","rv":N,"start":"KEY"}`, as upstream's, so that a
 * token survives a change of server. KEY is relative to the listed prefix. `revision` -1 reads the newest state: what is given
 * out after the revision of a token was compacted.
 */
export interface ContinueToken {
  /** The first key of the rest, in full. */
  readonly startKey: string;
  readonly revision: Revision | -1;
}

const tokenCharsMax = 4096;
const tokenVersion = "meta.k8s.io/v1";

export function encodeContinue(token: ContinueToken, prefix: string): string {
  const start = token.startKey.slice(prefix.length);
  return Buffer.from(JSON.stringify({ v: tokenVersion, rv: token.revision, start })).toString("base64url");
}

/** @throws StorageError INVALID_CONTINUE */
export function decodeContinue(text: string, prefix: string): ContinueToken {
  const fields = parseFields(text);
  if (fields.v !== tokenVersion)
    throw invalid(`server does not recognize this encoded version ${fields.v ?? ""}`);
  const { rv, start } = fields;
  if (typeof rv !== "number" || !Number.isSafeInteger(rv) || rv === 0 || rv < -1) {
    throw invalid(`incorrect encoded start resourceVersion (version ${tokenVersion})`);
  }
  if (typeof start !== "string" || start === "") {
    throw invalid(`encoded start key empty (version ${tokenVersion})`);
  }
  // A key that climbs out of the prefix would show objects that the list was not allowed to.
  if (start.split("/").some((part, i) => part === ".." || part === "." || (part === "" && i > 0)))
    throw invalid(start);
  return {
    startKey: prefix + (start.startsWith("/") ? start.slice(1) : start),
    revision: rv as Revision | -1,
  };
}

function parseFields(text: string): { v?: unknown; rv?: unknown; start?: unknown } {
  if (text.length > tokenCharsMax) throw invalid("too long");
  const stray = text.search(/[^A-Za-z0-9_-]/);
  if (stray >= 0) throw invalid(`illegal base64 data at input byte ${utf8(text.slice(0, stray)).length}`);
  const bytes = Buffer.from(text, "base64url");
  // Four characters are three bytes: one that is left over is none.
  if (text.length % 4 === 1) throw invalid(`illegal base64 data at input byte ${text.length - 1}`);
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString());
  } catch {
    throw invalid(jsonErrorOf(bytes));
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalid("json: cannot unmarshal into Go value of type storage.continueToken");
  }
  return value;
}

/** What Go's encoding/json says about bytes that do not begin a value. */
function jsonErrorOf(bytes: Uint8Array): string {
  const first = bytes.find((byte) => byte !== 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d);
  if (first === undefined) return "unexpected end of JSON input";
  if (first === 0x7b) return "unexpected end of JSON input";
  if (beginsLiteral.has(first)) return literalErrorOf(bytes);
  // Go shows the byte as the character of that number, where it can be printed.
  const printable = (first >= 0x20 && first < 0x7f) || first >= 0xa1;
  const shown = printable ? String.fromCharCode(first) : `\\u${first.toString(16).padStart(4, "0")}`;
  return `invalid character '${shown}' looking for beginning of value`;
}

const beginsLiteral: ReadonlySet<number> = new Set(Buffer.from("tfn"));

function literalErrorOf(bytes: Uint8Array): string {
  try {
    parseJson(Buffer.from(bytes).toString());
  } catch (error) {
    if (error instanceof JsonError) return error.message;
    throw error;
  }
  return "unexpected end of JSON input";
}

const invalid = (reason: string): StorageError =>
  new StorageError("INVALID_CONTINUE", "", `invalid continue token: continue key is not valid: ${reason}`);
