import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { WebSocket, WebSocketServer } from "ws";

/** A connection of HTTP/1.1 whose request asks for another protocol. */
export interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** What came behind the request. */
  readonly head: Buffer;
}

/** What is answered to a request. */
const chosen = new WeakMap<IncomingMessage, string>();

/** By the bytes of a message that they take: nothing else makes them differ, and they keep nothing of their sockets. */
const servers = new Map<number, Promise<WebSocketServer>>();

/** ws is loaded for the first who needs it. */
function serverFor(messageBytesMax: number): Promise<WebSocketServer> {
  let server = servers.get(messageBytesMax);
  if (server === undefined) {
    server = import("ws").then(({ WebSocketServer: Server }) => {
      const made = new Server({
        noServer: true,
        clientTracking: false,
        perMessageDeflate: false,
        maxPayload: messageBytesMax,
      });
      made.on("headers", (headers, request) => {
        const protocol = chosen.get(request);
        if (protocol !== undefined) headers.push(`Sec-WebSocket-Protocol: ${protocol}`);
      });
      return made;
    });
    servers.set(messageBytesMax, server);
  }
  return server;
}

/**
 * Makes a connection a WebSocket (RFC 6455). `protocol`: what is answered of that which the client offers.
 * @throws Error when the client is gone before, or has asked for something that is none
 */
export async function acceptWebSocket(
  upgrade: Upgrade | (() => Upgrade),
  options: { readonly protocol?: string | undefined; readonly messageBytesMax: number },
): Promise<WebSocket> {
  const server = await serverFor(options.messageBytesMax);
  const { request, socket, head } = typeof upgrade === "function" ? upgrade() : upgrade;
  // ws must not see what is offered: it refuses a slash, which RFC 6455 does not allow and `SPDY/3.1+portforward.k8s.io` has.
  delete request.headers["sec-websocket-protocol"];
  if (options.protocol !== undefined) chosen.set(request, options.protocol);
  return new Promise((resolve, reject) => {
    const gone = (): void => reject(new Error("the client is gone"));
    socket.once("close", gone);
    server.handleUpgrade(request, socket, head, (webSocket) => {
      socket.off("close", gone);
      webSocket.on("error", () => {});
      resolve(webSocket);
    });
  });
}
