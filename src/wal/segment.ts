import type { Disk, DiskFile } from "../platform/index.ts";
import { magic } from "./frame.ts";
import { fillBytes } from "./limits.ts";
import { type SegmentName, segmentPath } from "./segment-name.ts";

const zeros = new Uint8Array(fillBytes);

/** The file that is written to, with zeros ahead of the frames. */
export class Segment {
  readonly name: SegmentName;
  readonly #file: DiskFile;
  readonly #bytesMax: number;
  #position: number;
  /** Zeros are written, or being written, up to here. */
  #filled: number;
  #filling: Promise<void> | undefined;
  /** The zeros were written, and could not be synced. */
  #failure: Error | undefined;

  private constructor(name: SegmentName, file: DiskFile, bytesMax: number, position: number, filled: number) {
    this.name = name;
    this.#file = file;
    this.#bytesMax = bytesMax;
    this.#position = position;
    this.#filled = filled;
  }

  /** Makes the file with its first frame, whole and durable before it has its name. */
  static async create(
    disk: Disk,
    directory: string,
    name: SegmentName,
    bytesMax: number,
    firstFrame: Uint8Array,
  ): Promise<Segment> {
    const path = segmentPath(directory, name);
    const temporary = `${path}.tmp`;
    await disk.remove(temporary);
    const file = await disk.open(temporary, { create: true, exclusive: true, durableWrites: true });
    try {
      const position = magic.length + firstFrame.length;
      const filled = Math.max(position, Math.min(bytesMax, fillBytes));
      await file.write([magic, firstFrame, zeros.subarray(0, filled - position)], 0);
      await file.datasync();
      await disk.rename(temporary, path);
      await disk.syncDirectory(directory);
      return new Segment(name, file, bytesMax, position, filled);
    } catch (error) {
      await file.close().catch(() => {});
      throw error;
    }
  }

  /** Opens one that `position` bytes of are good, the rest zero or missing. */
  static async reopen(
    disk: Disk,
    directory: string,
    name: SegmentName,
    bytesMax: number,
    position: number,
  ): Promise<Segment> {
    const file = await disk.open(segmentPath(directory, name), { durableWrites: true });
    return new Segment(name, file, bytesMax, position, Math.max(position, await file.size()));
  }

  /** Where the next frame goes. */
  get position(): number {
    return this.#position;
  }

  get isFull(): boolean {
    return this.#position >= this.#bytesMax;
  }

  /** Writes a frame and makes it durable. One at a time. `alone`: see `DiskFile.writeDurably`. */
  async write(frame: Uint8Array, options: { alone: boolean }): Promise<void> {
    const end = this.#position + frame.length;
    // Zeros that are still on their way must not land on the frame.
    if (end > this.#filled - fillBytes) await this.#filling;
    if (this.#failure !== undefined) throw this.#failure;
    await this.#file.writeDurably([frame], this.#position, options);
    this.#position = end;
    if (end > this.#filled) this.#filled = end;
    this.#fillAhead();
  }

  async close(): Promise<void> {
    await this.#filling;
    await this.#file.close();
  }

  /** Half a step ahead is still there while the next step is being written. */
  #fillAhead(): void {
    if (this.#filling !== undefined || this.#filled - this.#position > fillBytes / 2) return;
    const from = this.#filled;
    const count = Math.min(fillBytes, this.#bytesMax - from);
    if (count <= 0) return;
    this.#filled = from + count;
    this.#filling = this.#fill(zeros.subarray(0, count), from).finally(() => {
      this.#filling = undefined;
    });
  }

  /** Synced, so that the frames that come to lie there have no block to allocate. */
  async #fill(bytes: Uint8Array, from: number): Promise<void> {
    try {
      await this.#file.write([bytes], from);
    } catch {
      // No harm yet (a full disk, most of all): the frame that needs the place will tell.
      return;
    }
    await this.#file.datasync().catch((error: Error) => {
      this.#failure = error;
    });
  }
}
