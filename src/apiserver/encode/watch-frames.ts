import type { StorageEvent, Stored } from "../../storage/index.ts";
import type { KubernetesCodec, KubernetesObject } from "../../wire/index.ts";

type ChangeType = "ADDED" | "MODIFIED" | "DELETED";

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

/** Makes the frame of one event in the form that a client asked for. */
export type MakeFrame = (type: ChangeType, stored: Stored) => Uint8Array;

/** A change of an object, as events of watches say it. */
export type ChangeEvent = Exclude<StorageEvent, { type: "BOOKMARK" }>;

/** More events than this come together only where a watch begins, and are nobody else's. */
const sharedEventsMax = 64;

interface Frames {
  readonly ofEvents: Map<readonly ChangeEvent[], Uint8Array>;
  readonly ofObjects: Map<Stored, { readonly type: ChangeType; readonly frame: Uint8Array }>;
}

/**
 * The frames of the changes that watchers are told of in one turn of the loop, made for the first of them. Nothing is kept for longer: what comes
 * late (a watch that begins in the past) makes its own.
 */
export class SharedFrames {
  /** By the encoding that tells one form of the same event from another. */
  readonly #frames = new Map<string, Frames>();

  one(encoding: string, { type, stored }: ChangeEvent, make: MakeFrame): Uint8Array {
    const { ofObjects } = this.#of(encoding);
    const shared = ofObjects.get(stored);
    if (shared?.type === type) return shared.frame;
    const frame = make(type, stored);
    ofObjects.set(stored, { type, frame });
    return frame;
  }

  /** Those of events that come together, one after the other. Watchers that are told of the same array share it. */
  all(encoding: string, events: readonly ChangeEvent[], make: MakeFrame): Uint8Array {
    if (events.length === 1) return this.one(encoding, events[0] as ChangeEvent, make);
    if (events.length > sharedEventsMax) {
      return Buffer.concat(events.map(({ type, stored }) => make(type, stored)));
    }
    const { ofEvents } = this.#of(encoding);
    let bytes = ofEvents.get(events);
    if (bytes === undefined) {
      bytes = Buffer.concat(events.map((event) => this.one(encoding, event, make)));
      ofEvents.set(events, bytes);
    }
    return bytes;
  }

  #of(encoding: string): Frames {
    let frames = this.#frames.get(encoding);
    if (frames === undefined) {
      if (this.#frames.size === 0) setImmediate(() => this.#frames.clear());
      frames = { ofEvents: new Map(), ofObjects: new Map() };
      this.#frames.set(encoding, frames);
    }
    return frames;
  }
}
