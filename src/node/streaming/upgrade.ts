/** How a connection becomes something else: by WebSocket or by SPDY/3.1, each with a protocol of its own on top. */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { Upgrade } from "../../h2/index.ts";

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
