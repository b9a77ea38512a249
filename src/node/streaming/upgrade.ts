/** How a connection becomes something else: by WebSocket or by SPDY/3.1, each with a protocol of its own on top. */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { WebSocket, WebSocketServer } from "ws";
import { frameBytesMax } from "./limits.ts";

/** A connection whose request asks for another protocol. */
export interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** What came behind the request. */
  readonly head: Buffer;
}

let server: Promise<WebSocketServer> | undefined;

/** ws is loaded for the first who needs it. */
async function webSockets(): Promise<WebSocketServer> {
  server ??= import("ws").then(({ WebSocketServer: Server }) => {
    const made = new Server({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: frameBytesMax,
    });
    made.on("headers", (headers, request) => {
      const protocol = chosen.get(request);
      if (protocol !== undefined) headers.push(`Sec-WebSocket-Protocol: ${protocol}`);
    });
    return made;
  });
  return server;
}

/** What is answered to a request. */
const chosen = new WeakMap<IncomingMessage, string>();

export const wantsWebSocket = ({ request }: Upgrade): boolean =>
  request.headers.upgrade?.toLowerCase() === "websocket";

export const wantsSpdy = ({ request }: Upgrade): boolean =>
  request.headers.upgrade?.toLowerCase() === "spdy/3.1";

/** The protocols that the client offers, its first choice first. */
export function offered(
  request: IncomingMessage,
  header: "sec-websocket-protocol" | "x-stream-protocol-version",
): string[] {
  const value = request.headers[header];
  const text = Array.isArray(value) ? value.join(",") : (value ?? "");
  return text
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "");
}

/** `protocol`: what is answered of that which the client offers. */
export async function acceptWebSocket(
  { request, socket, head }: Upgrade,
  protocol: string | undefined,
): Promise<WebSocket> {
  // ws must not see what is offered: it refuses a slash, which RFC 6455 does not allow and `SPDY/3.1+portforward.k8s.io` has.
  delete request.headers["sec-websocket-protocol"];
  if (protocol !== undefined) chosen.set(request, protocol);
  const sockets = await webSockets();
  return new Promise((resolve) => {
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      webSocket.on("error", () => {});
      resolve(webSocket);
    });
  });
}

/** The bytes behind the answer are SPDY's. */
export function acceptSpdy({ socket, head }: Upgrade, protocol: string): Duplex {
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${protocol}\r\n\r\n`,
  );
  if (head.length > 0) socket.unshift(head);
  return socket;
}

/** Refuses an upgrade, and the connection with it. */
export function refuseUpgrade({ socket }: Upgrade, status: string, message: string): void {
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(message)}\r\nConnection: close\r\n\r\n${message}`,
  );
}
