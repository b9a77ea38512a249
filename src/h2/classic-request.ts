import { Readable } from "node:stream";
import type { ClassicSocket } from "./classic-socket.ts";
import type { Http2Stream } from "./http2-stream.ts";
import type { HeaderFields } from "./ports.ts";

/**
 * The part of http.IncomingMessage that handlers use. Its body is read from the stream as it is read from here, so that a client
 * whose body nobody wants can send no more than its window.
 */
export class ClassicRequest extends Readable {
  method: string;
  url: string;
  readonly httpVersion = "2.0";
  readonly httpVersionMajor = 2;
  readonly httpVersionMinor = 0;
  readonly socket: ClassicSocket;
  aborted = false;
  complete = false;
  readonly #stream: Http2Stream;
  #headers: HeaderFields | undefined;

  constructor(stream: Http2Stream, socket: ClassicSocket) {
    super();
    this.#stream = stream;
    this.socket = socket;
    this.method = stream.method;
    this.url = stream.path;
  }

  get connection(): ClassicSocket {
    return this.socket;
  }

  /** Shared with requests of the same fields, and frozen. */
  get headers(): HeaderFields {
    return this.#headers ?? this.#stream.headers;
  }

  set headers(headers: HeaderFields) {
    this.#headers = headers;
  }

  get rawHeaders(): string[] {
    return [...this.#stream.head.fields];
  }

  get trailers(): Record<string, string> {
    return {};
  }

  setTimeout(): this {
    return this;
  }

  override _read(): void {
    this.#stream.resume();
  }

  takeData(chunk: Uint8Array): void {
    if (!this.destroyed && !this.push(chunk)) this.#stream.pause();
  }

  takeEnd(): void {
    this.complete = true;
    if (!this.destroyed) this.push(null);
  }

  /** The stream is gone before its body was whole; `kindly`: our answer was complete. */
  abort(kindly: boolean): void {
    if (this.complete || this.aborted) return;
    this.aborted = true;
    if (!kindly) this.emit("aborted");
    const heard = this.listenerCount("error") > 0;
    const error = Object.assign(new Error("aborted"), { code: "ECONNRESET" });
    this.destroy(heard && !kindly ? error : undefined);
  }
}
