import { EventEmitter } from "node:events";
import type { Connection } from "../platform/index.ts";
import { rememberConnection } from "./connection-of.ts";

const sockets = new WeakMap<Connection, ClassicSocket>();

/** What handlers look for in a request's socket. All requests of a connection have the same; it is not to be written to. */
export class ClassicSocket extends EventEmitter {
  readonly encrypted: boolean;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly #connection: Connection;

  static of(connection: Connection): ClassicSocket {
    let socket = sockets.get(connection);
    if (socket === undefined) {
      socket = new ClassicSocket(connection);
      sockets.set(connection, socket);
      rememberConnection(socket, connection);
    }
    return socket;
  }

  private constructor(connection: Connection) {
    super();
    this.#connection = connection;
    this.encrypted = connection.protocol !== undefined;
    const [, host = "", port = "0"] = /^\[?(.*?)\]?:(\d+)$/.exec(connection.remoteAddress) ?? [];
    this.remoteAddress = host;
    this.remotePort = Number(port);
  }

  get readable(): boolean {
    return !this.#connection.stream.destroyed;
  }

  get writable(): boolean {
    return !this.#connection.stream.destroyed;
  }

  get destroyed(): boolean {
    return this.#connection.stream.destroyed;
  }
}
