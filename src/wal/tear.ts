import { type Frame, frameHeaderBytes, readFrame, readHead, saltAt } from "./frame.ts";
import { sectorBytes } from "./limits.ts";

/** The log up to a frame that is broken, and what continues it. */
export interface Broken {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Of the broken frame. */
  readonly offset: number;
  /** Of the last frame that is good. */
  readonly sequence: number;
  readonly salt: number;
  /** Whether a frame would continue the last good one. */
  readonly follows: (head: Pick<Frame, "sequence" | "previousCrc" | "salt">) => boolean;
}

/** What is wrong with a frame, undefined where it is torn: its one write was under way when the power went, and nobody was told of it. */
export function damageIn(broken: Broken): string | undefined {
  const later = findFrameAfter(broken);
  if (later !== undefined) return `a frame is broken, and a good one follows at byte ${later}`;
  return isTorn(broken) ? undefined : "the checksum of a frame is wrong";
}

/**
 * A disk writes a sector whole or not at all, and where no frame was is nothing but zeros, or the file's end. So of a torn frame some sectors
 * are there and others are zero, which none is that was written (`frame.ts`); and nothing is behind it, for it was the last. A
 * frame that bits have changed in has all its sectors. A sector that was meant for another place does not look torn either: it would
 * have to be zero in just the part of it that the frame has.
 */
function isTorn({ bytes, view, offset, follows }: Broken): boolean {
  const head = readHead(bytes, view, offset);
  if (head === undefined) return true;
  if (!follows(head)) {
    // How long it is, is not known. Either it lacks the sector it begins in, or the one that its head goes on in.
    const next = sectorEnd(offset);
    if (isZero(bytes, offset, next)) return true;
    return next < offset + frameHeaderBytes && isZero(bytes, next, sectorEnd(next));
  }
  if (head.end > bytes.length) return true;
  if (!isZero(bytes, head.end, bytes.length)) return false;
  for (let start = offset; start < head.end; start = sectorEnd(start))
    if (isZero(bytes, start, Math.min(head.end, sectorEnd(start)))) return true;
  return false;
}

/** A good frame that was written after the broken one. Frames begin at multiples of 8. */
function findFrameAfter({ bytes, view, offset, sequence, salt }: Broken): number | undefined {
  for (let at = offset + 8; at + frameHeaderBytes <= bytes.length; at += 8) {
    // What has not even the salt is not worth the checksum of what it says is its length.
    if (saltAt(bytes, view, at) !== salt) continue;
    const frame = readFrame(bytes, view, at);
    if (frame !== undefined && frame.sequence > sequence + 1) return at;
  }
  return undefined;
}

function sectorEnd(offset: number): number {
  return offset + sectorBytes - (offset % sectorBytes);
}

function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < Math.min(to, bytes.length); at++) if (bytes[at] !== 0) return false;
  return true;
}
