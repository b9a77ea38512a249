import { type Duplex, duplexPair } from "node:stream";
import { createHttpServer, type HttpHandlers, type ServerLimits } from "../../src/h2/index.ts";
import type { Clock } from "../../src/platform/index.ts";

/** Time that stands still unless it is moved; timers never fire. */
export class StillClock implements Clock {
  milliseconds = 1_000_000;
  now = (): number => this.milliseconds;
  monotonic = (): number => this.milliseconds;
  after = () => ({ cancel: () => {} });
  every = () => ({ cancel: () => {} });
}

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

export const type = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const endStream = 1;
export const endHeaders = 4;

export const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

export function frame(
  kind: number,
  flags: number,
  id: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const bytes = Buffer.alloc(9 + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = kind;
  bytes[4] = flags;
  bytes.writeUInt32BE(id, 5);
  bytes.set(payload, 9);
  return bytes;
}

export function uint32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => void bytes.writeUInt32BE(value, 4 * i));
  return bytes;
}

/** Pairs of identifier and value. */
export function settings(...pairs: [number, number][]): Buffer {
  const bytes = Buffer.alloc(6 * pairs.length);
  pairs.forEach(([id, value], i) => {
    bytes.writeUInt16BE(id, 6 * i);
    bytes.writeUInt32BE(value, 6 * i + 2);
  });
  return frame(type.settings, 0, 0, bytes);
}

/** ":method: POST", ":scheme: http", ":path: /", all from the static table. */
export const post = Buffer.of(0x83, 0x86, 0x84);
/** The same with GET. */
export const get = Buffer.of(0x82, 0x86, 0x84);

/** A client that speaks in frames, over a pair of streams in memory. */
export class RawClient {
  readonly stream: Duplex;
  readonly frames: Frame[] = [];
  closed = false;
  readonly #server: Duplex;
  #rest: Buffer = Buffer.alloc(0);
  #changed: () => void = () => {};

  constructor(handlers: HttpHandlers & { limits?: Partial<ServerLimits>; clock?: Clock }) {
    const [ours, theirs] = duplexPair();
    this.stream = ours;
    this.#server = theirs;
    ours.on("error", () => {});
    ours.on("data", (chunk: Buffer) => this.#read(chunk));
    theirs.on("close", () => {
      this.closed = true;
      this.#changed();
    });
    createHttpServer({ clock: new StillClock(), ...handlers }).serve({
      stream: theirs,
      protocol: "h2",
      peerCertificate: undefined,
      peerCertificateError: undefined,
      remoteAddress: "127.0.0.1:1",
    });
  }

  send(...bytes: Uint8Array[]): void {
    if (!this.stream.destroyed) this.stream.write(Buffer.concat(bytes));
  }

  hello(...pairs: [number, number][]): void {
    this.send(preface, settings(...pairs));
  }

  /** Waits for a frame that came or comes. */
  async frame(kind: number, matches: (frame: Frame) => boolean = () => true): Promise<Frame> {
    for (;;) {
      const found = this.frames.find((one) => one.type === kind && matches(one));
      if (found) return found;
      if (this.closed) throw new Error(`the connection ended without a frame of type ${kind}`);
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  /** The code of the GOAWAY that ends the connection. */
  async goAwayCode(): Promise<number> {
    return (await this.frame(type.goAway)).payload.readUInt32BE(4);
  }

  /** Once the server has taken all that was sent. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  /** The network is gone. */
  cut(): void {
    this.stream.destroy();
    this.#server.destroy();
  }

  #read(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 9) {
      const end = 9 + this.#rest.readUIntBE(0, 3);
      if (this.#rest.length < end) break;
      this.frames.push({
        type: this.#rest[3] as number,
        flags: this.#rest[4] as number,
        id: this.#rest.readUInt32BE(5),
        payload: this.#rest.subarray(9, end),
      });
      this.#rest = this.#rest.subarray(end);
    }
    this.#changed();
  }
}
