import type { IncomingStream, StreamReceiver } from "../../h2/index.ts";
import type { Clock, Timer } from "../../platform/index.ts";
import {
  type Draft,
  decode,
  encodeGrpc,
  type GrpcMessageSink,
  GrpcReader,
  type GrpcReaderOptions,
  grpcPrefixBytes,
  ProtobufError,
  type ProtobufWriter,
} from "../../wire/index.ts";
import type { MethodCounts } from "../call-metrics.ts";
import { code, expectedError, RpcError } from "../errors.ts";
import { type Method, neverAborted, type Reply, type RequestObserver } from "../method.ts";
import { contentTypeOf, plainContentType } from "./content-type.ts";
import type { TurnTime } from "./turn-time.ts";

/** What all calls share. */
export interface CallContext {
  readonly clock: Clock;
  readonly time: TurnTime;
  readonly writer: ProtobufWriter;
  /** Bytes of one message of a client's. */
  readonly messageBytesMax: number;
  /** How messages are read of clients that do not say how they compress. */
  readonly plainMessages: GrpcReaderOptions;
  /** Milliseconds from which on a unary call is told of. */
  readonly slowMs: number;
  onSlow(path: string, remoteAddress: string, milliseconds: number): void;
  /** A mistake of our own: the client is told nothing of it. */
  onInternalError(error: unknown, path: string): void;
}

/** Bytes of a message that is copied on its way out. */
const copiedBytesMax = 2048;

/** Sent with every answer: frozen, so that they are encoded once. */
const answerHeaders = Object.freeze({ ":status": "200", "content-type": plainContentType });
const wellTrailers = Object.freeze({ "grpc-status": "0" });

/** One gRPC call on one stream, whatever carries it: messages in, messages and a status out. */
export class GrpcCall implements Reply<unknown>, StreamReceiver, GrpcMessageSink {
  readonly number: number;
  readonly #stream: IncomingStream;
  readonly #method: Method;
  readonly #context: CallContext;
  readonly #onClosed: (call: GrpcCall) => void;
  readonly #messages: GrpcReader;
  readonly #timeoutMs: number | undefined;
  readonly #counts: MethodCounts;
  #observer: RequestObserver<unknown> | undefined;
  #deadline: Timer | undefined;
  /** Of a unary call that waits. */
  #abort: AbortController | undefined;
  #asked = false;
  /** Of a stream: the client has said something. */
  #heard = false;
  readonly #beganMs: number;
  #headersSent = false;
  #ended = false;

  /** `number`: which of the server's calls it is. `onClosed` is called once the stream is gone, however the call ended. */
  constructor(
    {
      number,
      timeoutMs,
      messages,
    }: { number: number; timeoutMs: number | undefined; messages: GrpcReaderOptions },
    stream: IncomingStream,
    method: Method,
    context: CallContext,
    counts: MethodCounts,
    onClosed: (call: GrpcCall) => void,
  ) {
    this.#timeoutMs = timeoutMs;
    this.number = number;
    this.#counts = counts;
    counts.started++;
    this.#beganMs = context.time.now;
    this.#stream = stream;
    this.#method = method;
    this.#context = context;
    this.#onClosed = onClosed;
    this.#messages = new GrpcReader(this, messages);
  }

