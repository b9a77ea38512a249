import type { IncomingMessage } from "node:http";
import type { Connection } from "../platform/index.ts";

// Keyed by the socket of HTTP/1, which serves one request after the other, and by the request of HTTP/2.
const connections = new WeakMap<object, Connection>();

export function rememberConnection(key: object, connection: Connection): void {
  connections.set(key, connection);
}

/**
 * The connection that a classic request came over: the peer's certificate and address. Undefined for requests that no
 * HttpServer of this room served.
 */
export function connectionOf(request: IncomingMessage): Connection | undefined {
  return connections.get(request) ?? connections.get(request.socket);
}
