/**
 * Images of a state machine on the disk, one a file, named by the log index they stand at. A file is
 *
 *   magic, 8 bytes │ frame: label │ frame: bytes │ frame: bytes │ … │ frame: nothing
 *
 *   frame = u32 length │ u32 CRC-32 of the bytes, chained to the frame before │ bytes
 *
 * The chain notices damage, and frames that are missing, doubled or out of order; the empty last frame notices a file cut short.
 * An image is written under another name, synced, read back and checked, and renamed: one with its right name was whole once.
 * All of an image is checksummed twice, while the store works. So it is the CRC that Node computes outside of JavaScript, at four times the
 * speed; the first version had the log's CRC-32C, and is still read.
 */
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { crc32c, emptyBytes, utf8 } from "../base/index.ts";
import type { Disk, DiskFile } from "../platform/index.ts";

/** The image cannot be trusted. */
export class SnapshotDamagedError extends Error {
  override readonly name = "SnapshotDamagedError";
}

export interface SnapshotInfo {
  /** Log index it stands at. */
  readonly index: number;
  /** The owner's words about it. */
  readonly label: Uint8Array;
}

/** Takes an image in, piece by piece. */
export interface SnapshotSink {
  /** The bytes are the caller's own again when it resolves. */
  write(bytes: Uint8Array): Promise<void>;
  /** Makes all that was written durable; nothing comes behind it. `finish` does so where nobody has. */
  seal(): Promise<void>;
  /** Resolves when it is durable, has been read back whole, and from now on is among the others. @throws SnapshotDamagedError */
  finish(): Promise<void>;
  /** Forgets what was written. */
  abort(): Promise<void>;
}

export interface Snapshots {
  /** The newest that was verified or written. */
  newest(): SnapshotInfo | undefined;
  /** The one before, the way back when the newest turns out to be damaged. */
  previous(): SnapshotInfo | undefined;
  begin(info: SnapshotInfo): Promise<SnapshotSink>;
  /** Its bytes, checked as they come. @throws SnapshotDamagedError, and counts it among the others no more */
  read(index: number): AsyncGenerator<Uint8Array>;
  /** Removes all but the newest two that can be trusted. */
  removeOld(): Promise<void>;
  /** Removes those that stand above an index. */
  removeAbove(index: number): Promise<void>;
}

const magic = utf8("RAFTIMG2");
const magicBefore = utf8("RAFTIMG1");
const frameHeadBytes = 8;
/** Labels are small; this bounds what a damaged length makes us read. */
const frameBytesMax = 64 * 1024 * 1024;
/** Small pieces are gathered into frames of this size. */
const frameBytesWanted = 256 * 1024;
/** Few have more: a piece is as long as that and a record, and the next frame's head is read with it. */
const frameBytesUsual = 2 * frameBytesWanted;
const suffix = ".image";

/** Opens a directory of images. Damaged ones are left out and named; remains of unfinished ones are removed. */
export async function openSnapshots(options: {
  disk: Disk;
  directory: string;
  onDamaged: (path: string, error: Error) => void;
}): Promise<Snapshots> {
  const { disk, directory } = options;
  await disk.makeDirectory(directory);
  let good: SnapshotInfo[] = [];
  /** Paths of those that cannot be trusted: kept for people until there are two others. */
  let bad: string[] = [];
  let begun = 0;
  for (const name of (await disk.list(directory)).reverse()) {
    const path = join(directory, name);
    if (!name.endsWith(suffix)) await disk.remove(path);
    else {
      try {
        good.push({ index: Number.parseInt(name, 16), label: await verify(disk, path) });
      } catch (error) {
        if (!(error instanceof SnapshotDamagedError)) throw error;
        bad.push(path);
        options.onDamaged(path, error);
      }
    }
  }
  const pathOf = (index: number) => join(directory, `${index.toString(16).padStart(16, "0")}${suffix}`);

  return {
    newest: () => good[0],
    previous: () => good[1],
    async begin(info) {
      const path = pathOf(info.index);
      // Two may be written at once, even at the same index: our own, and one that comes in.
      const temporary = `${path}.${++begun}.part`;
      const writer = new ImageWriter(await disk.open(temporary, { create: true, exclusive: true }));
      await writer.start(info.label);
      return {
        write: (bytes) => writer.write(bytes),
        seal: () => writer.seal(),
        async finish() {
          await writer.seal();
          await writer.close();
          await verify(disk, temporary);
          await disk.rename(temporary, path);
          bad = bad.filter((one) => one !== path);
          await disk.syncDirectory(directory);
          good = [info, ...good.filter(({ index }) => index !== info.index)].sort(
            (a, b) => b.index - a.index,
          );
        },
        async abort() {
          await writer.close();
          await disk.remove(temporary);
        },
      };
    },
    async *read(index) {
      const file = await disk.open(pathOf(index), { readOnly: true });
      try {
        let label = true;
        for await (const bytes of readFrames(file, pathOf(index))) {
          if (!label) yield bytes;
          label = false;
        }
      } catch (error) {
        if (error instanceof SnapshotDamagedError) {
          good = good.filter((one) => one.index !== index);
          if (!bad.includes(pathOf(index))) bad.push(pathOf(index));
          options.onDamaged(pathOf(index), error);
        }
        throw error;
      } finally {
        await file.close();
      }
    },
    async removeOld() {
      const old = good.slice(2).map(({ index }) => pathOf(index));
      good = good.slice(0, 2);
      if (good.length === 2) old.push(...bad.splice(0));
      for (const path of old) await disk.remove(path);
    },
    async removeAbove(limit) {
      const above = good.filter(({ index }) => index > limit);
      good = good.filter(({ index }) => index <= limit);
      for (const { index } of above) await disk.remove(pathOf(index));
      if (above.length > 0) await disk.syncDirectory(directory);
    },
  };
}