  start(): void {
    this.#stream.receive(this);
    if (this.#timeoutMs !== undefined) {
      this.#deadline = this.#context.clock.after(
        this.#timeoutMs,
        () => this.end(new RpcError(code.deadlineExceeded, "context deadline exceeded")),
        { background: true },
      );
    }
    if (this.#method.kind === "stream") {
      this.#observer = this.#method.open(this);
      this.#sendHeaders();
    }
  }

  // From the stream.

  data(chunk: Uint8Array): void {
    // What comes behind a unary call's message nobody reads.
    if (this.#ended || this.#asked) return;
    try {
      this.#messages.push(chunk);
    } catch (thrown) {
      this.end(thrown);
    }
  }

  ended(): void {
    if (this.#ended) return;
    if (this.#asked) return;
    // In Go's words: a message whose length has come must come itself.
    const isCut = this.#messages.heldBytes >= grpcPrefixBytes;
    if (this.#observer === undefined) this.end(new RpcError(code.unknown, isCut ? "unexpected EOF" : "EOF"));
    else if (isCut) this.end(new RpcError(code.internal, "unexpected EOF"));
    else if (!this.#method.info.requestStream && !this.#heard) this.end(noRequest());
    else this.#observer.requestsEnded();
  }

  drain(): void {
    if (!this.#ended) this.#observer?.drain();
  }

  closed(): void {
    if (!this.#ended) this.#counted(code.canceled);
    this.#ended = true;
    this.#deadline?.cancel();
    this.#abort?.abort();
    this.#observer?.closed();
    this.#onClosed(this);
  }

  // From the method.

  pause(): void {
    if (!this.#ended) this.#stream.pause();
  }

  resume(): void {
    if (!this.#ended) this.#stream.resume();
  }

  send(message: Draft<unknown>, tail?: Uint8Array): boolean {
    return this.#send(message, undefined, tail);
  }

  #send(message: Draft<unknown>, bytes?: number, tail?: Uint8Array): boolean {
    if (this.#ended) return true;
    this.#sendHeaders();
    const { writer } = this.#context;
    const frame = encodeGrpc(this.#method.info.response, message, writer, bytes, tail);
    this.#counts.sent++;
    this.#counts.sentBytes += frame.length - grpcPrefixBytes;
    if (frame.length > copiedBytesMax) return this.#stream.write(frame);
    // The memory serves the next message: that of all answers would be the collector's most frequent reason to look through the heap.
    const hasRoom = this.#stream.writeCopy(frame);
    writer.takeBack();
    return hasRoom;
  }

  end(thrown?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#deadline?.cancel();
    this.#abort?.abort();
    const trailers = thrown === undefined ? wellTrailers : this.#status(thrown);
    this.#counted(Number(trailers["grpc-status"]));
    this.#tellIfSlow();
    if (this.#headersSent) {
      this.#stream.end(trailers);
    } else {
      this.#headersSent = true;
      const type = contentTypeOf(this.#stream);
      this.#stream.respond({ ":status": "200", "content-type": type, ...trailers }, { end: true });
    }
    // What the client may still send is dropped, so that its window does not stay shut.
    this.#stream.resume();
  }

  /** One message of the client's. @throws RpcError */
  message(bytes: Uint8Array, start: number, end: number): void {
    if (this.#ended || this.#asked) return;
    this.#counts.received++;
    this.#counts.receivedBytes += end - start;
    const request = this.#decode(bytes, start, end);
    this.#heard = true;
    if (this.#observer) this.#observer.request(request);
    else this.#unary(request);
  }

  #decode(bytes: Uint8Array, start: number, end: number): unknown {
    try {
      return decode(this.#method.info.request, bytes, start, end);
    } catch (error) {
      if (!(error instanceof ProtobufError)) throw error;
      const what = this.#observer
        ? "failed to unmarshal the received message"
        : "error unmarshalling request";
      throw new RpcError(code.internal, `grpc: ${what}: ${error.message}`);
    }
  }

  #unary(request: unknown): void {
    if (this.#method.kind !== "unary") return;
    this.#asked = true;
    const { bytesOf, waits } = this.#method;
    if (waits) this.#abort = new AbortController();
    this.#method.handle(request, this.#abort?.signal ?? neverAborted).then(
      (response) => {
        this.#send(response, bytesOf?.(response));
        this.end();
      },
      (thrown: unknown) => this.end(thrown),
    );
  }

  #tellIfSlow(): void {
    const { time, slowMs, onSlow } = this.#context;
    const took = time.now - this.#beganMs;
    if (took < slowMs || this.#method.kind !== "unary") return;
    onSlow(this.#method.info.path, this.#stream.connection.remoteAddress, took);
  }

  #counted(status: number): void {
    const { handled } = this.#counts;
    handled[status] = (handled[status] ?? 0) + 1;
  }

  #sendHeaders(): void {
    if (this.#headersSent) return;
    this.#headersSent = true;
    const type = contentTypeOf(this.#stream);
    this.#stream.respond(
      type === plainContentType ? answerHeaders : { ":status": "200", "content-type": type },
    );
  }

  #status(thrown: unknown): Record<string, string> {
    const error = expectedError(thrown);
    if (error === undefined) this.#context.onInternalError(thrown, this.#method.info.path);
    const status = error?.code ?? code.internal;
    const message = error?.message ?? "etcdserver: internal error";
    return { "grpc-status": String(status), "grpc-message": percentEncoded(message) };
  }
}

function noRequest(): RpcError {
  return new RpcError(
    code.internal,
    "cardinality violation: received no request message from non-client-streaming RPC",
  );
}

/** Ends a call that has no method, or whose headers are not right: HTTP has a status for that, too. */
export function refuse(stream: IncomingStream, error: RpcError, httpStatus = 200): void {
  stream.respond(
    {
      ":status": String(httpStatus),
      "content-type": contentTypeOf(stream),
      "grpc-status": String(error.code),
      "grpc-message": percentEncoded(error.message),
    },
    { end: true },
  );
  stream.resume();
}

/** A header's value is ASCII; everything else, and "%", as the bytes of UTF-8. */
function percentEncoded(text: string): string {
  return text.replace(/[^\x20-\x24\x26-\x7e]+/gu, (run) =>
    [...Buffer.from(run, "utf8")]
      .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`)
      .join(""),
  );
}
