import type { Duplex } from "node:stream";

/** What a client begins with (RFC 9113, section 3.4). */
export const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/**
 * Tells HTTP/2 with prior knowledge from HTTP/1 by the first bytes of a cleartext stream, which are put back. No method of
 * HTTP/1 begins like the preface, so the first byte that differs decides. Says nothing when the stream ends before.
 */
export function detectProtocol(stream: Duplex, decided: (protocol: "h2" | "http/1.1") => void): void {
  let seen: Buffer = Buffer.alloc(0);
  const onReadable = (): void => {
    const chunk: Buffer | null = stream.read();
    if (chunk === null) return;
    seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
    const length = Math.min(seen.length, preface.length);
    const same = seen.compare(preface, 0, length, 0, length) === 0;
    if (same && length < preface.length) return;
    stream.removeListener("readable", onReadable);
    stream.unshift(seen);
    decided(same ? "h2" : "http/1.1");
  };
  stream.on("readable", onReadable);
}
