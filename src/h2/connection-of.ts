import type { IncomingMessage } from "node:http";
import type { Connection } from "../platform/index.ts";

// Keyed by what a request leads to: the socket of HTTP/1, the session of HTTP/2. Entries go with their keys.
const connections = new WeakMap<object, Connection>();

export function rememberConnection(carrier: object, connection: Connection): void {
  connections.set(carrier, connection);
}

/**
 * The connection that a classic request came over: the peer's certificate and address. Undefined for requests that no
 * HttpServer of this room served.
 */
export function connectionOf(request: IncomingMessage): Connection | undefined {
  const session = (request as { stream?: { session?: object } }).stream?.session;
  return connections.get(session ?? request.socket);
}