/** Gathers, frames and checksums. */
class ImageWriter {
  readonly #file: DiskFile;
  #position = 0;
  #checksum = 0;
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;
  #open = true;
  #sealed = false;

  constructor(file: DiskFile) {
    this.#file = file;
  }

  async start(label: Uint8Array): Promise<void> {
    await this.#file.write([magic], 0);
    this.#position = magic.length;
    await this.#frame([label], label.length);
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return;
    this.#gatheredBytes += bytes.length;
    const suffice = this.#gatheredBytes >= frameBytesWanted;
    this.#gathered.push(suffice ? bytes : bytes.slice());
    if (suffice) await this.#flush();
  }

  async seal(): Promise<void> {
    if (this.#sealed) return;
    this.#sealed = true;
    await this.#flush();
    await this.#frame([], 0);
    await this.#file.datasync();
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.#file.close();
  }

  async #flush(): Promise<void> {
    if (this.#gatheredBytes === 0) return;
    const [parts, bytes] = [this.#gathered, this.#gatheredBytes];
    this.#gathered = [];
    this.#gatheredBytes = 0;
    await this.#frame(parts, bytes);
  }

  async #frame(parts: readonly Uint8Array[], bytes: number): Promise<void> {
    for (const part of parts) this.#checksum = crc32(part, this.#checksum);
    const head = Buffer.alloc(frameHeadBytes);
    head.writeUInt32LE(bytes, 0);
    // The last frame has no bytes: it repeats the checksum of all, so that its head cannot be mistaken for zeros.
    head.writeUInt32LE(this.#checksum, 4);
    await this.#file.write([head, ...parts], this.#position);
    this.#position += frameHeadBytes + bytes;
  }
}

/** The bytes of one image, the label first; nothing is changed. @throws SnapshotDamagedError */
export async function* inspectImage(disk: Disk, path: string): AsyncGenerator<Uint8Array> {
  const file = await disk.open(path, { readOnly: true });
  try {
    yield* readFrames(file, path);
  } finally {
    await file.close();
  }
}

/** Reads a whole image, and answers its label. @throws SnapshotDamagedError */
async function verify(disk: Disk, path: string): Promise<Uint8Array> {
  const file = await disk.open(path, { readOnly: true });
  // Frames are looked at one after the other: fresh memory for each would cost more than reading it.
  let memory = Buffer.alloc(0);
  const memoryFor = (length: number): Buffer => {
    if (memory.length < length) memory = Buffer.allocUnsafeSlow(Math.max(length, frameBytesUsual));
    return memory.subarray(0, length);
  };
  try {
    let label: Uint8Array | undefined;
    for await (const bytes of readFrames(file, path, memoryFor)) label ??= Uint8Array.from(bytes);
    return label ?? emptyBytes;
  } finally {
    await file.close();
  }
}

/** The frames' bytes, the label first. `memoryFor`: where so many bytes are read to. */
async function* readFrames(
  file: DiskFile,
  path: string,
  memoryFor: (length: number) => Buffer = Buffer.allocUnsafe,
): AsyncGenerator<Uint8Array> {
  const damaged = (what: string, offset: number) =>
    new SnapshotDamagedError(`${path}: ${what} at offset ${offset}`);
  const take = async (length: number, offset: number): Promise<Buffer> => {
    const bytes = memoryFor(length);
    if ((await file.read(bytes, offset)) < length) throw damaged("the image ends early", offset);
    return bytes;
  };
  const found = await take(magic.length, 0);
  if (!found.equals(magic) && !found.equals(magicBefore)) throw damaged("not an image", 0);
  const next = found.equals(magic)
    ? crc32
    : (bytes: Uint8Array, before: number) => crc32c(bytes, 0, bytes.length, before);
  let checksum = 0;
  let offset = magic.length;
  let head = await take(frameHeadBytes, offset);
  for (;;) {
    const length = head.readUInt32LE(0);
    const expected = head.readUInt32LE(4);
    if (length > frameBytesMax) throw damaged(`a frame of ${length} bytes`, offset);
    // The label comes first and is never empty: the frame without bytes is the last. All others have the next one's head behind them.
    if (length === 0) {
      if (checksum !== expected) throw damaged("a wrong checksum", offset);
      return;
    }
    const read = await take(length + frameHeadBytes, offset + frameHeadBytes);
    const bytes = read.subarray(0, length);
    checksum = next(bytes, checksum);
    if (checksum !== expected) throw damaged("a wrong checksum", offset);
    head = Buffer.from(read.subarray(length));
    offset += frameHeadBytes + length;
    yield bytes;
  }
}
