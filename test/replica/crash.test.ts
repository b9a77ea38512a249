import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { fromUtf8, noLease, type Revision, seededPrng, utf8 } from "../../src/base/index.ts";
import { KvError } from "../../src/kv/index.ts";
import { openReplica, type Replica, type ReplicaConfig } from "../../src/replica/index.ts";
import { createLog } from "../../src/telemetry/index.ts";
import { freePorts, replicaConfigs } from "./cluster.ts";
import { Machine } from "./machine.ts";

const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 1e9));
const rounds = Number(process.env["ROUNDS"] ?? 6);

test(`members lose power at random moments and no acknowledged write is lost or doubled (SEED=${seed})`, async (t) => {
  await crashes(t, 3, seed);
});

test(`a member alone loses power at random moments and keeps what it acknowledged (SEED=${seed})`, async (t) => {
  await crashes(t, 1, seed);
});

async function crashes(t: TestContext, members: number, from: number): Promise<void> {
  const random = seededPrng(from);
  const configs = replicaConfigs(await freePorts(members), "/data", {
    snapshotCount: 300,
    segmentBytes: 16_384,
  });
  const machines = configs.map(() => new Machine());
  /** The members that took in an image since they started: they can't tell what became of what they had sent on. */
  const caughtUp = new Set<number>();
  const replicas: (Replica | undefined)[] = await Promise.all(configs.map((_, position) => start(position)));
  t.after(() => Promise.all(replicas.map((replica) => replica?.close())));
  const acknowledged = new Map<string, Revision>();
  const attempted = new Set<string>();
  /** Of requests to members that were there all the time. */
  const failures: Error[] = [];
  let stop = false;
  let sequence = 0;

  async function write(): Promise<void> {
    while (!stop) {
      const position = Math.floor(random() * members);
      const replica = replicas[position];
      if (replica === undefined) {
        await pause(5);
        continue;
      }
      const key = `k${String(sequence++).padStart(6, "0")}`;
      attempted.add(key);
      // Whoever asks a machine without power hears nothing.
      const outcome = await Promise.race([
        replica
          .txn({
            compare: [],
            success: [
              {
                type: "put",
                key: utf8(key),
                value: new Uint8Array(Math.floor(random() * 500)),
                lease: noLease,
              },
            ],
            failure: [],
          })
          .catch((error: Error) => {
            const unknowable =
              caughtUp.has(position) && error instanceof KvError && error.code === "LEADER_CHANGED";
            if (replicas.includes(replica) && !unknowable) failures.push(error);
            return undefined;
          }),
        pause(1500),
      ]);
      if (outcome !== undefined) acknowledged.set(key, outcome.header.revision);
      await pause(random() * 5);
    }
  }

  const writers = Array.from({ length: 12 }, write);
  for (let round = 0; round < rounds; round++) {
    const before = acknowledged.size;
    await pause(50 + random() * 150);
    const victim = Math.floor(random() * members);
    const machine = machines[victim] as Machine;
    replicas[victim] = undefined;
    await machine.powerOff();
    if (members > 1) await until(() => acknowledged.size > before + 20);
    machines[victim] = random() < 0.7 ? machine.powerOn(random) : machine.restarted();
    replicas[victim] = await start(victim);
    await until(() => acknowledged.size > before + 40);
  }
  stop = true;
  await Promise.all(writers);
  assert.deepEqual(failures, [], "a member that stays brings every write to its end, whoever else goes");

  const hashes = new Set<number>();
  for (const replica of replicas as Replica[]) {
    const { kvs, header } = await replica.range({ key: utf8("k"), rangeEnd: utf8("l") });
    const found = new Map(kvs.map((pair) => [fromUtf8(pair.key), pair]));
    for (const [key, revision] of acknowledged) {
      assert.equal(found.get(key)?.modRevision, revision, `${key} was acknowledged at revision ${revision}`);
    }
    for (const [key, pair] of found) {
      assert.ok(attempted.has(key), `${key} was never written`);
      assert.equal(pair.version, 1, `${key} was written once`);
    }
    hashes.add((await replica.hashKv(header.revision)).hash);
    // All that ever happened, from the first revision on: each change once.
    const seen: string[] = [];
    await new Promise<void>((resolve, reject) => {
      const handle = replica.watch(
        { key: utf8("k"), rangeEnd: utf8("l"), startRevision: 1 as Revision },
        {
          onEvents(events, revision) {
            for (const { kv } of events) seen.push(fromUtf8(kv.key));
            if (revision >= header.revision) {
              handle.close();
              resolve();
            }
            return true;
          },
          onClosed: reject,
        },
      );
    });
    assert.equal(seen.length, new Set(seen).size, "a watch sees each change once");
    assert.equal(seen.length, found.size);
  }
  assert.equal(hashes.size, 1, "all members have the same history");

  function start(position: number): Promise<Replica> {
    caughtUp.delete(position);
    const sink = (line: string) => {
      if (line.includes("installing an image")) caughtUp.add(position);
    };
    const log = createLog({ sink, now: Date.now, level: "info", format: "text" });
    const { platform } = machines[position] as Machine;
    return openReplica({ platform, config: configs[position] as ReplicaConfig, log });
  }
}

function pause(milliseconds: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), milliseconds));
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await pause(5);
}
