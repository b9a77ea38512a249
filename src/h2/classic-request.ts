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
  #headers: Record<string, string> | undefined;

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

  /** With the pseudo-header fields, as node:http2 has them, and `host` for handlers that know of no authority. */
  get headers(): Record<string, string> {
    if (this.#headers === undefined) {
      const { head } = this.#stream;
      const headers: Record<string, string> = Object.assign(Object.create(null), head.headers);
      headers[":method"] = head.method;
      headers[":path"] = head.path;
      headers[":scheme"] = head.scheme;
      if (head.authority !== "") {
        headers[":authority"] = head.authority;
        headers["host"] ??= head.authority;
      }
      this.#headers = headers;
    }
    return this.#headers;
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
