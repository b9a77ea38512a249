import { assert, crc32c, type Index, type MemberId, type Term } from "../base/index.ts";
import type { Entry, HardState, SnapshotMeta } from "../raft/index.ts";
import { frameBufferBytes } from "./limits.ts";
import { applyMask, findMask } from "./mask.ts";

/*
 * Layouts, little-endian. A segment is eight bytes of magic and then frames; what follows the last frame is zero or the end.
 *
 *     frame    u32 body length │ u32 crc │ u32 previous crc │ u32 seal │ u64 sequence │ u32 mask │ body, zeros up to a multiple of 8
 *
 * `seal` is the salt of the log, a random number, XOR the CRC-32C of the body length. A value somebody stored that looks like a frame is none
 * of the log; and whether a length is the one that was written can be told before the body is there.
 * One frame is one write and one datasync. `crc` is the CRC-32C of everything after it, padding included; `previous crc` is
 * that of the frame before, over segments; `sequence` counts frames.
 *
 * The body is stored XOR the mask, u32 by u32. The mask is 0, but where a sector of the frame would be next to empty: then it is one with which
 * none is (`mask.ts`). So a sector that is all zero was not written, and a few bits that rot make none look so. That is how a torn write
 * and damage are told apart (`tear.ts`).
 *
 * The body is records, one after the other:
 *
 *     entry       u8 1 │ u8 type (0 normal, 1 conf-change) │ u16 0 │ u32 data length │ u64 term │ u64 index │ data
 *     hard state  u8 2 │ 7 × 0 │ u64 term │ u64 vote │ u64 commit
 *     snapshot    u8 3 │ 3 × 0 │ u32 members │ u64 term │ u64 index │ u32 voters │ u32 outgoing │ u64 × members
 *     segment     u8 4 │ 7 × 0 │ u64 number of the segment
 *
 * Every segment begins with a frame of its segment record, the hard state and the last snapshot, so that older segments can go.
 */
export const formatVersion = 3;
export const magic = new Uint8Array([0x52, 0x4d, 0x41, 0x4e, 0x57, 0x41, 0x4c, formatVersion]); // "RMANWAL", format
export const frameHeaderBytes = 28;

const recordEntry = 1;
const recordHardState = 2;
const recordSnapshot = 3;
const recordSegment = 4;
const entryHeaderBytes = 24;
const two32 = 2 ** 32;

/** Gathers records into one frame. */
export class FrameWriter {
  #bytes = new Uint8Array(frameBufferBytes);
  #view = new DataView(this.#bytes.buffer);
  #length = frameHeaderBytes;

  get isEmpty(): boolean {
    return this.#length === frameHeaderBytes;
  }

  get capacity(): number {
    return this.#bytes.length;
  }

  entry(entry: Entry): void {
    const { data } = entry;
    const at = this.#take(entryHeaderBytes + data.length);
    const view = this.#view;
    view.setUint32(at, recordEntry | (entry.type === "conf-change" ? 0x100 : 0), true);
    view.setUint32(at + 4, data.length, true);
    this.#number(at + 8, entry.term);
    this.#number(at + 16, entry.index);
    this.#bytes.set(data, at + entryHeaderBytes);
  }

  hardState(state: HardState): void {
    const at = this.#take(32);
    this.#number(at, recordHardState);
    this.#number(at + 8, state.term);
    this.#view.setBigUint64(at + 16, state.vote, true);
    this.#number(at + 24, state.commit);
  }

  snapshot({ term, index, confState }: SnapshotMeta): void {
    const members = [...confState.voters, ...confState.votersOutgoing, ...confState.learners];
    const at = this.#take(32 + 8 * members.length);
    this.#view.setUint32(at, recordSnapshot, true);
    this.#view.setUint32(at + 4, members.length, true);
    this.#number(at + 8, term);
    this.#number(at + 16, index);
    this.#view.setUint32(at + 24, confState.voters.length, true);
    this.#view.setUint32(at + 28, confState.votersOutgoing.length, true);
    members.forEach((member, i) => {
      this.#view.setBigUint64(at + 32 + 8 * i, member, true);
    });
  }

  segment(number: number): void {
    const at = this.#take(16);
    this.#number(at, recordSegment);
    this.#number(at + 8, number);
  }

