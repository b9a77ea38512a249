import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { test } from "node:test";
import type { MemberId } from "../../src/base/index.ts";
import { nodePlatform } from "../../src/platform/index.ts";
import { Membership } from "../../src/replica/membership.ts";
import type { ReplicaParts } from "../../src/replica/parts.ts";
import { PeerMetrics } from "../../src/replica/peer-metrics.ts";
import { Peers } from "../../src/replica/peers.ts";
import { FrameReader } from "../../src/replica/transport/frames.ts";
import { decodeHello } from "../../src/replica/transport/hello.ts";
import { createMetrics } from "../../src/telemetry/index.ts";
import { quietLog } from "./cluster.ts";

test("a newcomer, whose log says nothing of it yet, tells whom it calls where it is reached", async (t) => {
  const server = createServer().listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const peerUrls = ["http://10.0.0.7:2380", "http://10.0.1.7:2380"];
  const parts = {
    platform: nodePlatform(),
    log: quietLog,
    config: {
      name: "new",
      initialMembers: [
        { name: "old", peerUrls: [`http://127.0.0.1:${port}`] },
        { name: "new", peerUrls },
      ],
      listenPeer: { host: "127.0.0.1", port: 0 },
    },
    identity: {
      clusterId: 9n,
      memberId: 7n as MemberId,
      peers: [{ id: 1n as MemberId, peerUrls: [`http://127.0.0.1:${port}`] }],
    },
    state: { membership: new Membership() },
    metrics: { peers: new PeerMetrics(createMetrics()) },
  };
  const peers = new Peers(parts as unknown as ReplicaParts, {
    services: () => assert.fail("nobody asks it anything"),
    onMessage() {},
    onConnected() {},
    onUnreachable() {},
    onRemoved() {},
  });
  await peers.start();
  t.after(() => peers.close());
  const [socket] = (await once(server, "connection")) as [Socket];
  t.after(() => socket.destroy());
  const frames = new FrameReader(4096);
  for await (const chunk of socket) {
    const [frame] = frames.push(chunk as Buffer);
    if (frame === undefined) continue;
    const hello = decodeHello(frame.payload);
    assert.deepEqual([hello.from, hello.peerUrls], [7n, peerUrls]);
    return;
  }
  assert.fail("it said nothing");
});
