import type { Stored } from "../../storage/index.ts";
import type { KubernetesCodec, KubernetesObject } from "../../wire/index.ts";

type ChangeType = "ADDED" | "MODIFIED" | "DELETED";

const newline = 0x0a;
const closingBrace = 0x7d;
const heads: Readonly<Record<ChangeType, Buffer>> = {
  ADDED: Buffer.from('{"type":"ADDED","object":'),
  MODIFIED: Buffer.from('{"type":"MODIFIED","object":'),
  DELETED: Buffer.from('{"type":"DELETED","object":'),
};

// A change goes to many watchers, which share the stored object: the frame is made for the first of them. It goes with the object.
const frames = new WeakMap<Stored, { readonly type: ChangeType; readonly bytes: Buffer }>();

/** One event of a JSON watch, its newline included. */
export function jsonFrame(type: ChangeType, stored: Stored): Buffer {
  const shared = frames.get(stored);
  if (shared !== undefined && shared.type === type) return shared.bytes;
  const head = heads[type];
  const json = stored.json();
  const bytes = Buffer.allocUnsafe(head.length + json.length + 2);
  head.copy(bytes, 0);
  bytes.set(json, head.length);
  bytes[bytes.length - 2] = closingBrace;
  bytes[bytes.length - 1] = newline;
  frames.set(stored, { type, bytes });
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
