/**
 * An image goes over a connection of its own, so that heartbeats do not wait behind it: the message that announces it, its bytes as the disk
 * gives them, its end; then the receiver, once it is durable there, says so.
 */
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { emptyBytes, fromUtf8 } from "../../base/index.ts";
import type { Clock, Connection } from "../../platform/index.ts";
import type { Message, SnapshotMeta } from "../../raft/index.ts";
import { encodeFrame, type Frame, type FrameKind, FrameReader, frameKind } from "./frames.ts";
import { decodeMessage } from "./message-codec.ts";

/** The other side makes no progress for so long: give it up. */
const stallMs = 30_000;

/** Where the bytes go. */
export interface ImageReceiver {
  begin(meta: SnapshotMeta): Promise<ImageSink>;
}

export interface ImageSink {
  write(chunk: Uint8Array): Promise<void>;
  /** Resolves when the image is verified and durable. */
  finish(): Promise<void>;
  abort(): Promise<void>;
}

export async function sendImage(
  { stream }: Connection,
  hello: Uint8Array,
  message: Uint8Array,
  chunks: AsyncIterable<Uint8Array>,
  clock: Clock,
): Promise<void> {
  let progressAt = clock.monotonic();
  const watchdog = clock.every(stallMs / 4, () => {
    if (clock.monotonic() - progressAt > stallMs) stream.destroy(new Error(`no progress for ${stallMs} ms`));
  });
  const stored = new Promise<void>((resolve, reject) => {
    const frames = new FrameReader();
    stream.on("error", reject);
    stream.on("close", () => reject(new Error("the connection ended before the image was stored")));
    stream.on("data", (chunk: Buffer) => {
      try {
        for (const { kind, payload } of frames.push(chunk)) {
          if (kind === frameKind.welcome && payload.length > 0) reject(new Error(fromUtf8(payload)));
          if (kind === frameKind.imageStored) resolve();
        }
      } catch (error) {
        reject(error as Error);
      }
    });
  });
  // Whoever fails first, the sending below or this, is what the caller hears.
  stored.catch(() => stream.destroy());
  const write = async (kind: FrameKind, payload: Uint8Array) => {
    const [head, body] = encodeFrame(kind, payload);
    stream.write(head);
    if (!stream.write(body)) await Promise.race([once(stream, "drain"), stored]);
    progressAt = clock.monotonic();
  };
  try {
    await write(frameKind.hello, hello);
    await write(frameKind.imageBegin, message);
    for await (const chunk of chunks) await write(frameKind.imageChunk, chunk);
    await write(frameKind.imageEnd, emptyBytes);
    await stored;
  } finally {
    watchdog.cancel();
    stream.destroy();
  }
}

/** Takes frames in order; reading stands still while the disk is busy. */
export function receiveImage(
  stream: Duplex,
  receiver: ImageReceiver,
  deliver: (message: Message) => void,
): { take(frame: Frame): void; abort(): void } {
  let message: (Message & { type: "snapshot" }) | undefined;
  let sink: ImageSink | undefined;
  let finished = false;
  let work: Promise<void> = Promise.resolve();

  async function handle({ kind, payload }: Frame): Promise<void> {
    switch (kind) {
      case frameKind.imageBegin: {
        const announced = decodeMessage(payload);
        if (announced.type !== "snapshot" || message !== undefined)
          throw new Error("one image a connection was expected");
        message = announced;
        sink = await receiver.begin(announced.snapshot);
        return;
      }
      case frameKind.imageChunk:
        return sink?.write(payload);
      case frameKind.imageEnd:
        if (sink === undefined || message === undefined)
          throw new Error("the end of an image that did not begin");
        await sink.finish();
        finished = true;
        deliver(message);
        for (const part of encodeFrame(frameKind.imageStored, emptyBytes)) stream.write(part);
        return;
      default:
        throw new Error(`a frame of an unknown kind: ${kind}`);
    }
  }

  return {
    take(frame) {
      stream.pause();
      work = work
        .then(() => handle(frame))
        .then(
          () => void stream.resume(),
          (error: Error) => void stream.destroy(error),
        );
    },
    abort() {
      work = work.then(() => (finished ? undefined : sink?.abort()));
    },
  };
}
