/** One question to another server, and its answer: over UDP, or over TCP where that is wanted. */
import { concatBytes } from "../base/index.ts";
import type { DatagramAddress, Platform } from "../platform/index.ts";
import { tcpBytesMax } from "./limits.ts";

export interface ExchangeOptions {
  readonly server: DatagramAddress;
  readonly timeoutMs: number;
}

/**
 * Over UDP, from a port that nobody can guess, which with the id makes a forged answer unlikely (RFC 5452). The answer is the first one from that
 * server that has the query's id and question.
 * @throws Error when none comes in time
 */
export async function exchangeOverUdp(
  { network, clock }: Platform,
  query: Buffer,
  { server, timeoutMs }: ExchangeOptions,
): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const wildcard = server.host.includes(":") ? "::" : "0.0.0.0";
  const socket = await network.bindDatagrams({ host: wildcard, port: 0 }, (message, from) => {
    if (from.port === server.port && from.host === server.host && answers(message, query))
      resolve(Buffer.from(message));
  });
  const timer = clock.after(timeoutMs, () => reject(silent(server, timeoutMs)));
  try {
    socket.send(query, server);
    return await promise;
  } finally {
    timer.cancel();
    await socket.close();
  }
}

/** @throws Error when none comes in time, or the connection fails */
export async function exchangeOverTcp(
  { network, clock }: Platform,
  query: Buffer,
  { server, timeoutMs }: ExchangeOptions,
): Promise<Buffer> {
  const { stream } = await network.connect({ ...server, timeoutMs });
  const timer = clock.after(timeoutMs, () => stream.destroy(silent(server, timeoutMs)));
  try {
    stream.write(withLength(query));
    let received: Uint8Array = new Uint8Array(0);
    for await (const chunk of stream) {
      received = concatBytes([received, chunk as Uint8Array]);
      if (received.length < 2) continue;
      const length = ((received[0] as number) << 8) | (received[1] as number);
      if (received.length < 2 + length) continue;
      const message = Buffer.from(received.subarray(2, 2 + length));
      if (answers(message, query)) return message;
      break;
    }
    throw new Error(`${server.host}:${server.port} closed without an answer`);
  } finally {
    timer.cancel();
    stream.destroy();
  }
}

/** A message as it goes over TCP (RFC 1035, section 4.2.2). */
export function withLength(message: Uint8Array): Buffer {
  if (message.length > tcpBytesMax) throw new Error(`a message of ${message.length} bytes`);
  const framed = Buffer.allocUnsafe(2 + message.length);
  framed.writeUInt16BE(message.length);
  framed.set(message, 2);
  return framed;
}

/** The same id and, apart from upper and lower case, the same question. */
function answers(message: Uint8Array, query: Buffer): boolean {
  const end = questionEnd(query);
  if (message.length < end || ((message[2] as number) & 0x80) === 0) return false;
  if (message[0] !== query[0] || message[1] !== query[1]) return false;
  const fold = (bytes: Uint8Array): string =>
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1", 12, end).toLowerCase();
  return fold(message) === fold(query);
}

function questionEnd(query: Buffer): number {
  let at = 12;
  while ((query[at] ?? 0) > 0) at += 1 + (query[at] as number);
  return at + 5;
}

function silent({ host, port }: DatagramAddress, milliseconds: number): Error {
  return new Error(`${host}:${port} did not answer within ${milliseconds} ms`);
}
