/** Frames of the peer protocol, as far as the network needs to see them. */

import { frameKind } from "../../src/replica/transport/frames.ts";
import { decodeMessage } from "../../src/replica/transport/message-codec.ts";

const headBytes = 8;

/** `propose` is a request to act, and nobody sends it twice: TCP would not, and raft need not bear it. */
export type FrameSort = "message" | "propose" | "other";

/** The whole frames that were written at once. What is no whole frame stays as it is. */
export function framesOf(bytes: Uint8Array): readonly { frame: Uint8Array; sort: FrameSort }[] {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const frames: { frame: Uint8Array; sort: FrameSort }[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end =
      at + headBytes < bytes.length ? at + headBytes + view.readUInt32LE(at) : Number.POSITIVE_INFINITY;
    if (end > bytes.length) return [{ frame: bytes, sort: "other" }];
    frames.push({ frame: bytes.subarray(at, end), sort: sortOf(bytes.subarray(at + headBytes, end)) });
    at = end;
  }
  return frames;
}

/** Whether a piece of an image begins here: its head is written alone. */
export function beginsImagePiece(bytes: Uint8Array): boolean {
  return bytes.length === headBytes + 1 && bytes[headBytes] === frameKind.imageChunk;
}

function sortOf(body: Uint8Array): FrameSort {
  if (body[0] !== frameKind.message) return "other";
  return decodeMessage(body.subarray(1)).type === "propose" ? "propose" : "message";
}
