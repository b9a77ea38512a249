import { assert } from "../base/index.ts";
import type { Clock, Connection, Timer } from "../platform/index.ts";
import { ClientStream } from "./client-stream.ts";
import { Http2Endpoint } from "./endpoint.ts";
import { type ConnectionError, errorCode, frameType, setting, streamIdMax, violation } from "./frames.ts";
import type { HeaderBlock } from "./header-blocks.ts";
import type { HeaderEncoder } from "./header-encoder.ts";
import type { ClientLimits } from "./limits.ts";
import type { AnswerReceiver, HttpClient, OutgoingStream } from "./ports.ts";
import { preface } from "./preface.ts";
import { responseHead, trailerFields } from "./response-head.ts";

export interface ClientOptions {
  readonly limits: ClientLimits;
  readonly clock: Clock;
  /** Shared by all connections of a client. */
  readonly encoder: HeaderEncoder;
  /** There is room for another stream, or never will be again: `hasRoom` says which. */
  readonly onRoom: () => void;
}

const keepAlivePing = Buffer.from("alive?!\n", "latin1");

/**
 * The client's side of one HTTP/2 connection: streams are opened, answers come in. A server is trusted no more than a client: what it can make
 * us keep is bounded by windows (each stream has its own, so a receiver that pauses holds up nobody else), by header limits and budgets. A
 * server that breaks the rules gets a GOAWAY and is left. One that is silent while streams are open is pinged; without an answer the
 * connection is given up.
 */
export class ClientConnection extends Http2Endpoint<ClientStream> implements HttpClient {
  readonly hearsAfterEnd = true;
  readonly ready: Promise<void>;
  readonly gone: Promise<Error>;
  readonly #options: ClientOptions;
  readonly #onReady = Promise.withResolvers<void>();
  readonly #onGone = Promise.withResolvers<Error>();
  /** The server's SETTINGS must come, or its answer to a ping. */
  #patience: Timer | undefined;
  #keepAlive: Timer | undefined;
  #heard = true;
  #streamsMax: number;
  #reason: Error | undefined;

  constructor(connection: Connection, options: ClientOptions) {
    super(connection, options);
    const { limits, clock } = options;
    this.#options = options;
    this.#streamsMax = limits.streamsMax;
    // The first one is 1.
    this.lastStreamId = -1;
    this.ready = this.#onReady.promise;
    this.gone = this.#onGone.promise;
    // Whoever does not wait for it hears of the end.
    this.ready.catch(() => {});
    this.socket.write(preface);
    this.announce([setting.enablePush, 0]);
    this.#patience = clock.after(limits.settingsMs, () => this.#giveUp("no SETTINGS"), { background: true });
    this.socket.on("error", (error: Error) => {
      this.#reason ??= error;
    });
  }

  get closing(): boolean {
    return this.isClosing || this.over;
  }

  get hasRoom(): boolean {
    return (
      !this.closing &&
      this.settingsSeen &&
      this.streams.size < this.#streamsMax &&
      this.queuedBytes <= this.#options.limits.queuedBytesMax
    );
  }

  open(fields: Readonly<Record<string, string>>, receiver: AnswerReceiver): OutgoingStream {
    assert(this.hasRoom, "a stream was opened where there is no room");
    this.lastStreamId += 2;
    const stream = new ClientStream(this, this.lastStreamId, receiver, {
      receive: this.#options.limits.streamWindowBytes,
      send: this.initialSendWindow,
    });
    this.streams.set(stream.id, stream);
    stream.receive({
      data: (chunk) => receiver.data(chunk),
      ended: () => {
        receiver.ended();
        // A server that has said all need not hear the rest (section 8.1).
        if (stream.localEnded) this.closeStream(stream, errorCode.noError);
        else this.reset(stream, errorCode.noError);
      },
      drain: () => receiver.drain?.(),
      closed: (code) => receiver.closed(code),
    });
    this.conduct.usefulFrame();
    stream.respond(fields);
    // Section 5.1.1: identifiers are used up after a billion requests; the next ones need another connection.
    if (this.lastStreamId >= streamIdMax - 2) this.isClosing = true;
    this.#keepAlive ??= this.#watchOver();
    return stream;
  }

  close(): void {
    if (this.closing) return;
    this.isClosing = true;
    if (this.streams.size === 0) this.finish();
  }

  /** Our side ended; the answer is what we wait for. */
  override ended(): void {}

  // What comes in.

  protected override read(chunk: Buffer): void {
    this.#heard = true;
    super.read(chunk);
  }

  protected override data(
    stream: ClientStream | undefined,
    id: number,
    chunk: Uint8Array,
    flowBytes: number,
    endStream: boolean,
  ): void {
    // The streams' windows bound what we keep; this one only what is on its way.
    this.takenFromConnection(flowBytes);
    if (chunk.length > 0) this.conduct.usefulFrame();
    if (stream === undefined) {
      this.checkClosed(id);
      return;
    }
    stream.receiveWindow -= flowBytes;
    if (stream.remoteEnded || !stream.answered) {
      this.refuse(stream, stream.remoteEnded ? errorCode.streamClosed : errorCode.protocolError);
    } else if (stream.receiveWindow < 0) {
      this.refuse(stream, errorCode.flowControlError);
    } else {
      if (chunk.length < flowBytes) this.taken(stream, flowBytes - chunk.length);
      stream.takeData(chunk, endStream);
    }
  }

