/**
 * Where the events of a watch go: into the body of an answer, or, where the client asked for a WebSocket (browsers, Java's fabric8), a
 * message each.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { WebSocket } from "ws";
import { takeWebSocket, wantsWebSocket } from "../connect/web-socket.ts";
import { watchSocketBytesHigh } from "../limits.ts";

export interface WatchOutput {
  /** Something may be written. */
  readonly opened: boolean;
  /** The client does not keep up: nothing is to be written before `drained`. */
  readonly full: boolean;
  /** Several events may be one frame. */
  readonly joins: boolean;
  open(headers: Readonly<Record<string, string>>, listener: WatchOutputListener): void;
  write(frames: readonly Uint8Array[]): void;
  /** What was written still goes out. */
  end(): void;
}

interface WatchOutputListener {
  /** Opened, or no longer full. */
  drained(): void;
  /** The client is gone, or the end has been written. */
  closed(): void;
}

/** `text`: events are JSON. */
export function watchOutput(request: IncomingMessage, response: ServerResponse, text: boolean): WatchOutput {
  return wantsWebSocket(request) ? new WebSocketOutput(request, text) : new BodyOutput(response);
}

/** Smaller ones cost more apart than together; what is larger is shared with other watchers as it is. */
const apartBytesMin = 512;

class BodyOutput implements WatchOutput {
  readonly joins = true;
  readonly #response: ServerResponse;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  get opened(): boolean {
    return this.#response.headersSent;
  }

  get full(): boolean {
    return this.#response.writableNeedDrain;
  }

  open(headers: Readonly<Record<string, string>>, { drained, closed }: WatchOutputListener): void {
    const response = this.#response;
    response.on("close", closed);
    response.writeHead(200, headers);
    response.flushHeaders();
    response.on("drain", drained);
  }

  write(frames: readonly Uint8Array[]): void {
    if (frames.length > 1 && frames.every(({ length }) => length < apartBytesMin))
      this.#response.write(Buffer.concat(frames));
    else for (const frame of frames) this.#response.write(frame);
  }

  end(): void {
    this.#response.end();
  }
}

class WebSocketOutput implements WatchOutput {
  readonly joins = false;
  readonly #request: IncomingMessage;
  readonly #text: boolean;
  #socket: WebSocket | undefined;
  #ended = false;
  #listener: WatchOutputListener | undefined;

  constructor(request: IncomingMessage, text: boolean) {
    this.#request = request;
    this.#text = text;
  }

  get opened(): boolean {
    return this.#socket !== undefined;
  }

  get full(): boolean {
    return (this.#socket?.bufferedAmount ?? 0) > watchSocketBytesHigh;
  }

  open(_headers: Readonly<Record<string, string>>, listener: WatchOutputListener): void {
    this.#listener = listener;
    takeWebSocket(this.#request).then(
      (socket) => {
        if (this.#ended) {
          socket.close();
          return;
        }
        this.#socket = socket;
        socket.on("close", listener.closed);
        listener.drained();
      },
      () => listener.closed(),
    );
  }

  write(frames: readonly Uint8Array[]): void {
    for (const frame of frames) this.#socket?.send(frame, { binary: !this.#text }, this.#sent);
  }

  end(): void {
    this.#ended = true;
    this.#socket?.close();
  }

  readonly #sent = (): void => {
    if (!this.full) this.#listener?.drained();
  };
}
