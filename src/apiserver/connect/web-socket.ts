/** Connections of clients that asked for a WebSocket where others read a body: watches and logs. */
import type { IncomingMessage } from "node:http";
import type { WebSocket } from "ws";
import { acceptWebSocket } from "../../h2/index.ts";
import { watchMessageBytesMax } from "../limits.ts";
import { type MaybeUpgrade, takeConnection } from "./forward.ts";

export function wantsWebSocket(request: IncomingMessage): boolean {
  const asked = request.headers.upgrade?.toLowerCase() === "websocket";
  return asked && (request as MaybeUpgrade)[takeConnection] !== undefined;
}

/** The first of what the client offers that is served; undefined where it offers nothing of it. */
export function chosenProtocol(request: IncomingMessage, served: readonly string[]): string | undefined {
  const offered = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((one) => one.trim());
  return offered.find((one) => served.includes(one));
}

/** `protocol`: what is answered of the protocols that the client offers. */
export async function takeWebSocket(request: IncomingMessage, protocol?: string): Promise<WebSocket> {
  const take = (request as MaybeUpgrade)[takeConnection];
  if (take === undefined) throw new Error("the connection cannot be taken");
  return acceptWebSocket(() => ({ request, ...take() }), { protocol, messageBytesMax: watchMessageBytesMax });
}
