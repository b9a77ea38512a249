import { basename } from "node:path";
import type { Index } from "../base/index.ts";
import type { Disk } from "../platform/index.ts";
import type { HardState, SnapshotMeta } from "../raft/index.ts";
import { writeEnding } from "./ending.ts";
import { WalFailedError } from "./errors.ts";
import { FrameWriter, magic } from "./frame.ts";
import { frameBufferBytesKept, segmentBytesDefault, segmentBytesMin } from "./limits.ts";
import { type Recovered, recover } from "./recovery.ts";
import { Segment } from "./segment.ts";
import { type SegmentName, segmentPath } from "./segment-name.ts";
import type { Wal, WalBatch, WalOptions, WalRestored, WalStats } from "./types.ts";

/**
 * The write-ahead log: what a member must remember before it speaks. A directory of segments of checksummed frames
 * (`frame.ts` draws them).
 *
 * What it guarantees: a batch whose `append` resolved is there after any crash, and so is everything before it; what comes
 * back after a crash is a prefix of what was appended; damage that is not a crash's is reported, never skipped. It does not
 * know what entries mean, nor where images are; it forgets only what `release` names.
 *
 * Group commit: records go into a buffer as they come. While one frame is being written and synced the next buffer fills, so
 * under load one datasync carries hundreds of batches, and an idle log writes at once.
 *
 * @throws WalDamagedError where the log cannot be trusted, WalFormatError where it is another version's
 */
export async function openWal(options: WalOptions): Promise<{ wal: Wal; restored: WalRestored }> {
  const { disk, directory } = options;
  await disk.makeDirectory(directory);
  const recovered = await recover(disk, directory, { repair: true });
  if (recovered.torn) options.onTorn?.();
  const log = new SegmentedWal(options, recovered);
  await log.start(recovered);
  const { hardState, snapshot, entries } = recovered;
  return { wal: log, restored: { hardState, snapshot, entries } };
}

/** A promise that all batches of one frame share. */
interface Durable {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

function newDurable(): Durable {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // Whoever appended hears of it; nobody may have.
  promise.catch(() => {});
  return { promise, resolve, reject };
}

class SegmentedWal implements Wal {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #segmentBytes: number;
  readonly #onFailed: ((error: Error) => void) | undefined;
  readonly #timing: WalOptions["timing"];
  #segments: SegmentName[];
  #segment: Segment | undefined;
  #sequence: number;
  #crc: number;
  readonly #salt: number;
  #nextIndex: number;
  #hardState: HardState | undefined;
  #snapshot: SnapshotMeta | undefined;
  /** The hard state is newer than what the frames say. */
  #hardStateWaits = false;
  /** Takes records. */
  #filling = new FrameWriter();
  /** Being written, or free. */
  #spare = new FrameWriter();
  #waiting: Durable | undefined;
  #writing: Durable | undefined;
  #failure: WalFailedError | undefined;
  #closed = false;
  #releasing: Promise<void> = Promise.resolve();
  #syncs = 0;
  #bytes = 0;

  constructor(options: WalOptions, recovered: Recovered) {
    this.#disk = options.disk;
    this.#directory = options.directory;
    this.#segmentBytes = Math.max(segmentBytesMin, options.segmentBytes ?? segmentBytesDefault);
    this.#onFailed = options.onFailed;
    this.#timing = options.timing;
    this.#segments = [...recovered.segments];
    this.#sequence = recovered.sequence;
    this.#crc = recovered.crc;
    this.#salt = recovered.segments.length === 0 ? options.salt >>> 0 : recovered.salt;
    this.#hardState = recovered.hardState;
    this.#snapshot = recovered.snapshot;
    this.#nextIndex = (recovered.entries.at(-1)?.index ?? recovered.snapshot?.index ?? 0) + 1;
  }

  async start({ position }: Recovered): Promise<void> {
    const last = this.#segments.at(-1);
    if (last === undefined) await this.#cut();
    else {
      this.#segment = await Segment.reopen(this.#disk, this.#directory, last, this.#segmentBytes, position);
    }
  }

