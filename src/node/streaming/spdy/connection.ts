/**
 * The server's side of SPDY/3.1 as Kubernetes' clients use it: they open streams with a header each, both sides send and end them. Neither
 * side of upstream's implementation counts windows; TCP holds back who is too quick.
 */
import { Duplex } from "node:stream";
import { frameBytesMax, streamsMax } from "../limits.ts";
import {
  controlFrame,
  dataHead,
  type Frame,
  FrameCutter,
  flagFin,
  frameType,
  resetStatus,
  words,
} from "./frames.ts";
import { HeaderReader, HeaderWriter } from "./header-block.ts";

/** A stream that the client opened. */
export class SpdyStream extends Duplex {
  readonly id: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly #connection: SpdyConnection;
  #resume: (() => void) | undefined;

  constructor(connection: SpdyConnection, id: number, headers: ReadonlyMap<string, string>) {
    super({ allowHalfOpen: true });
    this.#connection = connection;
    this.id = id;
    this.headers = headers;
    // Its user may not be there yet, or be gone already.
    this.on("error", () => {});
  }

  /** Resolves when there is room again. */
  receive(payload: Buffer): Promise<void> | undefined {
    if (payload.length === 0 || this.readableEnded || this.destroyed) return undefined;
    if (this.push(payload)) return undefined;
    return new Promise((resolve) => {
      this.#resume = resolve;
      this.once("close", resolve);
    });
  }

  receiveEnd(): void {
    this.push(null);
  }

  override _read(): void {
    this.#resume?.();
    this.#resume = undefined;
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#connection.send(this.id, chunk, false, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#connection.send(this.id, Buffer.alloc(0), true, done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#connection.dropped(this, error !== null || !this.writableFinished);
    done(null);
  }
}

/** Largest piece of one data frame. */
const dataBytesMax = 32 * 1024;

export class SpdyConnection {
  readonly #transport: Duplex;
  readonly #onStream: (stream: SpdyStream) => void;
  readonly #streams = new Map<number, SpdyStream>();
  readonly #cutter = new FrameCutter(frameBytesMax);
  readonly #reader = new HeaderReader();
  readonly #writer = new HeaderWriter();
  #lastStream = 0;
  #ended = false;
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>;

  constructor(transport: Duplex, onStream: (stream: SpdyStream) => void) {
    this.#transport = transport;
    this.#onStream = onStream;
    this.closed = new Promise((resolve) => transport.once("close", resolve));
    transport.on("error", () => {});
    void this.#serve();
  }

  /** Sends what is left and ends. */
  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#transport.write(controlFrame(frameType.goAway, 0, words(this.#lastStream, 0)));
    this.#transport.end();
  }

  destroy(): void {
    this.#transport.destroy();
  }

  send(id: number, payload: Buffer, fin: boolean, done: (error?: Error | null) => void): void {
    if (this.#ended || this.#transport.destroyed) return done();
    for (let at = 0; at + dataBytesMax < payload.length; at += dataBytesMax) {
      const piece = payload.subarray(at, at + dataBytesMax);
      this.#transport.write(Buffer.concat([dataHead(id, false, piece.length), piece]));
    }
    const last = payload.subarray(Math.floor(Math.max(0, payload.length - 1) / dataBytesMax) * dataBytesMax);
    this.#transport.write(Buffer.concat([dataHead(id, fin, last.length), last]), () => done());
  }

  dropped(stream: SpdyStream, broken: boolean): void {
    if (!this.#streams.delete(stream.id) || !broken || this.#ended || this.#transport.destroyed) return;
    this.#transport.write(controlFrame(frameType.rstStream, 0, words(stream.id, resetStatus.cancel)));
  }

  async #serve(): Promise<void> {
    try {
      for await (const chunk of this.#transport) {
        for (const frame of this.#cutter.push(chunk as Buffer)) await this.#take(frame);
      }
    } catch {
      // Whatever the client sent that is no SPDY ends the connection, as its going away does.
    } finally {
      this.#transport.destroy();
      for (const stream of this.#streams.values()) stream.receiveEnd();
      for (const stream of [...this.#streams.values()]) stream.destroy();
      this.#reader.close();
      this.#writer.close();
    }
  }

  async #take(frame: Frame): Promise<void> {
    if (frame.kind === "data") {
      const stream = this.#streams.get(frame.stream);
      await stream?.receive(frame.payload);
      if (frame.fin) stream?.receiveEnd();
      return;
    }
    const { type, flags, payload } = frame;
    switch (type) {
      case frameType.synStream:
        return this.#open(payload, (flags & flagFin) !== 0);
      case frameType.ping:
        // The client's own are odd.
        if (payload.length === 4 && payload.readUInt32BE(0) % 2 === 1)
          this.#transport.write(controlFrame(frameType.ping, 0, payload));
        return;
      case frameType.rstStream: {
        const stream = this.#streams.get(payload.readUInt32BE(0) & 0x7fff_ffff);
        if (stream === undefined) return;
        this.#streams.delete(stream.id);
        stream.destroy();
        return;
      }
      case frameType.headers:
        // Unpacked all the same: the next block builds on it.
        await this.#reader.read(payload.subarray(4));
        return;
      default:
        // SETTINGS, WINDOW_UPDATE, GOAWAY: nothing that we would do otherwise.
        return;
    }
  }

  async #open(payload: Buffer, fin: boolean): Promise<void> {
    const id = payload.readUInt32BE(0) & 0x7fff_ffff;
    const headers = await this.#reader.read(payload.subarray(10));
    if (id % 2 === 0 || id <= this.#lastStream) throw new Error(`stream ${id} was opened out of turn`);
    this.#lastStream = id;
    if (this.#streams.size >= streamsMax) {
      this.#transport.write(controlFrame(frameType.rstStream, 0, words(id, resetStatus.refusedStream)));
      return;
    }
    const stream = new SpdyStream(this, id, headers);
    this.#streams.set(id, stream);
    const reply = await this.#writer.write({});
    this.#transport.write(controlFrame(frameType.synReply, 0, Buffer.concat([words(id), reply])));
    if (fin) stream.receiveEnd();
    this.#onStream(stream);
  }
}
