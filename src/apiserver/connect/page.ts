/** An answer whose links have to lead through the proxy path that it is seen at. */
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { promisify } from "node:util";
import * as zlib from "node:zlib";
import { proxiedPageBytesMax } from "../limits.ts";
import { type ProxyPlace, rewriteLink, rewritePage } from "./links.ts";

interface Coding {
  decode(bytes: Buffer, options: zlib.ZlibOptions): Promise<Buffer>;
  encode(bytes: Buffer): Promise<Buffer>;
}

/** zlib is loaded with the first page. */
const codings: Readonly<Record<string, Coding>> = {
  "": { decode: async (bytes) => bytes, encode: async (bytes) => bytes },
  gzip: {
    decode: (bytes, options) => promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.gunzip)(bytes, options),
    encode: (bytes) => promisify<Buffer, Buffer>(zlib.gzip)(bytes),
  },
  deflate: {
    decode: (bytes, options) => promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.inflateRaw)(bytes, options),
    encode: (bytes) => promisify<Buffer, Buffer>(zlib.deflateRaw)(bytes),
  },
};

/** What the backend allows other pages is about its own address, not about this server's. */
const crossOrigin = ["credentials", "headers", "methods", "origin"].map(
  (name) => `access-control-allow-${name}`,
);

export function proxiedHeaders(headers: IncomingHttpHeaders, place: ProxyPlace): IncomingHttpHeaders {
  const kept = { ...headers };
  for (const name of crossOrigin) delete kept[name];
  if (kept.location !== undefined) kept.location = rewriteLink(kept.location, place);
  return kept;
}

/** Whether it is a page with links, in a coding that we know. */
export function hasLinks({
  location,
  "content-type": type = "",
  "content-encoding": coding = "",
}: IncomingHttpHeaders): boolean {
  return (
    location === undefined && type.split(";")[0]?.trim() === "text/html" && Object.hasOwn(codings, coding)
  );
}

/** The whole page, with its links rewritten. @throws Error where it is larger than we hold, or broken */
export async function proxiedPage(answer: IncomingMessage, place: ProxyPlace): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of answer) {
    bytes += (piece as Buffer).length;
    if (bytes > proxiedPageBytesMax) throw new Error(`a page of more than ${proxiedPageBytesMax} bytes`);
    pieces.push(piece as Buffer);
  }
  const { decode, encode } = codings[answer.headers["content-encoding"] ?? ""] as Coding;
  const whole = Buffer.concat(pieces);
  if (whole.length === 0) return whole;
  const page = await decode(whole, { maxOutputLength: proxiedPageBytesMax });
  // Byte by byte, so that pages of any encoding stay as they are beside their links.
  return encode(Buffer.from(rewritePage(page.toString("latin1"), place), "latin1"));
}
