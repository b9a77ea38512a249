/** The state machine's images as raft knows them: by index, term and configuration. */
import type { Index } from "../base/index.ts";
import type { Loop, Platform } from "../platform/index.ts";
import type { SnapshotMeta } from "../raft/index.ts";
import { openSnapshots, type Snapshots } from "../snapshot/index.ts";
import type { Log } from "../telemetry/index.ts";
import type { ImageReceiver, ImageSink } from "./transport/image-intake.ts";
import { decodeSnapshotMeta, encodeSnapshotMeta } from "./transport/message-codec.ts";

/** Pieces written between two turns of everything else. */
const piecesPerTurn = 16;

export class Images implements ImageReceiver {
  readonly #snapshots: Snapshots;
  readonly #loop: Loop;

  private constructor(snapshots: Snapshots, loop: Loop) {
    this.#snapshots = snapshots;
    this.#loop = loop;
  }

  static async open({ disk, loop }: Platform, directory: string, log: Log): Promise<Images> {
    const onDamaged = (path: string, error: Error) =>
      log.error("an image is damaged and left out", { path, error: error.message });
    return new Images(await openSnapshots({ disk, directory, onDamaged }), loop);
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
    const sink = await this.begin(meta);
    try {
      let count = 0;
      for (const piece of pieces) {
        await sink.write(piece);
        // A write that only gathers resolves at once: without this, a large image would hold up everybody.
        if (++count % piecesPerTurn === 0) await new Promise<void>((resolve) => this.#loop.soon(resolve));
      }
      await sink.finish();
    } catch (error) {
      await sink.abort();
      throw error;
    }
  }

  begin(meta: SnapshotMeta): Promise<ImageSink> {
    return this.#snapshots.begin({ index: meta.index, label: encodeSnapshotMeta(meta) });
  }

  read(meta: SnapshotMeta): AsyncIterable<Uint8Array> {
    return this.#snapshots.read(meta.index);
  }

  removeOld(): Promise<void> {
    return this.#snapshots.removeOld();
  }
}
