/**
 * The serial numbers in a certificate revocation list (RFC 5280, section 5.1), in PEM or DER. As etcd does it: neither the list's signature nor
 * its dates are checked, for whoever may write the file may say who is let in.
 *
 *     CertificateList { TBSCertList { version?, signature, issuer, thisUpdate, nextUpdate?, revokedCertificates { { serial, date, … } … }?, … }, … }
 */
import { serialOf } from "./certificate-rules.ts";

const tagInteger = 0x02;
const tagUtcTime = 0x17;
const tagGeneralizedTime = 0x18;
const tagSequence = 0x30;

interface Element {
  readonly tag: number;
  readonly content: Buffer;
}

/** In hexadecimal. @throws Error where it is no such list */
export function readRevocationList(file: Uint8Array): ReadonlySet<string> {
  const [list] = elementsOf(derOf(file));
  const [toBeSigned] = elementsOf(contentOf(list, tagSequence));
  const fields = elementsOf(contentOf(toBeSigned, tagSequence));
  const isTime = ({ tag }: Element) => tag === tagUtcTime || tag === tagGeneralizedTime;
  const behind = fields[fields.findLastIndex(isTime) + 1];
  // A list without entries has extensions there, or nothing.
  if (!fields.some(isTime)) throw malformed();
  if (behind?.tag !== tagSequence) return new Set();
  return new Set(
    elementsOf(behind.content).map((entry) => {
      const [serial] = elementsOf(contentOf(entry, tagSequence));
      return serialOf(contentOf(serial, tagInteger).toString("hex"));
    }),
  );
}

function derOf(file: Uint8Array): Buffer {
  const bytes = Buffer.from(file);
  const [, base64] =
    /-----BEGIN X509 CRL-----([\sA-Za-z0-9+/=]*)-----END/.exec(bytes.toString("latin1")) ?? [];
  return base64 === undefined ? bytes : Buffer.from(base64, "base64");
}

function contentOf(element: Element | undefined, tag: number): Buffer {
  if (element?.tag !== tag) throw malformed();
  return element.content;
}

/** Elements of DER, one after the other. */
function elementsOf(bytes: Buffer): Element[] {
  const elements: Element[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at] as number;
    const first = bytes[at + 1];
    const lengthBytes = first !== undefined && first > 0x80 ? first - 0x80 : 0;
    const start = at + 2 + lengthBytes;
    if (first === undefined || first === 0x80 || lengthBytes > 4 || start > bytes.length) throw malformed();
    const length = lengthBytes === 0 ? first : bytes.readUIntBE(at + 2, lengthBytes);
    if (start + length > bytes.length) throw malformed();
    elements.push({ tag, content: bytes.subarray(start, start + length) });
    at = start + length;
  }
  return elements;
}

function malformed(): Error {
  return new Error("it is no certificate revocation list");
}
