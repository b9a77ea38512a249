/** The name that a TLS client asks for, read out of its first bytes and left there for whoever ends the TLS. */

/** The first byte of every TLS connection, and of no request of HTTP. RFC 8446, section 5.1. */
export const handshakeRecord = 22;
const clientHello = 1;
const serverNameExtension = 0;
const hostName = 0;
/** Bytes of a ClientHello that are looked at; some with post-quantum keys have two thousand. */
export const helloBytesMax = 16_384;

/** What `bytes` say so far: "" where they are no TLS or ask for no name; undefined while more are needed. RFC 8446, section 4.1.2; RFC 6066, section 3. */
export function serverNameIn(bytes: Buffer): string | undefined {
  const hello = handshakeIn(bytes);
  if (hello === undefined) return bytes.length >= helloBytesMax ? "" : undefined;
  try {
    return nameIn(hello);
  } catch (error) {
    if (error instanceof RangeError) return "";
    throw error;
  }
}

/** The first handshake message without its head, put together from the records it comes in; empty for what is none. */
function handshakeIn(bytes: Buffer): Buffer | undefined {
  const none = Buffer.alloc(0);
  const parts: Buffer[] = [];
  let have = 0;
  for (let at = 0; ; ) {
    if (bytes.length > at && bytes[at] !== handshakeRecord) return none;
    if (bytes.length < at + 5) return undefined;
    const length = bytes.readUInt16BE(at + 3);
    if (length === 0 || length > helloBytesMax) return none;
    parts.push(bytes.subarray(at + 5, at + 5 + length));
    have += length;
    const message = Buffer.concat(parts);
    if (message.length > 0 && message[0] !== clientHello) return none;
    if (message.length >= 4) {
      const wanted = message.readUIntBE(1, 3);
      if (wanted > helloBytesMax) return none;
      if (message.length >= 4 + wanted) return message.subarray(4, 4 + wanted);
    }
    if (message.length < have) return undefined;
    at += 5 + length;
  }
}

/** @throws RangeError where a length points behind the end */
function nameIn(hello: Buffer): string {
  // Version and random, then the session, the cipher suites and the compression methods, each with its length.
  let at = 2 + 32;
  at += 1 + hello.readUInt8(at);
  at += 2 + hello.readUInt16BE(at);
  at += 1 + hello.readUInt8(at);
  const end = at + 2 + hello.readUInt16BE(at);
  for (at += 2; at < end; ) {
    const type = hello.readUInt16BE(at);
    const length = hello.readUInt16BE(at + 2);
    at += 4;
    if (type === serverNameExtension) {
      // One list with one name in practice; only the first counts.
      if (hello.readUInt8(at + 2) !== hostName) return "";
      const size = hello.readUInt16BE(at + 3);
      return at + 5 + size > hello.length
        ? ""
        : hello.toString("latin1", at + 5, at + 5 + size).toLowerCase();
    }
    at += length;
  }
  return "";
}
