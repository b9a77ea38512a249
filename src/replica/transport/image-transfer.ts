/**
 * An image goes over a connection of its own, so that heartbeats do not wait behind it:
 *
 *   sender                                     receiver
 *   imageBegin: the message that announces it →
 *                                            ← imageHeld: bytes of it that are here already, and their checksum
 *   imageFrom: how many of them are right      →
 *   imageChunk: bytes as the disk gives them   → …
 *   imageEnd: bytes and checksum of all        →
 *                                            ← imageStored: it is checked and durable
 *
 * A transfer that breaks off is so gone on with. The checksum is chained from the first byte on, over all transfers, so that what
 * was put together of several images is noticed at the end at the latest.
 */
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { assert, crc32c, fromUtf8 } from "../../base/index.ts";
import type { Clock, Connection } from "../../platform/index.ts";
import { BytesReader } from "../bytes-reader.ts";
import { BytesWriter } from "../bytes-writer.ts";
import { encodeFrame, type FrameKind, FrameReader, frameKind } from "./frames.ts";

/** The other side makes no progress for so long: give it up. */
const stallMs = 30_000;

/** An image from its first byte up to somewhere. */
export interface ImagePart {
  readonly bytes: number;
  /** CRC-32C. */
  readonly checksum: number;
}

export const noPart: ImagePart = { bytes: 0, checksum: 0 };

export function longerPart({ bytes, checksum }: ImagePart, chunk: Uint8Array): ImagePart {
  return { bytes: bytes + chunk.length, checksum: crc32c(chunk, 0, chunk.length, checksum) };
}

export function isSamePart(a: ImagePart, b: ImagePart): boolean {
  return a.bytes === b.bytes && a.checksum === b.checksum;
}

export function encodePart({ bytes, checksum }: ImagePart): Uint8Array {
  const writer = new BytesWriter();
  writer.number(bytes);
  writer.number(checksum);
  return writer.finish();
}

/** @throws MalformedBytesError */
export function decodePart(payload: Uint8Array): ImagePart {
  const reader = new BytesReader(payload);
  return { bytes: reader.number(), checksum: reader.number() };
}

/**
 * Sends an image; resolves when the other side has stored it.
 * @param read begins to read the image; called again where what the other side has is not its beginning
 */
export async function sendImage(
  { stream }: Connection,
  { hello, message }: { hello: Uint8Array; message: Uint8Array },
  read: () => AsyncIterable<Uint8Array>,
  clock: Clock,
): Promise<void> {
  let progressAt = clock.monotonic();
  const progress = (): void => {
    progressAt = clock.monotonic();
  };
  const watchdog = clock.every(stallMs / 4, () => {
    if (clock.monotonic() - progressAt > stallMs) stream.destroy(new Error(`no progress for ${stallMs} ms`));
  });
  const { held, stored } = answersOn(stream);
  // Whoever fails first, the sending below or this, is what the caller hears.
  stored.catch(() => stream.destroy());
  const send = async (kind: FrameKind, payload: Uint8Array) => {
    const [head, body] = encodeFrame(kind, payload);
    stream.write(head);
    if (!stream.write(body)) await Promise.race([once(stream, "drain"), stored]);
    progress();
  };
  try {
    await send(frameKind.hello, hello);
    await send(frameKind.imageBegin, message);
    const theirs = await held;
    const all = (await pour(read(), theirs, send, progress)) ?? (await pour(read(), noPart, send, progress));
    assert(all !== undefined, "nothing is the beginning of every image");
    await send(frameKind.imageEnd, encodePart(all));
    await stored;
  } finally {
    watchdog.cancel();
    stream.destroy();
  }
}

/** Sends what is behind a part; answers what the image is in all. Undefined, and nothing sent: the part is not its beginning. */
async function pour(
  chunks: AsyncIterable<Uint8Array>,
  part: ImagePart,
  send: (kind: FrameKind, payload: Uint8Array) => Promise<void>,
  progress: () => void,
): Promise<ImagePart | undefined> {
  let done = noPart;
  if (part.bytes === 0) await send(frameKind.imageFrom, encodePart(done));
  for await (const chunk of chunks) {
    const skipped = chunk.subarray(0, Math.max(0, part.bytes - done.bytes));
    if (skipped.length > 0) {
      done = longerPart(done, skipped);
      progress();
      if (done.bytes === part.bytes) {
        if (!isSamePart(done, part)) return undefined;
        await send(frameKind.imageFrom, encodePart(done));
      }
    }
    const rest = chunk.subarray(skipped.length);
    if (rest.length === 0) continue;
    done = longerPart(done, rest);
    await send(frameKind.imageChunk, rest);
  }
  return done.bytes < part.bytes ? undefined : done;
}

/** What the other side says: first what it has, in the end that it has all. */
function answersOn(stream: Duplex): { held: Promise<ImagePart>; stored: Promise<void> } {
  const held = Promise.withResolvers<ImagePart>();
  const stored = Promise.withResolvers<void>();
  const fail = (error: Error): void => {
    held.reject(error);
    stored.reject(error);
  };
  held.promise.catch(() => {});
  const frames = new FrameReader();
  stream.on("error", fail);
  stream.on("close", () => fail(new Error("the connection ended before the image was stored")));
  stream.on("data", (chunk: Buffer) => {
    try {
      for (const { kind, payload } of frames.push(chunk)) {
        if (kind === frameKind.welcome && payload.length > 0) fail(new Error(fromUtf8(payload)));
        if (kind === frameKind.imageHeld) held.resolve(decodePart(payload));
        if (kind === frameKind.imageStored) stored.resolve();
      }
    } catch (error) {
      fail(error as Error);
    }
  });
  return { held: held.promise, stored: stored.promise };
}
