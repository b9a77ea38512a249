import { sectorBytes } from "./limits.ts";

/** Bits that are set in the part of a frame that is in one sector, at least: so many must rot at once before it looks like one that was not written. */
const partBitsMin = 8;

/**
 * A mask with which no sector that a frame is written to is next to empty: 0 for most, and found after a word or two a sector.
 * @param from where the body begins in `view`, a multiple of 4
 * @param end of the body and its padding
 * @param position in the file, of the frame's head
 * @param seed nobody who stores values can know it, so none can be made for which many masks are tried
 */
export function findMask(
  view: DataView,
  { from, end, position, seed }: { from: number; end: number; position: number; seed: number },
): number {
  const firstEnd = sectorBytes - (position % sectorBytes);
  // The checksum and the seal, which are in the head's first half, do for the sector that they share with the body.
  const first = firstEnd > from ? firstEnd : from;
  for (let mask = 0, tries = 1; ; mask = scrambled(seed + tries++)) {
    let start = first;
    while (start < end) {
      const partEnd = Math.min(end, start + sectorBytes - ((position + start) % sectorBytes));
      if (!hasBits(view, start, partEnd, mask)) break;
      start = partEnd;
    }
    if (start >= end) return mask;
  }
}

/** Puts a mask on what is from a multiple of 4 to another, or takes it off. */
export function applyMask(view: DataView, from: number, end: number, mask: number): void {
  if (mask === 0) return;
  for (let at = from; at < end; at += 4) view.setUint32(at, view.getUint32(at, true) ^ mask, true);
}

function hasBits(view: DataView, from: number, end: number, mask: number): boolean {
  let bits = 0;
  for (let at = from; at < end; at += 4) {
    bits += bitsOf(view.getUint32(at, true) ^ mask);
    if (bits >= partBitsMin) return true;
  }
  return false;
}

/** Bits that are set in a 32-bit number. */
function bitsOf(value: number): number {
  let v = value - ((value >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** A number that looks random (the end of MurmurHash3, by Appleby). */
function scrambled(value: number): number {
  let v = value;
  v = Math.imul(v ^ (v >>> 16), 0x85ebca6b);
  v = Math.imul(v ^ (v >>> 13), 0xc2b2ae35);
  return (v ^ (v >>> 16)) >>> 0;
}
