/** Where images come in: one at a time, and what a transfer that broke off has brought is kept for the next one of the same image. */
import type { Duplex } from "node:stream";
import { emptyBytes } from "../../base/index.ts";
import type { Clock, Timer } from "../../platform/index.ts";
import type { Message, SnapshotMeta } from "../../raft/index.ts";
import type { Log } from "../../telemetry/index.ts";
import { encodeFrame, type Frame, type FrameKind, frameKind } from "./frames.ts";
import { decodePart, encodePart, type ImagePart, isSamePart, longerPart, noPart } from "./image-transfer.ts";
import { decodeMessage, encodeSnapshotMeta } from "./message-codec.ts";

/** What has come of an image nobody sends any more stays on the disk for so long. */
const keptMs = 5 * 60_000;

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

/** An image that has come in up to somewhere. */
interface Incoming {
  readonly meta: SnapshotMeta;
  readonly sink: ImageSink;
  part: ImagePart;
}

/** One connection that an image comes in on. Frames are taken in order; reading stands still while the disk is busy. */
export interface ImageTransfer {
  take(frame: Frame): void;
  /** The connection has ended. Resolves when nothing of it is under way any more. */
  end(): Promise<void>;
}

export class ImageIntake {
  readonly #receiver: ImageReceiver;
  readonly #clock: Clock;
  readonly #log: Log;
  #active: ImageTransfer | undefined;
  #kept: Incoming | undefined;
  #keptUntil: Timer | undefined;
  #opening: Promise<unknown> = Promise.resolve();

  constructor(options: { receiver: ImageReceiver; clock: Clock; log: Log }) {
    this.#receiver = options.receiver;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  receive(stream: Duplex, deliver: (message: Message) => void): ImageTransfer {
    let message: (Message & { type: "snapshot" }) | undefined;
    let incoming: Incoming | undefined;
    let isBroken = false;
    let work: Promise<void> = Promise.resolve();
    let ended: Promise<void> | undefined;
    const answer = (kind: FrameKind, payload: Uint8Array): void => {
      for (const part of encodeFrame(kind, payload)) stream.write(part);
    };

    const handle = async ({ kind, payload }: Frame): Promise<void> => {
      if (kind === frameKind.imageBegin) {
        const announced = decodeMessage(payload);
        if (announced.type !== "snapshot" || message !== undefined)
          throw new Error("one image a connection was expected");
        message = announced;
        incoming = await this.#open(announced.snapshot, transfer);
        return answer(frameKind.imageHeld, encodePart(incoming.part));
      }
      if (incoming === undefined || message === undefined)
        throw new Error(`a frame of kind ${kind} before an image began`);
      switch (kind) {
        case frameKind.imageFrom:
          if (!isSamePart(decodePart(payload), incoming.part)) incoming = await this.#openAnew(incoming);
          return;
        case frameKind.imageChunk:
          incoming.part = longerPart(incoming.part, payload);
          return incoming.sink.write(payload);
        case frameKind.imageEnd: {
          const { bytes, checksum } = decodePart(payload);
          if (!isSamePart({ bytes, checksum }, incoming.part))
            throw new Error(`the image that came in is not the one of ${bytes} bytes that was sent`);
          await incoming.sink.finish();
          incoming = undefined;
          deliver(message);
          return answer(frameKind.imageStored, emptyBytes);
        }
        default:
          throw new Error(`a frame of an unknown kind: ${kind}`);
      }
    };

    const putAway = async (): Promise<void> => {
      if (this.#active === transfer) this.#active = undefined;
      if (incoming === undefined) return;
      if (isBroken) await incoming.sink.abort();
      else await this.#keep(incoming);
    };

    const transfer: ImageTransfer = {
      take(frame) {
        stream.pause();
        work = work
          .then(() => (isBroken ? undefined : handle(frame)))
          .then(
            () => void stream.resume(),
            (error: Error) => {
              // What is on the disk now is not known.
              isBroken = true;
              stream.destroy(error);
            },
          );
      },
      end() {
        stream.destroy();
        ended ??= work.then(putAway);
        return ended;
      },
    };
    return transfer;
  }

  /** Ends what is under way, and forgets what was kept. */
  async close(): Promise<void> {
    await this.#opening;
    await this.#active?.end();
    await this.#forget();
  }

  /** Whoever sends now takes the place of whoever did before: that connection may be dead without anybody having noticed. */
  #open(meta: SnapshotMeta, transfer: ImageTransfer): Promise<Incoming> {
    const opened = this.#opening.then(async () => {
      await this.#active?.end();
      const kept = this.#kept;
      if (kept !== undefined && isSameMeta(kept.meta, meta)) {
        this.#keptUntil?.cancel();
        this.#kept = undefined;
        this.#active = transfer;
        this.#log.info("an image goes on where it broke off", { index: meta.index, bytes: kept.part.bytes });
        return kept;
      }
      await this.#forget();
      const sink = await this.#receiver.begin(meta);
      this.#active = transfer;
      return { meta, sink, part: noPart };
    });
    this.#opening = opened.catch(() => {});
    return opened;
  }

  async #openAnew({ meta, sink }: Incoming): Promise<Incoming> {
    await sink.abort();
    return { meta, sink: await this.#receiver.begin(meta), part: noPart };
  }

  async #keep(incoming: Incoming): Promise<void> {
    await this.#forget();
    this.#kept = incoming;
    this.#keptUntil = this.#clock.after(keptMs, () => void this.#forget().catch(() => {}));
  }

  async #forget(): Promise<void> {
    const kept = this.#kept;
    this.#kept = undefined;
    this.#keptUntil?.cancel();
    await kept?.sink.abort();
  }
}

function isSameMeta(a: SnapshotMeta, b: SnapshotMeta): boolean {
  return Buffer.compare(encodeSnapshotMeta(a), encodeSnapshotMeta(b)) === 0;
}
