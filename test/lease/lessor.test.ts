import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type LeaseId, utf8 } from "../../src/base/index.ts";
import { KvError, type KvErrorCode } from "../../src/kv/index.ts";
import { createLessor, type Lessor, leaseTtlSecondsMax } from "../../src/lease/index.ts";

const seed = Number(process.env["SEED"] ?? Date.now() % 2 ** 31);
const id = (n: number | bigint) => BigInt(n) as LeaseId;

function primary(options: { checkpointIntervalMs?: number } = {}): Lessor {
  const lessor = createLessor({ ttlSecondsMin: 2, ...options });
  lessor.promote(0, 0);
  return lessor;
}

function refusal(code: KvErrorCode, message: string): (error: unknown) => boolean {
  return (error) => error instanceof KvError && error.code === code && error.message === message;
}

const texts = (keys: readonly Uint8Array[]) => keys.map((key) => Buffer.from(key).toString());

test("a time-to-live below the minimum becomes the minimum, one above the maximum is refused", () => {
  const lessor = primary();
  for (const [i, ttlSeconds] of [-5, 0, 1, 2].entries()) {
    assert.deepEqual(lessor.grant({ id: id(i + 1), ttlSeconds }, 0), { id: id(i + 1), ttlSeconds: 2 });
  }
  assert.equal(lessor.grant({ id: id(9), ttlSeconds: leaseTtlSecondsMax }, 0).ttlSeconds, 9_000_000_000);
  assert.throws(
    () => lessor.grant({ id: id(10), ttlSeconds: leaseTtlSecondsMax + 1 }, 0),
    refusal("LEASE_TTL_TOO_LARGE", "etcdserver: too large lease TTL"),
  );
  assert.equal(lessor.has(id(10)), false);
});

test("an id is granted once, until it is revoked", () => {
  const lessor = primary();
  lessor.grant({ id: id(7), ttlSeconds: 10 }, 0);
  assert.throws(
    () => lessor.grant({ id: id(7), ttlSeconds: 10 }, 0),
    refusal("LEASE_EXISTS", "etcdserver: lease already exists"),
  );
  assert.throws(
    () => lessor.grant({ id: id(0), ttlSeconds: 10 }, 0),
    refusal("LEASE_NOT_FOUND", "etcdserver: requested lease not found"),
  );
  lessor.revoke(id(7));
  assert.throws(
    () => lessor.revoke(id(7)),
    refusal("LEASE_NOT_FOUND", "etcdserver: requested lease not found"),
  );
  lessor.grant({ id: id(7), ttlSeconds: 20 }, 5_000);
  assert.deepEqual(lessor.expired(24_999, 10), []);
  assert.deepEqual(lessor.expired(25_000, 10), [7n]);
});

test("a revoked lease names its keys in byte order, each once, without those that went elsewhere", () => {
  const lessor = primary();
  lessor.grant({ id: id(1), ttlSeconds: 10 }, 0);
  for (const key of ["b", "a", "ÿ", "b", "c"]) lessor.attach(id(1), utf8(key));
  lessor.detach(id(1), utf8("c"));
  lessor.attach(id(2), utf8("nobody"));
  lessor.detach(id(2), utf8("nobody"));
  assert.deepEqual(texts(lessor.keys(id(1))), ["a", "b", "ÿ"]);
  assert.deepEqual(texts(lessor.revoke(id(1))), ["a", "b", "ÿ"]);
  assert.deepEqual(lessor.keys(id(1)), []);
});

test("a lease that has run out is named until it is revoked, cannot be renewed, and has no time left", () => {
  const lessor = primary();
  lessor.grant({ id: id(1), ttlSeconds: 10 }, 0);
  assert.deepEqual(lessor.timeToLive(id(1), 1), { id: 1n, grantedTtlSeconds: 10, ttlSeconds: 9 });
  assert.deepEqual(lessor.renew(id(1), 9_999), { ttlSeconds: 10, checkpointCleared: false });
  assert.deepEqual(lessor.expired(19_998, 10), []);
  assert.deepEqual(lessor.expired(19_999, 10), [1n]);
  assert.deepEqual(lessor.expired(20_000, 10), []);
  assert.deepEqual(lessor.expired(23_000, 10), [1n]);
  assert.throws(
    () => lessor.renew(id(1), 20_000),
    refusal("LEASE_NOT_FOUND", "etcdserver: requested lease not found"),
  );
  assert.equal(lessor.timeToLive(id(1), 20_000), undefined);
  assert.equal(lessor.has(id(1)), true);
  lessor.revoke(id(1));
  assert.deepEqual(lessor.expired(1e9, 10), []);
  assert.equal(lessor.nextDeadline(), undefined);
});

test("who is not primary counts no time and renews nothing", () => {
  const lessor = createLessor({ ttlSecondsMin: 2 });
  lessor.grant({ id: id(1), ttlSeconds: 10 }, 0);
  assert.deepEqual(lessor.expired(1e9, 10), []);
  assert.equal(lessor.nextDeadline(), undefined);
  assert.throws(() => lessor.renew(id(1), 0), refusal("NOT_LEADER", "etcdserver: not leader"));
  lessor.promote(1_000, 500);
  assert.equal(lessor.nextDeadline(), 11_500);
  lessor.demote();
  assert.deepEqual(lessor.expired(1e9, 10), []);
  lessor.promote(2e9, 0);
  assert.equal(lessor.nextDeadline(), 2e9 + 10_000);
});

