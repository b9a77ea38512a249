import { createServer, type IncomingMessage, type Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Clock, Connection, Timer } from "../platform/index.ts";
import { rememberConnection } from "./connection-of.ts";
import type { ServerLimits } from "./limits.ts";
import type { HttpHandlers } from "./ports.ts";
import type { ServedConnection } from "./served-connection.ts";

export interface Http1 {
  serve(connection: Connection): ServedConnection;
}

/**
 * HTTP/1.1 by node:http, on connections that others accepted. Node watches header time-outs only on servers that listen
 * themselves, so an idle timer here does it: it runs whenever no request is under way, however many bytes drip in.
 */
export function createHttp1(handlers: HttpHandlers, limits: ServerLimits, clock: Clock): Http1 {
  const served = new WeakMap<object, Http1Connection>();
  const server: Server = createServer({
    maxHeaderSize: limits.headerBytesMax,
    // Ours is the idle timer.
    keepAliveTimeout: 0,
    requestTimeout: 0,
    shouldUpgradeCallback: (request) =>
      handlers.onUpgrade !== undefined && upgrades.has(request.headers.upgrade?.toLowerCase() ?? ""),
  });
  server.maxHeadersCount = limits.headerFieldsMax;
  server.on("clientError", refuse);
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    served.get(request.socket)?.begin(response);
    handlers.onRequest(request, response);
  });
  const { onUpgrade } = handlers;
  if (onUpgrade !== undefined) {
    server.on("upgrade", (request: IncomingMessage, socket: IncomingMessage["socket"], head: Buffer) => {
      const connection = served.get(socket);
      const response = new ServerResponse(request);
      response.shouldKeepAlive = false;
      response.assignSocket(socket);
      connection?.begin(response);
      response.once("finish", () => {
        response.detachSocket(socket);
        socket.end();
      });
      onUpgrade(request, response, () => {
        response.detachSocket(socket);
        connection?.handOver();
        return { socket, head };
      });
    });
  }
  return {
    serve(connection) {
      const one = new Http1Connection(connection, limits, clock);
      served.set(connection.stream, one);
      rememberConnection(connection.stream, connection);
      server.emit("connection", connection.stream);
      return one;
    },
  };
}

/** Protocols that a connection may change to. */
const upgrades: ReadonlySet<string> = new Set(["websocket", "spdy/3.1"]);

/** What cannot be parsed gets an answer where its sender speaks HTTP/1; else the connection ends (RFC 9113, section 3.4). */
function refuse(error: Error & { code?: string; rawPacket?: Buffer }, stream: Duplex): void {
  const { code, rawPacket } = error;
  const foreign =
    code === "HPE_INVALID_METHOD" && !/^[^\r\n]* HTTP\/1/.test(rawPacket?.toString("latin1") ?? "");
  if (foreign || !stream.writable) {
    stream.destroy();
    return;
  }
  const status = code === "HPE_HEADER_OVERFLOW" ? "431 Request Header Fields Too Large" : "400 Bad Request";
  stream.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`);
}

class Http1Connection implements ServedConnection {
  readonly #connection: Connection;
  readonly #limits: ServerLimits;
  readonly #clock: Clock;
  #idle: Timer;
  #underWay = 0;
  #closing = false;
  #handedOver = false;

  constructor(connection: Connection, limits: ServerLimits, clock: Clock) {
    this.#connection = connection;
    this.#limits = limits;
    this.#clock = clock;
    this.#idle = this.#arm(limits.firstRequestMs);
    connection.stream.once("close", () => this.#idle.cancel());
  }

  begin(response: ServerResponse): void {
    this.#underWay++;
    this.#idle.cancel();
    if (this.#closing) response.shouldKeepAlive = false;
    response.once("close", () => {
      this.#underWay--;
      if (this.#underWay > 0) return;
      if (this.#closing) this.#connection.stream.end();
      else if (!this.#connection.stream.destroyed) this.#idle = this.#arm(this.#limits.idleMs);
    });
  }

  /** The connection is no longer HTTP: nobody waits for its requests to end. */
  handOver(): void {
    this.#handedOver = true;
    if (this.#closing) this.destroy();
  }

  close(): void {
    this.#closing = true;
    if (this.#underWay === 0 || this.#handedOver) this.destroy();
  }

  destroy(): void {
    this.#connection.stream.destroy();
  }

  #arm(milliseconds: number): Timer {
    return this.#clock.after(milliseconds, () => this.destroy(), { background: true });
  }
}
