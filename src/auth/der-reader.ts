/** Reads Distinguished Encoding Rules (ITU-T X.690): what certificate requests of others are made of. Input is hostile. */

export interface DerElement {
  readonly tag: number;
  readonly content: Uint8Array;
  /** Tag and length included. */
  readonly whole: Uint8Array;
}

export class DerError extends Error {
  override readonly name = "DerError";
}

/** One element that fills the bytes. @throws DerError */
export function readDer(bytes: Uint8Array): DerElement {
  const element = elementAt(bytes, 0);
  if (element.whole.length !== bytes.length) throw new DerError("x509: trailing data");
  return element;
}

const tagSequence = 0x30;
export const tagSet = 0x31;

/** Elements of a constructed one, in order. @throws DerError: its tag is another, too */
export function derChildren({ tag, content }: DerElement, wanted = tagSequence): DerElement[] {
  if (tag !== wanted) throw new DerError(`x509: tag ${tag} where ${wanted} was expected`);
  const children: DerElement[] = [];
  for (let at = 0; at < content.length; ) {
    const child = elementAt(content, at);
    children.push(child);
    at += child.whole.length;
  }
  return children;
}

function elementAt(bytes: Uint8Array, at: number): DerElement {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f)
    throw new DerError("x509: malformed element");
  let start = at + 2;
  let length = first;
  if (first >= 0x80) {
    const lengthBytes = first & 0x7f;
    if (lengthBytes === 0 || lengthBytes > 4) throw new DerError("x509: malformed length");
    length = 0;
    for (let index = 0; index < lengthBytes; index++) length = length * 256 + (bytes[start + index] ?? 0);
    start += lengthBytes;
  }
  if (start + length > bytes.length) throw new DerError("x509: element runs past its end");
  return { tag, content: bytes.subarray(start, start + length), whole: bytes.subarray(at, start + length) };
}

/** Dotted form of an OBJECT IDENTIFIER. @throws DerError */
export function derObjectIdentifier({ tag, content }: DerElement): string {
  if (tag !== 0x06 || content.length === 0) throw new DerError("x509: malformed OID");
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of content) {
    arc = arc * 128 + (byte & 0x7f);
    if (!Number.isSafeInteger(arc)) throw new DerError("x509: malformed OID");
    if ((byte & 0x80) !== 0) continue;
    arcs.push(arc);
    arc = 0;
  }
  const [head = 0, ...rest] = arcs;
  const first = Math.min(2, Math.floor(head / 40));
  return [first, head - first * 40, ...rest].join(".");
}

/** Text of the string types that names are made of. @throws DerError */
export function derText({ tag, content }: DerElement): string {
  // UTF8String, PrintableString, T61String, IA5String; BMPString is UTF-16.
  if ([0x0c, 0x13, 0x14, 0x16].includes(tag)) return Buffer.from(content).toString("utf8");
  if (tag === 0x1e && content.length % 2 === 0) return Buffer.from(content).swap16().toString("utf16le");
  throw new DerError("x509: a name is no text");
}
