import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { fromUtf8, type MemberId, utf8 } from "../../src/base/index.ts";
import { nodePlatform } from "../../src/platform/index.ts";
import { PeerMetrics } from "../../src/replica/peer-metrics.ts";
import { startTransport, type TransportOptions } from "../../src/replica/transport/transport.ts";
import { createMetrics } from "../../src/telemetry/index.ts";
import { freePorts, quietLog } from "./cluster.ts";

/** Members by their numbers, each with a life on its port; what they are asked they answer when the test says so. */
async function members(t: TestContext) {
  const ports = await freePorts(3);
  const urlsOf = (id: MemberId) => [`http://127.0.0.1:${ports[Number(id) - 1]}`];
  const ids = [1n, 2n, 3n] as MemberId[];
  const asked = new Map<string, PromiseWithResolvers<void>>();
  const answered = new Map<string, PromiseWithResolvers<void>>();
  const named = (of: typeof asked, name: string) => {
    const it = of.get(name) ?? Promise.withResolvers<void>();
    of.set(name, it);
    return it;
  };
  const live = async (id: MemberId, number = Math.random()) => {
    const connected = Promise.withResolvers<void>();
    const reached = new Set<MemberId>();
    const platform = nodePlatform();
    const transport = await startTransport({
      platform: { ...platform, random: { ...platform.random, number: () => number } },
      log: quietLog,
      clusterId: 9n,
      member: id,
      listen: [{ host: "127.0.0.1", port: ports[Number(id) - 1] as number }],
      tls: undefined,
      onMessage() {},
      async onQuestion(question) {
        const name = fromUtf8(question);
        named(asked, name).resolve();
        await named(answered, name).promise;
        return utf8(`the answer to ${name}`);
      },
      onUnreachable() {},
      onConnected(other) {
        reached.add(other);
        if (reached.size === 2) connected.resolve();
      },
      receiver: {} as TransportOptions["receiver"],
      metrics: new PeerMetrics(createMetrics()),
      isRemoved: () => false,
      peerUrls: () => urlsOf(id),
      onRemoved() {},
      describe: () => utf8(""),
    });
    t.after(() => transport.close());
    transport.setPeers(ids.map((one) => ({ id: one, peerUrls: urlsOf(one) })));
    return { transport, connected: connected.promise };
  };
  return {
    live,
    isAsked: (name: string) => named(asked, name).promise,
    mayAnswer: (name: string) => named(answered, name).resolve(),
  };
}

for (const [who, other, number] of [
  ["of the member that was asked before", 2n, undefined],
  ["of another member, under the same number", 3n, 0],
] as const)
  test(`a late answer to what a member asked in its life before answers nothing that it asks in this one: ${who}`, async (t) => {
    const { live, isAsked, mayAnswer } = await members(t);
    const [one, two, three] = [1n, 2n, 3n] as [MemberId, MemberId, MemberId];
    const [before, second] = await Promise.all([live(one, number), live(two), live(three)]);
    await before.connected;
    before.transport.ask(two, utf8("early")).catch(() => {});
    await isAsked("early");
    await before.transport.close();

    const now = await live(one, number);
    await now.connected;
    const answer = now.transport.ask(other as MemberId, utf8("late"));
    await isAsked("late");
    mayAnswer("early");
    // What comes behind it, on the same connection, has come.
    second.transport.ask(one, utf8("marker")).catch(() => {});
    await isAsked("marker");
    mayAnswer("late");
    assert.equal(fromUtf8(await answer), "the answer to late");
    mayAnswer("marker");
  });