  /** An interim answer, the answer, or trailers (section 8.1). */
  protected override fields({ streamId, endStream, list, selfDependent }: HeaderBlock): void {
    const stream = this.streams.get(streamId);
    if (stream === undefined) {
      this.checkClosed(streamId);
      return;
    }
    if (stream.remoteEnded || list.tooLarge || selfDependent) {
      this.refuse(stream, stream.remoteEnded ? errorCode.streamClosed : errorCode.protocolError);
      return;
    }
    if (stream.answered) {
      stream.trailers = trailerFields(list);
      if (!endStream || stream.trailers === undefined) this.refuse(stream, errorCode.protocolError);
      else stream.takeEnd();
      return;
    }
    const head = responseHead(list);
    const interim = head !== undefined && head.status < 200;
    if (head === undefined || (interim && endStream)) {
      this.refuse(stream, errorCode.protocolError);
      return;
    }
    if (interim) {
      this.conduct.idleFrame();
      return;
    }
    stream.answered = true;
    stream.answer.headers(head.status, head.headers);
    if (endStream && !stream.closed) stream.takeEnd();
  }

  /** Section 5.3.2: ignored. */
  protected override priority(): void {
    this.conduct.idleFrame();
  }

  protected override brokenOff(stream: ClientStream | undefined, code: number): void {
    if (stream === undefined) {
      this.conduct.idleFrame();
      return;
    }
    this.conduct.reset();
    // Its answer is whole, and may still wait for its receiver: only our own side is of no interest any more.
    if (stream.remoteEnded) return;
    // Section 8.7.
    stream.unprocessed = code === errorCode.refusedStream;
    this.closeStream(stream, code);
  }

  protected override setting(id: number, value: number): void {
    if (id === setting.enablePush && value !== 0) throw violation("SETTINGS_ENABLE_PUSH of a server");
    if (id === setting.concurrentStreamsMax)
      this.#streamsMax = Math.min(value, this.#options.limits.streamsMax);
  }

  protected override settingsCame(isFirst: boolean): void {
    if (isFirst) {
      this.#patience?.cancel();
      this.#onReady.resolve();
    }
    this.#options.onRoom();
  }

  /** That something came is all there is to know. */
  protected override pingAnswered(): void {}

  /** What is above the last stream was not looked at, and may be asked again elsewhere. */
  protected override goAwayCame(lastId: number, code: number): void {
    this.isClosing = true;
    this.#reason ??= new Error(`the server ended the connection (GOAWAY, code ${code})`);
    for (const stream of this.streams.values()) {
      if (stream.id <= lastId || stream.remoteEnded) continue;
      stream.unprocessed = true;
      this.closeStream(stream, errorCode.refusedStream);
    }
    this.output.schedule();
  }

  /** A window of a stream that is closed is nobody's. */
  protected override refuseLate(): void {}

  protected override closeStream(stream: ClientStream, code: number): number {
    const wasFull = !this.hasRoom;
    const untaken = super.closeStream(stream, code);
    if (wasFull && this.hasRoom) this.#options.onRoom();
    return untaken;
  }

  // The connection's life.

  /** Asks after silence whether the server is there, while anybody waits for it. */
  #watchOver(): Timer {
    const { clock, limits } = this.#options;
    return clock.after(
      limits.keepAliveMs,
      () => {
        this.#keepAlive = undefined;
        if (this.over || this.streams.size === 0) return;
        this.#keepAlive = this.#watchOver();
        if (this.#heard) {
          this.#heard = false;
          return;
        }
        this.output.ping(keepAlivePing);
        this.#patience?.cancel();
        this.#patience = clock.after(
          limits.keepAliveTimeoutMs,
          () => {
            if (!this.#heard) this.#giveUp("it does not answer a ping");
          },
          { background: true },
        );
      },
      { background: true },
    );
  }

  #giveUp(why: string): void {
    this.#reason ??= new Error(`the connection to ${this.connection.remoteAddress} was given up: ${why}`);
    this.destroy();
  }

  protected override unread(): void {
    this.#giveUp("it does not read");
  }

  protected override fail(error: ConnectionError): void {
    if (this.over) return;
    this.#reason ??= new Error(`the server broke HTTP/2's rules: ${error.message}`);
    this.output.numbers(frameType.goAway, 0, 0, error.code);
    this.finish();
    this.closeAll(errorCode.cancel);
    this.#options.onRoom();
  }

  protected override finish(): void {
    if (!this.over) this.end(this.#options.limits.keepAliveTimeoutMs);
  }

  protected override disconnected(): void {
    this.over = true;
    this.#patience?.cancel();
    this.#keepAlive?.cancel();
    const reason = this.#reason ?? new Error(`the connection to ${this.connection.remoteAddress} was closed`);
    this.closeAll(errorCode.cancel);
    this.#onReady.reject(reason);
    this.#onGone.resolve(reason);
    this.#options.onRoom();
  }
}
