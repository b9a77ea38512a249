/** Distinguished Encoding Rules (ITU-T X.690): just the types that a certificate is made of. */

const tagBoolean = 0x01;
const tagInteger = 0x02;
const tagBitString = 0x03;
const tagOctetString = 0x04;
const tagObjectIdentifier = 0x06;
const tagUtf8String = 0x0c;
const tagUtcTime = 0x17;
const tagGeneralizedTime = 0x18;
const tagSequence = 0x30;
const tagSet = 0x31;

/** Tag, length, content (X.690, 8.1). */
function element(tag: number, content: Uint8Array): Buffer {
  const length = content.length;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content]);
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return Buffer.concat([Buffer.of(tag, 0x80 | bytes.length, ...bytes), content]);
}

export function sequence(...items: readonly Uint8Array[]): Buffer {
  return element(tagSequence, Buffer.concat(items));
}

export function set(...items: readonly Uint8Array[]): Buffer {
  return element(tagSet, Buffer.concat(items));
}

export function boolean(value: boolean): Buffer {
  return element(tagBoolean, Buffer.of(value ? 0xff : 0));
}

/** A non-negative integer of big-endian bytes, in its shortest form. */
export function integer(bytes: Uint8Array): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const magnitude = bytes.subarray(start);
  const negative = ((magnitude[0] ?? 0) & 0x80) !== 0;
  return element(tagInteger, negative ? Buffer.concat([Buffer.of(0), magnitude]) : magnitude);
}

export function bitString(bytes: Uint8Array, unusedBits = 0): Buffer {
  return element(tagBitString, Buffer.concat([Buffer.of(unusedBits), bytes]));
}

export function octetString(bytes: Uint8Array): Buffer {
  return element(tagOctetString, bytes);
}

export function utf8String(text: string): Buffer {
  return element(tagUtf8String, Buffer.from(text, "utf8"));
}

/** From dotted form: "2.5.29.15". */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const groups = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return element(tagObjectIdentifier, Buffer.from(bytes));
}

/** UTCTime until 2049, GeneralizedTime after, as RFC 5280 (4.1.2.5) demands. */
export function time(milliseconds: number): Buffer {
  const digits = new Date(milliseconds).toISOString().replace(/[-:T]/g, "").slice(0, 14);
  return digits < "2050"
    ? element(tagUtcTime, Buffer.from(`${digits.slice(2)}Z`, "latin1"))
    : element(tagGeneralizedTime, Buffer.from(`${digits}Z`, "latin1"));
}

/** A context-specific element: constructed (explicit wrapper) or primitive (implicit value). */
export function context(number: number, content: Uint8Array, form: "constructed" | "primitive"): Buffer {
  return element((form === "constructed" ? 0xa0 : 0x80) | number, content);
}
