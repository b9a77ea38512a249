/** Before a member has an id it can only ask: which cluster is this, and who belongs to it? One question, one answer, a connection for both. */
import { emptyBytes, fromUtf8 } from "../../base/index.ts";
import type { Platform } from "../../platform/index.ts";
import { BytesReader } from "../bytes-reader.ts";
import { BytesWriter } from "../bytes-writer.ts";
import type { PeerTls } from "../config.ts";
import { type Member, Membership } from "../membership.ts";
import { dialPeer } from "./dial.ts";
import { encodeFrame, FrameReader, frameKind } from "./frames.ts";

const answerTimeoutMs = 3000;

export interface ClusterDescription {
  readonly clusterId: bigint;
  readonly members: readonly Member[];
}

export function encodeDescription(clusterId: bigint, membership: Membership): Uint8Array {
  const writer = new BytesWriter();
  writer.uint64(clusterId);
  writer.raw(membership.image());
  return writer.finish();
}

function decodeDescription(bytes: Uint8Array): ClusterDescription {
  const reader = new BytesReader(bytes);
  const clusterId = reader.uint64();
  const membership = new Membership();
  membership.restore(reader.rest());
  return { clusterId, members: membership.members };
}

/** @throws Error where nobody answers at the URL, or no member does */
export async function askForCluster(
  { clock, network }: Platform,
  peerUrl: string,
  tls: PeerTls | undefined,
): Promise<ClusterDescription> {
  const { stream } = await dialPeer(network, peerUrl, tls);
  const timer = clock.after(answerTimeoutMs, () => stream.destroy(new Error("no answer in time")));
  try {
    return await new Promise((resolve, reject) => {
      const frames = new FrameReader();
      stream.on("error", reject);
      stream.on("close", () => reject(new Error("the connection ended without an answer")));
      stream.on("data", (chunk: Buffer) => {
        try {
          for (const { kind, payload } of frames.push(chunk)) {
            if (kind === frameKind.cluster) resolve(decodeDescription(payload));
            else if (kind === frameKind.welcome) reject(new Error(fromUtf8(payload)));
          }
        } catch (error) {
          reject(error as Error);
        }
      });
      for (const part of encodeFrame(frameKind.whichCluster, emptyBytes)) stream.write(part);
    });
  } finally {
    timer.cancel();
    stream.destroy();
  }
}
