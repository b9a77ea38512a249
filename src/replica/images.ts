/** The state machine's images as raft knows them: by index, term and configuration. */
import type { Index } from "../base/index.ts";
import type { Clock, Loop, Platform } from "../platform/index.ts";
import type { SnapshotMeta } from "../raft/index.ts";
import { openSnapshots, type SnapshotSink, type Snapshots } from "../snapshot/index.ts";
import type { Log } from "../telemetry/index.ts";
import type { Durations } from "./durations.ts";
import type { ImageReceiver, ImageSink } from "./transport/image-intake.ts";
import { decodeSnapshotMeta, encodeSnapshotMeta } from "./transport/message-codec.ts";

/** Pieces written between two turns of everything else. */
const piecesPerTurn = 16;

export class Images implements ImageReceiver {
  readonly #snapshots: Snapshots;
  readonly #loop: Loop;
  readonly #clock: Clock;
  readonly #durations: Durations;

  private constructor(snapshots: Snapshots, { loop, clock }: Platform, durations: Durations) {
    this.#snapshots = snapshots;
    this.#loop = loop;
    this.#clock = clock;
    this.#durations = durations;
  }

  static async open(
    platform: Platform,
    directory: string,
    { log, durations }: { log: Log; durations: Durations },
  ): Promise<Images> {
    const onDamaged = (path: string, error: Error) =>
      log.error("an image is damaged and left out", { path, error: error.message });
    const snapshots = await openSnapshots({ disk: platform.disk, directory, onDamaged });
    return new Images(snapshots, platform, durations);
  }

  newest(): SnapshotMeta | undefined {
    const info = this.#snapshots.newest();
    return info && decodeSnapshotMeta(info.label);
  }

  /** Removes the images above an index; the newest of the others. */
  async keepUpTo(index: Index): Promise<SnapshotMeta | undefined> {
    await this.#snapshots.removeAbove(index);
    return this.newest();
  }

  /** The log may be let go up to here: the way back from a damaged newest image stays open. */
  get releasable(): Index {
    return (this.#snapshots.previous()?.index ?? 0) as Index;
  }

  /** Durable once it resolves. */
  async write(meta: SnapshotMeta, pieces: Iterable<Uint8Array>): Promise<void> {
    const { image, imageContent, imageSync } = this.#durations;
    const took = this.#timer();
    const sink = await this.#begin(meta);
    try {
      let count = 0;
      for (const piece of pieces) {
        await sink.write(piece);
        // A write that only gathers resolves at once: without this, a large image would hold up everybody.
        if (++count % piecesPerTurn === 0) await new Promise<void>((resolve) => this.#loop.soon(resolve));
      }
      imageContent.observe(took());
      await timed(imageSync, this.#timer(), sink.seal());
      await timed(image, took, sink.finish());
    } catch (error) {
      await sink.abort();
      throw error;
    }
  }

  /** Takes in an image that another member sends. */
  async begin(meta: SnapshotMeta): Promise<ImageSink> {
    const { imageReceived, imageReceivedSync } = this.#durations;
    const took = this.#timer();
    const sink = await this.#begin(meta);
    return {
      write: (chunk) => sink.write(chunk),
      abort: () => sink.abort(),
      finish: async () => {
        await timed(imageReceivedSync, this.#timer(), sink.seal());
        await timed(imageReceived, took, sink.finish());
      },
    };
  }

  read(meta: SnapshotMeta): AsyncIterable<Uint8Array> {
    return this.#snapshots.read(meta.index);
  }

  removeOld(): Promise<void> {
    return this.#snapshots.removeOld();
  }

  #begin(meta: SnapshotMeta): Promise<SnapshotSink> {
    return this.#snapshots.begin({ index: meta.index, label: encodeSnapshotMeta(meta) });
  }

  /** Seconds since now. */
  #timer(): () => number {
    const began = this.#clock.monotonic();
    return () => (this.#clock.monotonic() - began) / 1000;
  }
}

async function timed(
  duration: { observe(seconds: number): void },
  took: () => number,
  work: Promise<void>,
): Promise<void> {
  await work;
  duration.observe(took());
}
