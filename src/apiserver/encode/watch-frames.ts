import type { Stored } from "../../storage/index.ts";
import type { KubernetesCodec, KubernetesObject } from "../../wire/index.ts";

type ChangeType = "ADDED" | "MODIFIED" | "DELETED";

/** The event of one watch in the form that its client asked for. */
type MakeFrame = () => Uint8Array;

const newline = 0x0a;
const closingBrace = 0x7d;
const heads: Readonly<Record<ChangeType, Buffer>> = {
  ADDED: Buffer.from('{"type":"ADDED","object":'),
  MODIFIED: Buffer.from('{"type":"MODIFIED","object":'),
  DELETED: Buffer.from('{"type":"DELETED","object":'),
};

/** One event of a JSON watch, its newline included. */
export function jsonFrame(type: ChangeType, stored: Stored): Buffer {
  const head = heads[type];
  const bytes = Buffer.allocUnsafe(head.length + stored.jsonLength + 2);
  const end = stored.copyJson(bytes, head.copy(bytes, 0));
  bytes[end] = closingBrace;
  bytes[end + 1] = newline;
  return bytes;
}

/** One event of a protobuf watch behind its length, four bytes, most significant first. */
export function protobufFrame(codec: KubernetesCodec, type: string, object: unknown): Buffer {
  const event = codec.encodeWatchEvent(type, codec.encode(object as KubernetesObject));
  const frame = Buffer.allocUnsafe(4 + event.length);
  frame.writeUInt32BE(event.length, 0);
  frame.set(event, 4);
  return frame;
}

/**
 * A change goes to many watchers in one turn of the loop, and its frame is made for the first of them. Nothing is kept for longer: what comes
 * late (a watch that begins in the past) makes its own.
 */
export class SharedFrames {
  readonly #byEncoding = new Map<
    string,
    Map<Stored, { readonly type: ChangeType; readonly frame: Uint8Array }>
  >();
  #clearing = false;

  /** `encoding`: what tells one form of the same event from another. */
  of(encoding: string, type: ChangeType, stored: Stored, make: MakeFrame): Uint8Array {
    let frames = this.#byEncoding.get(encoding);
    if (frames === undefined) {
      frames = new Map();
      this.#byEncoding.set(encoding, frames);
    }
    const shared = frames.get(stored);
    if (shared?.type === type) return shared.frame;
    const frame = make();
    frames.set(stored, { type, frame });
    this.#clearSoon();
    return frame;
  }

  #clearSoon(): void {
    if (this.#clearing) return;
    this.#clearing = true;
    setImmediate(() => {
      this.#clearing = false;
      this.#byEncoding.clear();
    });
  }
}
