/**
 * A pod's log over a WebSocket, as upstream's wsstream.Reader gives it: an empty message first, then what there is in messages, as bytes
 * (`binary.k8s.io`, or no protocol at all) or base64 (`base64.binary.k8s.io`).
 */
import type { IncomingMessage } from "node:http";
import { errors } from "../../apimachinery/index.ts";
import { watchSocketBytesHigh } from "../limits.ts";
import type { ApiContext } from "../state.ts";
import { ask, type ForwardTarget } from "./forward.ts";
import { chosenProtocol, takeWebSocket } from "./web-socket.ts";

const base64 = "base64.binary.k8s.io";
const protocols = ["binary.k8s.io", base64];

/** Resolves when the log or the client has ended. @throws StatusError while nothing has been answered */
export async function logOverWebSocket(context: ApiContext, target: ForwardTarget): Promise<void> {
  const { req } = context;
  const protocol = chosenProtocol(req, protocols);
  if (protocol === undefined && req.headers["sec-websocket-protocol"] !== undefined)
    throw errors.badRequest(`the WebSocket protocols of logs are ${protocols.join(" and ")}`);
  const { answer } = await ask(context, target, undefined);
  await target.check?.(answer);
  context.state.streaming = true;
  const socket = await takeWebSocket(req, protocol);
  socket.on("error", () => {});
  socket.on("close", () => answer.destroy());
  const send = (chunk: Buffer): Promise<void> | undefined => {
    let full = false;
    const sent = new Promise<void>((resolve) => {
      socket.send(protocol === base64 ? chunk.toString("base64") : chunk, () => resolve());
      full = socket.bufferedAmount > watchSocketBytesHigh;
    });
    return full ? sent : undefined;
  };
  await send(Buffer.alloc(0));
  await copy(answer, send);
  socket.close(1000);
}

async function copy(
  answer: IncomingMessage,
  send: (chunk: Buffer) => Promise<void> | undefined,
): Promise<void> {
  try {
    for await (const chunk of answer) await send(chunk as Buffer);
  } catch {
    // The agent or the client is gone: nothing more is to be told.
  } finally {
    answer.destroy();
  }
}
