import { dirname } from "node:path";
import type { Disk } from "../platform/index.ts";
import type { Entry, HardState, SnapshotMeta } from "../raft/index.ts";
import { mustReachEnding, readEnding, removeEnding } from "./ending.ts";
import { WalDamagedError, WalFormatError } from "./errors.ts";
import { type Frame, formatVersion, magic, readFrame, readRecords } from "./frame.ts";
import { listSegments, type SegmentName, segmentPath } from "./segment-name.ts";
import { damageIn } from "./tear.ts";

/** Where writing goes on, and what was found. */
export interface Recovered {
  readonly hardState: HardState | undefined;
  readonly snapshot: SnapshotMeta | undefined;
  readonly entries: Entry[];
  readonly segments: SegmentName[];
  /** Of the last segment: where the next frame goes. */
  readonly position: number;
  /** Of the last frame. */
  readonly sequence: number;
  readonly crc: number;
  readonly salt: number;
  /** Bytes behind it are of a write that a crash cut short. */
  readonly torn: boolean;
}

/**
 * Reads all segments. What a crash can leave is repaired: a last frame that is not whole. It was never acknowledged, for
 * one frame is one write and the next is only written when it is durable. So a damage with a good frame after it is
 * no torn write, nor is one in a frame whose every sector has been written: those are refused.
 * `repair`: false where nothing may be written.
 * @throws WalDamagedError, WalFormatError
 */
export async function recover(
  disk: Disk,
  directory: string,
  { repair }: { repair: boolean },
): Promise<Recovered> {
  const segments = await listSegments(disk, directory, { repair });
  const ending = await readEnding(disk, directory);
  const state = new RecoveredState();
  let position = 0;
  let torn = false;
  for (const [i, name] of segments.entries()) {
    const path = segmentPath(directory, name);
    const before = segments[i - 1];
    if (before !== undefined && before.number + 1 !== name.number) {
      throw new WalDamagedError(path, 0, `segment ${before.number + 1} before it is missing`);
    }
    const isLast = i === segments.length - 1;
    const onEnd = async (end: number): Promise<void> => {
      mustReachEnding(ending, { path, position: end, sequence: state.sequence, crc: state.crc });
      if (repair) await removeEnding(disk, directory);
    };
    ({ position, torn } = await readSegment(disk, path, state, { isLast, repair, onEnd }));
  }
  if (segments.length === 0) mustReachEnding(ending, { path: directory, position: 0, sequence: 0, crc: 0 });
  return { ...state.found(), segments, position, torn };
}

async function readSegment(
  disk: Disk,
  path: string,
  state: RecoveredState,
  {
    isLast,
    repair,
    onEnd,
  }: {
    isLast: boolean;
    repair: boolean;
    /** Called with where the log ends, before anything is changed. */
    onEnd: (position: number) => Promise<void>;
  },
): Promise<{ position: number; torn: boolean }> {
  const bytes = await disk.readFile(path);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  checkMagic(path, bytes);
  let offset = magic.length;
  let last = offset;
  for (;;) {
    const frame = readFrame(bytes, view, offset);
    if (frame === undefined) break;
    if (!state.follows(frame))
      throw new WalDamagedError(path, offset, "a frame does not continue the one before");
    if (!readRecords(bytes, view, frame, state))
      throw new WalDamagedError(path, offset, "a record is not known");
    state.took(frame);
    last = offset;
    offset = frame.end;
  }
  const end = endOfData(bytes, offset);
  const frame = { bytes: bytes.subarray(last, offset), position: last };
  if (end === offset) {
    if (isLast) await onEnd(offset);
    if (isLast && repair) await makeDurable(disk, path, frame);
    return { position: offset, torn: false };
  }
  if (!isLast) throw new WalDamagedError(path, offset, "a frame is broken, and another segment follows");
  if (offset === magic.length) throw new WalDamagedError(path, offset, "its first frame is broken");
  const { sequence, salt } = state;
  const damage = damageIn({ bytes, view, offset, sequence, salt, follows: (head) => state.follows(head) });
  if (damage !== undefined) throw new WalDamagedError(path, offset, damage);
  await onEnd(offset);
  if (repair) await makeDurable(disk, path, frame, offset);
  return { position: offset, torn: true };
}

/**
 * What was read may be in the page cache alone: the process was killed between a write and its datasync, or the datasync failed, after
 * which the kernel takes the pages for clean and a second one does nothing. Only the last frame can be like that, and the name of a
 * new segment. So that frame is written again, before anybody is told what is in it. A torn one behind it is taken away: what is
 * written over it later must not have its remains behind it.
 */
async function makeDurable(
  disk: Disk,
  path: string,
  frame: { readonly bytes: Uint8Array; readonly position: number },
  cutAt?: number,
): Promise<void> {
  const file = await disk.open(path);
  try {
    if (cutAt !== undefined) await file.truncate(cutAt);
    await file.write([frame.bytes], frame.position);
    await file.datasync();
  } finally {
    await file.close();
  }
  await disk.syncDirectory(dirname(path));
}

/** Offset after the last byte that is not zero; `from` when all are. */
function endOfData(bytes: Uint8Array, from: number): number {
  let end = bytes.length;
  while (end > from && bytes[end - 1] === 0) end--;
  return end;
}

function checkMagic(path: string, bytes: Uint8Array): void {
  const version = magic.length - 1;
  if (magic.subarray(0, version).some((byte, i) => bytes[i] !== byte))
    throw new WalDamagedError(path, 0, "it is not a write-ahead log");
  if (bytes[version] !== formatVersion) throw new WalFormatError(path, bytes[version] ?? 0, formatVersion);
}

/** Plays the records of all frames in order. */
class RecoveredState {
  #hardState: HardState | undefined;
  #snapshot: SnapshotMeta | undefined;
  #entries: Entry[] = [];
  #crc = 0;
  #started = false;
  sequence = 0;
  salt = 0;

  follows(frame: Pick<Frame, "sequence" | "previousCrc" | "salt">): boolean {
    // The oldest segment that is kept continues one that is gone.
    return (
      !this.#started ||
      (frame.sequence === this.sequence + 1 && frame.previousCrc === this.#crc && frame.salt === this.salt)
    );
  }

  get crc(): number {
    return this.#crc;
  }

  took(frame: Frame): void {
    this.#started = true;
    this.sequence = frame.sequence;
    this.salt = frame.salt;
    this.#crc = frame.crc;
  }

  entry(entry: Entry): void {
    const first = this.#entries[0];
    if (first === undefined || entry.index <= first.index) {
      this.#entries = [entry];
      return;
    }
    const at = entry.index - first.index;
    // A hole can only be one that a snapshot bridges, and that has emptied the list.
    if (at < this.#entries.length) this.#entries.length = at;
    this.#entries.push(entry);
  }

  hardState(state: HardState): void {
    this.#hardState = state;
  }

  snapshot(meta: SnapshotMeta): void {
    // An image of our own may be marked after one that the leader sent meanwhile, which is newer.
    if (meta.index < (this.#snapshot?.index ?? 0)) return;
    this.#snapshot = meta;
    const first = this.#entries[0];
    if (first === undefined || meta.index < first.index) return;
    if (this.#entries[meta.index - first.index]?.term !== meta.term) this.#entries = [];
  }

  segment(): void {}

  found(): Omit<Recovered, "segments" | "position" | "torn"> {
    return {
      hardState: this.#hardState,
      snapshot: this.#snapshot,
      entries: this.#entries,
      sequence: this.sequence,
      crc: this.#crc,
      salt: this.salt,
    };
  }
}