  /** Completes the frame, which goes to `position` of its file. The bytes are the writer's own until `reset`. */
  finish(
    position: number,
    { sequence, previousCrc, salt }: { sequence: number; previousCrc: number; salt: number },
  ): { bytes: Uint8Array; crc: number } {
    const bodyLength = this.#length - frameHeaderBytes;
    const end = paddedEnd(0, bodyLength);
    this.#bytes.fill(0, this.#length, end);
    const view = this.#view;
    view.setUint32(0, bodyLength, true);
    view.setUint32(8, previousCrc, true);
    view.setUint32(12, salt ^ crc32c(this.#bytes, 0, 4), true);
    this.#number(16, sequence);
    const mask = findMask(view, { from: frameHeaderBytes, end, position, seed: salt ^ sequence });
    view.setUint32(24, mask, true);
    applyMask(view, frameHeaderBytes, end, mask);
    const crc = crc32c(this.#bytes, 8, end);
    view.setUint32(4, crc, true);
    return { bytes: this.#bytes.subarray(0, end), crc };
  }

  reset(): void {
    this.#length = frameHeaderBytes;
  }

  #take(count: number): number {
    const at = this.#length;
    const end = at + count;
    // Room for the padding is always there.
    if (end + 8 > this.#bytes.length) this.#grow(end + 8);
    this.#length = end;
    return at;
  }

  #grow(needed: number): void {
    assert(needed < 2 ** 31, `a frame of ${needed} bytes`);
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }

  #number(at: number, value: number): void {
    this.#view.setUint32(at, value >>> 0, true);
    this.#view.setUint32(at + 4, Math.floor(value / two32), true);
  }
}

export interface Frame {
  readonly sequence: number;
  readonly crc: number;
  readonly previousCrc: number;
  readonly salt: number;
  readonly mask: number;
  readonly bodyStart: number;
  readonly bodyEnd: number;
  /** Offset of what follows. */
  readonly end: number;
}

/** The frame at `offset`, undefined where there is none or its checksum is wrong. */
export function readFrame(bytes: Uint8Array, view: DataView, offset: number): Frame | undefined {
  if (offset + frameHeaderBytes > bytes.length) return undefined;
  const bodyLength = view.getUint32(offset, true);
  const bodyStart = offset + frameHeaderBytes;
  const end = paddedEnd(offset, bodyLength);
  if (bodyLength === 0 || end > bytes.length) return undefined;
  const crc = view.getUint32(offset + 4, true);
  if (crc !== crc32c(bytes, offset + 8, end)) return undefined;
  return {
    sequence: readNumber(view, offset + 16),
    crc,
    previousCrc: view.getUint32(offset + 8, true),
    salt: saltAt(bytes, view, offset),
    mask: view.getUint32(offset + 24, true),
    bodyStart,
    bodyEnd: bodyStart + bodyLength,
    end,
  };
}

/** Where a frame ends that begins at `offset`. A body's mask reaches over its padding, so both begin at a multiple of 4. */
function paddedEnd(offset: number, bodyLength: number): number {
  return offset + Math.ceil((frameHeaderBytes + bodyLength) / 8) * 8;
}

/** The salt that a frame's seal and length come from; another one than the log's where either has changed. */
export function saltAt(bytes: Uint8Array, view: DataView, offset: number): number {
  return (view.getUint32(offset + 12, true) ^ crc32c(bytes, offset, offset + 4)) >>> 0;
}

/** The head of a frame as it was written, whatever became of its body. Undefined: it was not written whole, or has changed. */
export function readHead(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
): Pick<Frame, "sequence" | "previousCrc" | "salt" | "end"> | undefined {
  if (offset + frameHeaderBytes > bytes.length) return undefined;
  return {
    sequence: readNumber(view, offset + 16),
    previousCrc: view.getUint32(offset + 8, true),
    salt: saltAt(bytes, view, offset),
    end: paddedEnd(offset, view.getUint32(offset, true)),
  };
}

export interface RecordVisitor {
  entry(entry: Entry): void;
  hardState(state: HardState): void;
  snapshot(meta: SnapshotMeta): void;
  segment(number: number): void;
}

/**
 * Reads a frame's records. Entries' data are views, but for a frame with a mask. False where a record makes no sense, although the checksum is right: a
 * format from the future, or a mistake of ours.
 */
export function readRecords(
  file: Uint8Array,
  fileView: DataView,
  frame: Frame,
  visitor: RecordVisitor,
): boolean {
  const isMasked = frame.mask !== 0;
  const bytes = isMasked ? new Uint8Array(file.subarray(frame.bodyStart, frame.end)) : file;
  const view = isMasked ? new DataView(bytes.buffer, bytes.byteOffset, bytes.length) : fileView;
  if (isMasked) applyMask(view, 0, bytes.length, frame.mask);
  let at = isMasked ? 0 : frame.bodyStart;
  const end = at + frame.bodyEnd - frame.bodyStart;
  while (at < end) {
    const kind = view.getUint8(at);
    const need = kind === recordEntry ? entryHeaderBytes : kind === recordSegment ? 16 : 32;
    if (at + need > end) return false;
    if (kind === recordEntry) {
      const length = view.getUint32(at + 4, true);
      if (at + need + length > end) return false;
      visitor.entry({
        type: view.getUint8(at + 1) === 1 ? "conf-change" : "normal",
        term: readNumber(view, at + 8) as Term,
        index: readNumber(view, at + 16) as Index,
        data: bytes.subarray(at + need, at + need + length),
      });
      at += need + length;
    } else if (kind === recordHardState) {
      visitor.hardState({
        term: readNumber(view, at + 8) as Term,
        vote: view.getBigUint64(at + 16, true) as MemberId,
        commit: readNumber(view, at + 24) as Index,
      });
      at += need;
    } else if (kind === recordSnapshot) {
      const count = view.getUint32(at + 4, true);
      const voters = view.getUint32(at + 24, true);
      const outgoing = view.getUint32(at + 28, true);
      if (at + need + 8 * count > end || voters + outgoing > count) return false;
      const members: MemberId[] = [];
      for (let i = 0; i < count; i++) members.push(view.getBigUint64(at + need + 8 * i, true) as MemberId);
      visitor.snapshot({
        term: readNumber(view, at + 8) as Term,
        index: readNumber(view, at + 16) as Index,
        confState: {
          voters: members.slice(0, voters),
          votersOutgoing: members.slice(voters, voters + outgoing),
          learners: members.slice(voters + outgoing),
        },
      });
      at += need + 8 * count;
    } else if (kind === recordSegment) {
      visitor.segment(readNumber(view, at + 8));
      at += need;
    } else return false;
  }
  return true;
}

function readNumber(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * two32;
}
