import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import type { UserInfo } from "../../src/apimachinery/index.ts";
import { type SigningKey, signingKey } from "../../src/auth/index.ts";
import { type Clock, nodePlatform } from "../../src/platform/index.ts";
import { readExchanges } from "./exchanges.ts";
import { expectations } from "./expectations.ts";
import { fastClock } from "./fast-clock.ts";
import { openServer } from "./open-server.ts";
import { keepOwnObjects } from "./own-objects.ts";
import { type Outcome, Replay } from "./replay.ts";

/** Nobody by themselves: requests carry tokens, as over a socket. */
const nobody = undefined as unknown as UserInfo;

/** The original's tokens were signed by such a key. */
function rsaKeys(): { signing: SigningKey; verification: SigningKey[] } {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const signing = signingKey(privateKey.export({ type: "pkcs8", format: "pem" }).toString());
  return { signing, verification: [signing] };
}

async function replayAll(): Promise<{ outcomes: Map<string, Outcome[]>; logged: readonly string[] }> {
  // A request that changes nothing writes all the same, there as here, where another second has begun: so none does.
  const start = nodePlatform().clock.now();
  const clock: Clock = { ...fastClock(), now: () => start };
  const opened = openServer({ clock, etcdPrefix: "/registry", serviceAccounts: rsaKeys() });
  await opened.server.aggregate();
  const replay = new Replay(opened.server.transport(nobody));
  await replay.prepare();
  await opened.bootstrapRoles();
  const stopKeeping = await keepOwnObjects(opened.server, fastClock());
  const areas = new Map(expectations.map((expectation) => [expectation.area, expectation]));
  const outcomes = new Map<string, Outcome[]>();
  for (const exchange of readExchanges()) {
    const expectation = areas.get(exchange.area);
    if (exchange.needs !== "apiserver" || expectation === undefined) continue;
    const { delayMs = expectation.settleMs } = exchange;
    const outcome = await replay.run(delayMs === undefined ? exchange : { ...exchange, delayMs });
    outcomes.set(exchange.area, [...(outcomes.get(exchange.area) ?? []), outcome]);
  }
  stopKeeping();
  await opened.close();
  return { outcomes, logged: opened.logged };
}

test("recorded exchanges with kube-apiserver 1.35.4 are answered as the original answered them", async (t) => {
  const { outcomes, logged } = await replayAll();
  for (const { area, exceptions = {}, atLeast } of expectations) {
    await t.test(area, (areaTest) => {
      const all = outcomes.get(area) ?? [];
      const matching = all.filter(({ matches }) => matches);
      areaTest.diagnostic(`${matching.length} of ${all.length} match`);
      if (atLeast !== undefined) {
        assert.ok(matching.length >= atLeast, `${matching.length} match, ${atLeast} did before`);
        return;
      }
      const differing = all.filter(
        ({ matches, exchange }) => !matches && !Object.hasOwn(exceptions, exchange.name),
      );
      assert.equal(
        differing.map(({ exchange, difference }) => `${exchange.name}\n  ${difference}`).join("\n"),
        "",
      );
      const known = all.filter(
        ({ matches, exchange }) => matches && Object.hasOwn(exceptions, exchange.name),
      );
      assert.deepEqual(
        known.map(({ exchange }) => exchange.name),
        [],
        "these match now: take them off the list",
      );
    });
  }
  assert.deepEqual(logged, [], "the server met conditions that it did not expect");
});
