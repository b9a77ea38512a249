/**
 * The WebSocket protocols of exec and attach, and in part of port-forward: several streams over one connection, each message beginning with its stream's number; as
 * bytes, or in the `base64` ones as a digit and text. How it went is told as a Status since v4, before that as a sentence, and not at all
 * where all went well. Who names no protocol has the oldest.
 */
import type { IncomingMessage } from "node:http";
import { offered } from "./upgrade.ts";

export interface ChannelProtocol {
  /** What is answered; undefined where the client offers none. */
  readonly name: string | undefined;
  readonly base64: boolean;
  /** The end is told as a Status. */
  readonly status: boolean;
  /** Upstream's agent says by an empty message that it is there; that of v5 is its API server, which does not. */
  readonly greets: boolean;
}

const served: Readonly<Record<string, Omit<ChannelProtocol, "name">>> = {
  "v5.channel.k8s.io": { base64: false, status: true, greets: false },
  "v4.channel.k8s.io": { base64: false, status: true, greets: true },
  "v4.base64.channel.k8s.io": { base64: true, status: true, greets: true },
  "channel.k8s.io": { base64: false, status: false, greets: true },
  "base64.channel.k8s.io": { base64: true, status: false, greets: true },
};
export const servedChannelProtocols = Object.keys(served);

/** The client's first choice of those that are served there; undefined where it offers others alone. */
export function channelProtocol(
  request: IncomingMessage,
  names: readonly string[] = servedChannelProtocols,
): ChannelProtocol | undefined {
  const offers = offered(request, "sec-websocket-protocol");
  if (offers.length === 0) return { name: undefined, base64: false, status: false, greets: true };
  const name = offers.find((one) => names.includes(one));
  return name === undefined ? undefined : { name, ...(served[name] as Omit<ChannelProtocol, "name">) };
}

export function encodeMessage(
  { base64 }: ChannelProtocol,
  channel: number,
  payload: Buffer,
): Buffer | string {
  return base64 ? `${channel}${payload.toString("base64")}` : Buffer.concat([Buffer.of(channel), payload]);
}

export function decodeMessage(
  { base64 }: ChannelProtocol,
  data: Buffer,
): { channel: number; payload: Buffer } {
  const payload = data.subarray(1);
  const [first = 0] = data;
  if (!base64) return { channel: first, payload };
  return { channel: first - 0x30, payload: Buffer.from(payload.toString("latin1"), "base64") };
}
