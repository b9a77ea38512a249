import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { LogFile, WebhookSink } from "../../src/audit/index.ts";
import type { TransportRequest } from "../../src/client/index.ts";
import { nodePlatform } from "../../src/platform/index.ts";
import { ManualClock } from "../storage/manual-clock.ts";

test("a log that would become too large is set aside, and of those only so many are kept", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "audit-"));
  t.after(() => rm(directory, { recursive: true }));
  const clock = new ManualClock();
  const { disk } = nodePlatform();
  const troubles: string[] = [];
  const path = join(directory, "audit.log");
  const options = { path, sizeMax: 30, backupsMax: 2, daysMax: 0 };
  const log = new LogFile(options, { disk, clock, onTrouble: (message) => troubles.push(message) });
  await log.open();
  for (let number = 1; number <= 5; number++) {
    log.write({ number, text: "twelve chars" });
    await log.close();
    clock.advance(1000);
  }
  assert.deepEqual(troubles, []);
  const names = await readdir(directory);
  assert.equal(names.length, 3, String(names));
  assert.equal(names.filter((name) => /^audit-\d{4}-\d\d-\d\dT[\d-]+\.\d{3}\.log$/.test(name)).length, 2);
  assert.equal(await readFile(path, "utf8"), '{"number":5,"text":"twelve chars"}\n');
  log.write({ n: 6 });
  log.write({ n: 7 });
  await log.close();
  const kept = await Promise.all(
    (await readdir(directory)).map((name) => readFile(join(directory, name), "utf8")),
  );
  assert.ok(kept.join("").includes('{"n":6}\n'), "what was written last is there");
});

/** A webhook that fails as often as it is told to. */
function webhook(options: { batchMax?: number; bufferMax?: number } = {}) {
  const clock = new ManualClock();
  const lists: number[][] = [];
  const troubles: string[] = [];
  const state = { failures: 0 };
  const transport = {
    async request({ body }: TransportRequest) {
      const status = state.failures > 0 ? 500 : 200;
      if (state.failures > 0) state.failures--;
      else lists.push(JSON.parse(String(body)).items.map(({ n }: { n: number }) => n));
      return { status, headers: {}, body: (async function* () {})() };
    },
    async close() {},
  };
  const sink = new WebhookSink(
    {
      path: "/",
      bufferMax: 10,
      batchMax: 2,
      waitMs: 1000,
      requestsPerSecond: 0,
      initialBackoffMs: 100,
      ...options,
    },
    { transport, clock, onTrouble: (message) => troubles.push(message) },
  );
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 50; turn++) await Promise.resolve();
  };
  return { clock, lists, troubles, state, sink, settle };
}

test("a webhook gets events together, those that are many at once and those that waited long enough", async () => {
  const { clock, lists, sink, settle } = webhook();
  for (const n of [1, 2, 3]) sink.write({ n });
  await settle();
  assert.deepEqual(lists, [[1, 2], [3]]);
  sink.write({ n: 4 });
  await settle();
  assert.equal(lists.length, 2);
  clock.advance(1000);
  await settle();
  assert.deepEqual(lists[2], [4]);
  await sink.close();
});

test("a list that the webhook does not take is sent again, and lost when it never does", async () => {
  const { clock, lists, troubles, state, sink, settle } = webhook();
  state.failures = 1;
  sink.write({ n: 1 });
  sink.write({ n: 2 });
  await settle();
  assert.deepEqual(lists, []);
  clock.advance(100);
  await settle();
  assert.deepEqual(lists, [[1, 2]]);
  state.failures = 5;
  sink.write({ n: 3 });
  sink.write({ n: 4 });
  for (let wait = 0; wait < 5; wait++) {
    await settle();
    clock.advance(1000);
  }
  await settle();
  assert.deepEqual(troubles, ["2 audit events are lost: the webhook answered 500"]);
  await sink.close();
});
