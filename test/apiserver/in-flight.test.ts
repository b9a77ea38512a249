import assert from "node:assert/strict";
import { test } from "node:test";
import { maxInFlight } from "../../src/apiserver/layers/max-in-flight.ts";

test("of reads and of writes only so many are answered at the same time, each by its own limit", async () => {
  const layer = maxInFlight({ reads: 1, writes: Number.POSITIVE_INFINITY });
  const release: (() => void)[] = [];
  const ask = (verb: string, groups: readonly string[] = []) => {
    const state = {
      info: { verb, subresource: "" },
      user: { name: "x", groups },
      reply: undefined as { status: number } | undefined,
    };
    const done = layer({ state } as never, () => new Promise<void>((resolve) => release.push(resolve)));
    return { state, done };
  };
  const first = ask("get");
  const second = ask("list");
  await second.done;
  assert.equal(second.state.reply?.status, 429);
  const others = [ask("create"), ask("update"), ask("watch"), ask("get", ["system:masters"])];
  assert.equal(release.length, 5, "writes, watches and administrators go on");
  for (const go of release.splice(0)) go();
  await Promise.all([first, ...others].map(({ done }) => done));
  ask("get");
  assert.equal(release.length, 1, "there is room again");
});