test("a new primary goes on from the last checkpoint, and a renewal asks to clear it", () => {
  const lessor = primary({ checkpointIntervalMs: 60_000 });
  const follower = createLessor({ ttlSecondsMin: 2 });
  for (const each of [lessor, follower]) {
    each.grant({ id: id(1), ttlSeconds: 600 }, 0);
    each.grant({ id: id(2), ttlSeconds: 59 }, 0);
  }
  assert.equal(lessor.nextDeadline(), 59_000);
  lessor.revoke(id(2));
  assert.deepEqual(lessor.checkpoints(59_999, 10), []);
  const due = lessor.checkpoints(60_000, 10);
  assert.deepEqual(due, [{ id: 1n, remainingTtlSeconds: 540 }]);
  assert.deepEqual(lessor.checkpoints(60_001, 10), []);
  assert.equal(lessor.renew(id(1), 60_050).checkpointCleared, true, "the checkpoint may be on its way");
  for (const each of [lessor, follower]) for (const checkpoint of due) each.checkpoint(checkpoint, 60_100);
  follower.promote(100_000, 1_000);
  assert.equal(follower.timeToLive(id(1), 100_000)?.ttlSeconds, 541);
  assert.deepEqual(follower.renew(id(1), 100_000), { ttlSeconds: 600, checkpointCleared: true });
  follower.checkpoint({ id: id(1), remainingTtlSeconds: 0 }, 100_000);
  assert.deepEqual(follower.renew(id(1), 100_000), { ttlSeconds: 600, checkpointCleared: false });
  follower.checkpoint({ id: id(5), remainingTtlSeconds: 3 }, 0);
});

test("after a change of primary, leases that would end together end over several seconds", () => {
  const lessor = createLessor({ ttlSecondsMin: 2 });
  for (let i = 1; i <= 3_000; i++) lessor.grant({ id: id(i), ttlSeconds: 10 }, 0);
  lessor.promote(0, 0);
  const perSecond: number[] = [];
  for (let now = 10_000; now <= 14_000; now += 1_000) {
    const ids = lessor.expired(now, 10_000);
    for (const one of ids) lessor.revoke(one);
    perSecond.push(ids.length);
  }
  assert.deepEqual(perSecond, [750, 750, 750, 750, 0]);
});

test("an image has the leases and not the time; a damaged one is refused", () => {
  const lessor = primary();
  for (const [n, ttlSeconds] of [
    [3n, 30],
    [-1n, 10],
    [2n ** 63n - 1n, 9_000_000_000],
  ] as const) {
    lessor.grant({ id: id(n), ttlSeconds }, 0);
  }
  lessor.checkpoint({ id: id(3), remainingTtlSeconds: 12 }, 0);
  lessor.attach(id(3), utf8("key"));
  const image = lessor.image();
  const copy = primary();
  copy.grant({ id: id(77), ttlSeconds: 5 }, 0);
  copy.restore(image);
  assert.equal(copy.primary, false);
  assert.deepEqual(copy.list(), [-1n, 3n, 2n ** 63n - 1n]);
  assert.deepEqual(copy.keys(id(3)), []);
  assert.deepEqual(copy.image(), image);
  copy.promote(0, 0);
  assert.equal(copy.timeToLive(id(3), 0)?.ttlSeconds, 12);
  const isCorrupt = (error: unknown) => error instanceof KvError && error.code === "CORRUPT";
  for (let length = 0; length < image.length; length++) {
    assert.throws(() => copy.restore(image.subarray(0, length)), isCorrupt);
  }
  const swapped = Buffer.concat([
    image.subarray(0, 8),
    image.subarray(32, 56),
    image.subarray(8, 32),
    image.subarray(56),
  ]);
  assert.throws(() => copy.restore(swapped), isCorrupt);
  assert.equal(copy.count, 3);
});

test(`any mixture of calls names leases as a table of moments does (SEED=${seed})`, () => {
  const stepArb = fc.record({
    what: fc.constantFrom(
      "grant" as const,
      "renew" as const,
      "revoke" as const,
      "wait" as const,
      "expire" as const,
    ),
    n: fc.integer({ min: 1, max: 12 }),
    seconds: fc.integer({ min: 1, max: 30 }),
  });
  fc.assert(
    fc.property(fc.array(stepArb, { maxLength: 200, size: "max" }), (steps) => {
      const lessor = primary();
      const ends = new Map<bigint, { ttl: number; at: number; named: number }>();
      let now = 0;
      for (const { what, n, seconds } of steps) {
        const lease = ends.get(BigInt(n));
        if (what === "wait") now += seconds * 250;
        if (what === "grant" && lease === undefined) {
          const { ttlSeconds } = lessor.grant({ id: id(n), ttlSeconds: seconds }, now);
          ends.set(BigInt(n), {
            ttl: ttlSeconds,
            at: now + ttlSeconds * 1000,
            named: now + ttlSeconds * 1000,
          });
        }
        if (what === "revoke" && lease !== undefined) {
          lessor.revoke(id(n));
          ends.delete(BigInt(n));
        }
        if (what === "renew" && lease !== undefined && lease.at > now) {
          lessor.renew(id(n), now);
          lease.at = lease.named = now + lease.ttl * 1000;
        }
        if (what === "expire") {
          const due = [...ends].filter(([, { named }]) => named <= now);
          for (const [, end] of due) end.named = now + 3_000;
          assert.deepEqual([...lessor.expired(now, 100)].sort(), due.map(([one]) => one).sort());
        }
        const next = Math.min(...[...ends.values()].map(({ named }) => named));
        assert.equal(lessor.nextDeadline() ?? Number.POSITIVE_INFINITY, next);
      }
      assert.deepEqual(
        lessor.list().map((one) => ends.get(one)?.at),
        [...ends.values()].map(({ at }) => at).sort((a, b) => a - b),
      );
    }),
    { seed, numRuns: 300 },
  );
});
