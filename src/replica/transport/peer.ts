/**
 * The way to one other member: one connection that this side dials and writes, and dials again, with back-off, when it breaks. Never waits:
 * what does not fit into its bound is dropped, and Raft, told so, asks again.
 */
import { emptyBytes, fromUtf8, type MemberId } from "../../base/index.ts";
import type { Clock, Connection, Timer } from "../../platform/index.ts";
import type { Log } from "../../telemetry/index.ts";
import { peerQueueBytesMax } from "../limits.ts";
import { encodeFrame, type FrameKind, FrameReader, frameKind } from "./frames.ts";

const redialMsMin = 20;
const redialMsMax = 1000;
/** Whoever does not want this member will not want it in a second: it takes a change of members or of a configuration. */
const redialRefusedMs = 5000;
/** A connection that is silent for three of these is dead, whatever TCP believes. */
const pingMs = 1000;
const silenceMsMax = 3 * pingMs;

export interface PeerOptions {
  readonly member: MemberId;
  readonly clock: Clock;
  readonly log: Log;
  /** Opens a connection and says hello. */
  readonly dial: () => Promise<Connection>;
  readonly hello: () => Uint8Array;
  readonly onUnreachable: () => void;
  /** The other side has answered our hello. */
  readonly onConnected: () => void;
  /** Milliseconds until the other side has answered a ping. */
  readonly onRoundTrip: (milliseconds: number) => void;
  /** The other side says that this member was removed from the cluster. */
  readonly onRemoved: () => void;
}

export class Peer {
  readonly #options: PeerOptions;
  #connection: Connection | undefined;
  #welcome = false;
  #outgoing: Uint8Array[] = [];
  #flushing = false;
  #redial: Timer | undefined;
  #pinging: Timer | undefined;
  #heardAt = 0;
  /** Of the ping that is not answered yet. */
  #pingedAt: number | undefined;
  #redialMs = redialMsMin;
  #closed = false;
  /** Said once, until it works again. */
  #complained = false;

  constructor(options: PeerOptions) {
    this.#options = options;
    void this.#connect();
  }

  /** False when it was dropped. */
  send(kind: FrameKind, payload: Uint8Array): boolean {
    const stream = this.#connection?.stream;
    // Before the other side has answered our hello, too: what it does not want it will not read.
    if (stream === undefined || stream.destroyed || stream.writableLength > peerQueueBytesMax) {
      this.#options.onUnreachable();
      return false;
    }
    this.#outgoing.push(...encodeFrame(kind, payload));
    if (!this.#flushing) {
      // One write for everything said in this turn.
      this.#flushing = true;
      queueMicrotask(() => this.#flush());
    }
    return true;
  }

  close(): void {
    this.#closed = true;
    this.#redial?.cancel();
    this.#pinging?.cancel();
    this.#connection?.stream.destroy();
  }

  #flush(): void {
    this.#flushing = false;
    const parts = this.#outgoing;
    this.#outgoing = [];
    const stream = this.#connection?.stream;
    if (stream === undefined || stream.destroyed) return;
    stream.cork();
    for (const part of parts) stream.write(part);
    stream.uncork();
  }

  async #connect(): Promise<void> {
    try {
      const connection = await this.#options.dial();
      if (this.#closed) return void connection.stream.destroy();
      this.#connection = connection;
      const { stream } = connection;
      const frames = new FrameReader();
      this.#heardAt = this.#options.clock.monotonic();
      this.#pinging = this.#options.clock.every(pingMs, () => this.#ping());
      stream.on("data", (chunk: Buffer) => {
        this.#heardAt = this.#options.clock.monotonic();
        try {
          for (const { kind, payload } of frames.push(chunk)) {
            // Only now it is known to last.
            if (kind === frameKind.pong) this.#ponged();
            if (kind === frameKind.removed) this.#options.onRemoved();
            if (kind !== frameKind.welcome) continue;
            if (payload.length > 0) {
              this.#redialMs = redialRefusedMs;
              throw new Error(fromUtf8(payload));
            }
            this.#welcome = true;
            this.#complained = false;
            this.#options.onConnected();
          }
        } catch (error) {
          stream.destroy(error as Error);
        }
      });
      stream.on("error", (error) => this.#complain(error));
      stream.on("close", () => this.#lost());
      for (const part of encodeFrame(frameKind.hello, this.#options.hello())) stream.write(part);
    } catch (error) {
      this.#complain(error as Error);
      this.#lost();
    }
  }

  #ping(): void {
    if (this.#options.clock.monotonic() - this.#heardAt > silenceMsMax) {
      this.#connection?.stream.destroy(new Error(`it has been silent for ${silenceMsMax} ms`));
    } else if (this.#welcome && this.send(frameKind.ping, emptyBytes))
      this.#pingedAt ??= this.#options.clock.monotonic();
  }

  #ponged(): void {
    this.#redialMs = redialMsMin;
    if (this.#pingedAt === undefined) return;
    this.#options.onRoundTrip(this.#options.clock.monotonic() - this.#pingedAt);
    this.#pingedAt = undefined;
  }

  #lost(): void {
    this.#pinging?.cancel();
    this.#connection = undefined;
    this.#welcome = false;
    this.#pingedAt = undefined;
    this.#outgoing = [];
    if (this.#closed) return;
    this.#options.onUnreachable();
    this.#redial = this.#options.clock.after(this.#redialMs, () => void this.#connect());
    this.#redialMs = Math.min(this.#redialMs * 2, redialMsMax);
  }

  #complain(error: Error): void {
    if (this.#complained || this.#closed) return;
    this.#complained = true;
    this.#options.log.warn("a peer cannot be reached", {
      member: this.#options.member.toString(16),
      error: error.message,
    });
  }
}
