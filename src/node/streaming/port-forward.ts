/**
 * Forwarded ports. Over SPDY, plain or tunnelled in a WebSocket, the client opens a pair of streams for every connection: one for its
 * bytes and one for what went wrong. Over a plain WebSocket (v4.channel.k8s.io, also where the client names no protocol, or its base64)
 * there is one connection for each port asked for, two channels each, and the port's number stands first in both.
 */
import { type Duplex, finished } from "node:stream";
import type { WebSocket } from "ws";
import { acceptWebSocket, type Upgrade } from "../../h2/index.ts";
import { type ChannelProtocol, channelProtocol, decodeMessage, encodeMessage } from "./channels.ts";
import { frameBytesMax } from "./limits.ts";
import { SpdyConnection, type SpdyStream } from "./spdy/connection.ts";
import { acceptSpdy, offered, refuseUpgrade, wantsSpdy, wantsWebSocket } from "./upgrade.ts";

/** Connects to a port of the pod. @throws Error with what is told to the client */
export type DialPort = (port: number) => Promise<Duplex>;

const spdyProtocol = "portforward.k8s.io";
const tunnelProtocol = `SPDY/3.1+${spdyProtocol}`;
const plainProtocols = ["v4.channel.k8s.io", "v4.base64.channel.k8s.io"];

export async function acceptPortForward(
  upgrade: Upgrade,
  ports: readonly number[],
  dial: DialPort,
): Promise<void> {
  if (wantsSpdy(upgrade)) {
    if (!offered(upgrade.request, "x-stream-protocol-version").includes(spdyProtocol))
      return refuseUpgrade(
        upgrade,
        "403 Forbidden",
        `unable to upgrade: the protocol served is ${spdyProtocol}`,
      );
    return serveSpdy(acceptSpdy(upgrade, spdyProtocol), dial);
  }
  if (!wantsWebSocket(upgrade)) return refuseUpgrade(upgrade, "400 Bad Request", servedText);
  if (offered(upgrade.request, "sec-websocket-protocol").includes(tunnelProtocol)) {
    const socket = await acceptWebSocket(upgrade, {
      protocol: tunnelProtocol,
      messageBytesMax: frameBytesMax,
    });
    const { createWebSocketStream } = await import("ws");
    return serveSpdy(createWebSocketStream(socket), dial);
  }
  const plain = channelProtocol(upgrade.request, plainProtocols);
  if (plain === undefined) return refuseUpgrade(upgrade, "400 Bad Request", servedText);
  if (ports.length === 0)
    return refuseUpgrade(upgrade, "400 Bad Request", 'query parameter "port" is required');
  const accepted = { protocol: plain.name, messageBytesMax: frameBytesMax };
  return serveChannels(await acceptWebSocket(upgrade, accepted), plain, ports, dial);
}

const servedText = `the protocols served are ${[tunnelProtocol, ...plainProtocols].join(", ")}`;

/** Streams of one forwarded connection that wait for each other. */
interface Pair {
  data?: SpdyStream;
  error?: SpdyStream;
}

function serveSpdy(transport: Duplex, dial: DialPort): Promise<void> {
  const pairs = new Map<string, Pair>();
  const connection = new SpdyConnection(transport, (stream) => {
    const id = stream.headers.get("requestid") ?? String(Math.floor(stream.id / 4));
    const pair = pairs.get(id) ?? {};
    const type = stream.headers.get("streamtype");
    if (type === "data") pair.data = stream;
    else if (type === "error") pair.error = stream;
    else return void stream.destroy();
    pairs.set(id, pair);
    const { data, error } = pair;
    if (data === undefined || error === undefined) return;
    pairs.delete(id);
    void forward(data, error, Number(data.headers.get("port")), dial);
  });
  return connection.closed;
}

async function forward(data: Duplex, error: SpdyStream, port: number, dial: DialPort): Promise<void> {
  error.resume();
  try {
    const target = await dial(port);
    await join(data, target);
  } catch (failure) {
    error.write(failure instanceof Error ? failure.message : String(failure));
    data.destroy();
  }
  error.end();
}

/** Both directions until both have ended. */
function join(client: Duplex, target: Duplex): Promise<void> {
  target.on("error", () => client.destroy());
  client.on("error", () => target.destroy());
  client.on("close", () => target.destroy());
  client.pipe(target);
  target.pipe(client);
  return new Promise((resolve) => {
    finished(target, () => {
      if (!client.writableEnded) client.end();
      resolve();
    });
  });
}

async function serveChannels(
  socket: WebSocket,
  protocol: ChannelProtocol,
  ports: readonly number[],
  dial: DialPort,
): Promise<void> {
  const targets = new Map<number, Duplex>();
  const waiting = new Map<number, Buffer[]>();
  const send = (channel: number, payload: Buffer): void => {
    if (socket.readyState === socket.OPEN) socket.send(encodeMessage(protocol, channel, payload));
  };
  socket.on("message", (message: Buffer) => {
    const { channel, payload } = decodeMessage(protocol, message);
    const target = targets.get(channel);
    if (target !== undefined) {
      if (target.write(payload)) return;
      socket.pause();
      target.once("drain", () => socket.resume());
    } else waiting.get(channel)?.push(payload);
  });
  const forwarded = ports.map(async (port, position) => {
    const data = 2 * position;
    const named = Buffer.alloc(2);
    named.writeUInt16LE(port);
    send(data, named);
    send(data + 1, named);
    waiting.set(data, []);
    try {
      const target = await dial(port);
      if (socket.readyState !== socket.OPEN) return void target.destroy();
      for (const chunk of waiting.get(data) ?? []) target.write(chunk);
      waiting.delete(data);
      targets.set(data, target);
      target.on("data", (chunk: Buffer) => send(data, chunk));
      target.on("error", () => {});
      await new Promise<void>((resolve) => finished(target, { writable: false }, () => resolve()));
    } catch (failure) {
      send(data + 1, Buffer.from(failure instanceof Error ? failure.message : String(failure)));
    }
  });
  // There is no frame that ends one channel: a client knows that no more comes when all have said their last and the socket closes.
  void Promise.all(forwarded).then(() => socket.close(1000));
  await new Promise<void>((resolve) => socket.once("close", () => resolve()));
  for (const target of targets.values()) target.destroy();
}