  get stats(): WalStats {
    return { syncs: this.#syncs, bytes: this.#bytes, segments: this.#segments.length };
  }

  append({ hardState, snapshot, entries, sync = true, alone = false }: WalBatch): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#closed) return Promise.reject(new WalFailedError(new Error("it is closed")));
    if (hardState !== undefined) {
      this.#hardState = hardState;
      this.#hardStateWaits = true;
    }
    if (!sync) return this.#waiting?.promise ?? this.#writing?.promise ?? Promise.resolve();
    const frame = this.#filling;
    if (snapshot !== undefined) {
      frame.snapshot(snapshot);
      if (snapshot.index >= (this.#snapshot?.index ?? 0)) this.#snapshot = snapshot;
      if (snapshot.index >= this.#nextIndex) this.#nextIndex = snapshot.index + 1;
    }
    if (entries !== undefined) {
      for (const entry of entries) frame.entry(entry);
      const last = entries.at(-1);
      if (last !== undefined) this.#nextIndex = last.index + 1;
    }
    this.#waiting ??= newDurable();
    const { promise } = this.#waiting;
    if (this.#writing === undefined) void this.#write(alone);
    return promise;
  }

  release(index: Index): Promise<void> {
    // What failed for one is tried again by the next.
    this.#releasing = this.#releasing.catch(() => {}).then(() => this.#release(index));
    return this.#releasing;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    if (this.#failure === undefined && this.#hardStateWaits) await this.append({});
    this.#closed = true;
    await (this.#waiting ?? this.#writing)?.promise.catch(() => {});
    await this.#releasing.catch(() => {});
    await this.#segment?.close();
    // Without it the log is as good as after a crash.
    if (this.#failure === undefined) await this.#sayWhereItEnds().catch(() => {});
  }

  async #sayWhereItEnds(): Promise<void> {
    const last = this.#segments.at(-1);
    if (last === undefined || this.#segment === undefined) return;
    await writeEnding(this.#disk, this.#directory, {
      segment: basename(segmentPath(this.#directory, last)),
      position: this.#segment.position,
      sequence: this.#sequence,
      crc: this.#crc,
    });
  }

  /** Writes frames until nothing waits. `alone`: of the first one; the others came while somebody waited. */
  async #write(alone: boolean): Promise<void> {
    let isAlone = alone;
    for (let batch = this.#waiting; batch !== undefined; batch = this.#waiting) {
      this.#waiting = undefined;
      this.#writing = batch;
      try {
        await this.#writeFrame(isAlone);
        isAlone = false;
        this.#writing = undefined;
        batch.resolve();
      } catch (error) {
        this.#fail(error, batch);
        return;
      }
    }
  }

  async #writeFrame(alone: boolean): Promise<void> {
    const frame = this.#filling;
    if (this.#hardStateWaits && this.#hardState !== undefined) frame.hardState(this.#hardState);
    this.#hardStateWaits = false;
    if (frame.isEmpty) return;
    this.#filling = this.#spare;
    this.#spare = frame;
    const segment = this.#segment as Segment;
    const { bytes, crc } = frame.finish(segment.position, this.#next);
    // What the next segment repeats is what is durable with this frame, not what has come since.
    const atFrame = { hardState: this.#hardState, snapshot: this.#snapshot, nextIndex: this.#nextIndex };
    const began = this.#timing?.monotonic() ?? 0;
    await segment.write(bytes, { alone });
    this.#timing?.observe(this.#timing.monotonic() - began);
    this.#sequence++;
    this.#crc = crc;
    this.#syncs++;
    this.#bytes += bytes.length;
    if (frame.capacity > frameBufferBytesKept) this.#spare = new FrameWriter();
    else frame.reset();
    if (!segment.isFull) return;
    await this.#cut(atFrame);
    await segment.close();
  }

  /** What ties the next frame to those before. */
  get #next(): Parameters<FrameWriter["finish"]>[1] {
    return { sequence: this.#sequence + 1, previousCrc: this.#crc, salt: this.#salt };
  }

  /** Begins the next segment. */
  async #cut(
    { hardState, snapshot, nextIndex } = {
      hardState: this.#hardState,
      snapshot: this.#snapshot,
      nextIndex: this.#nextIndex,
    },
  ): Promise<void> {
    const name: SegmentName = { number: (this.#segments.at(-1)?.number ?? 0) + 1, firstIndex: nextIndex };
    const frame = new FrameWriter();
    frame.segment(name.number);
    if (hardState !== undefined) frame.hardState(hardState);
    if (snapshot !== undefined) frame.snapshot(snapshot);
    const { bytes, crc } = frame.finish(magic.length, this.#next);
    this.#segment = await Segment.create(this.#disk, this.#directory, name, this.#segmentBytes, bytes);
    this.#sequence++;
    this.#crc = crc;
    this.#segments.push(name);
  }

  async #release(index: Index): Promise<void> {
    for (;;) {
      const [oldest, second] = this.#segments;
      // What the second begins after is all that the first has.
      if (oldest === undefined || second === undefined || second.firstIndex > index) return;
      await this.#disk.remove(segmentPath(this.#directory, oldest));
      // One by one, so that neither a crash nor a disk that fails leaves a hole: what could not be removed is still the oldest.
      await this.#disk.syncDirectory(this.#directory);
      this.#segments.shift();
    }
  }

  #fail(cause: unknown, batch: Durable): void {
    const failure = new WalFailedError(cause);
    this.#failure = failure;
    this.#writing = undefined;
    batch.reject(failure);
    this.#waiting?.reject(failure);
    this.#waiting = undefined;
    this.#onFailed?.(failure);
  }
}
