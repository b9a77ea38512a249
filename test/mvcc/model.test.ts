import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { LeaseId, Revision } from "../../src/base/index.ts";
import { KvError, type KvEvent } from "../../src/kv/index.ts";
import { createMvcc, type Mvcc, type MvccImage } from "../../src/mvcc/index.ts";
import { keyArb, leaseIds, rangeArb, rangeOpArb, txnArb } from "./arbitraries.ts";
import { ModelStore } from "./model.ts";

const seed = Number(process.env["SEED"] ?? Date.now() % 2 ** 31);

/** Which keys a lease has, as told by the store. */
class Attachments {
  readonly known = new Set<bigint>(leaseIds.filter((id) => id !== 0n && id !== 9n));
  readonly keys = new Map<bigint, Set<string>>();
  has(id: LeaseId): boolean {
    return this.known.has(id);
  }
  attach(id: LeaseId, key: Uint8Array): void {
    const keys = this.keys.get(id) ?? new Set();
    this.keys.set(id, keys.add(Buffer.from(key).toString("hex")));
  }
  detach(id: LeaseId, key: Uint8Array): void {
    this.keys.get(id)?.delete(Buffer.from(key).toString("hex"));
  }
}

const stepArb = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant("txn" as const), txn: txnArb }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("range" as const), range: rangeOpArb }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("compact" as const), revision: fc.nat(40) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("reclaim" as const), versions: fc.integer({ min: 1, max: 5 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("condense" as const) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("deleteKeys" as const),
      keys: fc.array(keyArb, { maxLength: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("events" as const),
      from: fc.nat(40),
      range: rangeArb,
      prevKv: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("image" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restore" as const) }) },
);

/** The outcome, or the code of the refusal. */
function outcome<T>(work: () => T): T | string {
  try {
    return work();
  } catch (error) {
    if (error instanceof KvError) return error.code;
    throw error;
  }
}

/** Views are Buffers here and there: only their bytes count. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("latin1");
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]));
}

function sameAs(actual: unknown, expected: unknown, what: string): void {
  assert.deepEqual(plain(actual), plain(expected), what);
}

function eventsOf(store: Mvcc, from: number): KvEvent[] {
  const events: KvEvent[] = [];
  const changes = store.changesSince(from as Revision);
  while (changes.next()) events.push(changes.event(true));
  return events;
}

function hashOf(store: Mvcc): number {
  const hash = store.hash(0 as Revision);
  for (;;) {
    const value = hash.step(3);
    if (value !== undefined) return value;
  }
}

function restored(image: MvccImage, attachments: Attachments): Mvcc {
  const store = createMvcc({ leases: attachments, hashSeed: [7, 7] });
  const restore = store.restore();
  const bytes = Buffer.concat([...image]);
  // Cut where no record ends.
  for (let at = 0; at < bytes.length; at += 37) restore.write(bytes.subarray(at, at + 37));
  restore.finish();
  return store;
}

test(`any history reads as a replay of it does (SEED=${seed})`, () => {
  fc.assert(
    fc.property(fc.array(stepArb, { maxLength: 60, size: "max" }), (steps) => {
      const attachments = new Attachments();
      const model = new ModelStore(attachments.known);
      let store = createMvcc({ leases: attachments });
      let open: { image: MvccImage; model: string; hash: number } | undefined;
      const state = () =>
        JSON.stringify(
          plain(
            [...model.at(Number.POSITIVE_INFINITY).values()].map((kv) => ({ ...kv, lease: `${kv.lease}` })),
          ),
        );
      for (const step of steps) {
        switch (step.do) {
          case "txn": {
            const before = hashOf(store);
            const expected = outcome(() => model.apply(step.txn));
            const actual = outcome(() => store.apply(step.txn));
            if (typeof expected === "string" || typeof actual === "string") {
              assert.equal(actual, expected);
              assert.equal(hashOf(store), before, "a refused transaction left a trace");
            } else {
              sameAs({ succeeded: actual.succeeded, results: actual.results }, expected, "transaction");
            }
            break;
          }
          case "range":
            sameAs(
              outcome(() => store.range(step.range)),
              outcome(() => model.checkedRange(step.range)),
              "range",
            );
            break;
          case "compact":
            sameAs(
              outcome(() => store.compact(step.revision as Revision)),
              outcome(() => model.compact(step.revision)),
              "compact",
            );
            break;
          case "condense":
            store.condense();
            break;
          case "reclaim":
            store.reclaim(step.versions);
            break;
          case "deleteKeys": {
            const { changes } = store.deleteKeys(step.keys);
            const before = model.changes.length;
            model.apply({
              compare: [],
              failure: [],
              success: step.keys.map((key) => ({ type: "delete", key })),
            });
            assert.equal(changes, model.changes.length - before);
            break;
          }
          case "events": {
            if (step.from < store.compactRevision) {
              assert.equal(
                outcome(() => eventsOf(store, step.from)),
                "COMPACTED",
              );
              break;
            }
            const all = { key: new Uint8Array(0), rangeEnd: new Uint8Array(1) };
            sameAs(eventsOf(store, step.from), model.events(all, step.from, true), "events");
            break;
          }
          case "image":
            if (open !== undefined) {
              const copy = restored(open.image, new Attachments());
              const kvs = copy.range({ key: new Uint8Array(0), rangeEnd: new Uint8Array(1) }).kvs;
              assert.equal(
                JSON.stringify(plain(kvs.map((kv) => ({ ...kv, lease: `${kv.lease}` })))),
                open.model,
                "image",
              );
              assert.equal(hashOf(copy), open.hash, "image");
              open = undefined;
            } else {
              open = { image: store.image(), model: state(), hash: hashOf(store) };
            }
            break;
          case "restore": {
            const fresh = new Attachments();
            const copy = restored(store.image(), fresh);
            assert.equal(hashOf(copy), hashOf(store));
            for (const [id, keys] of attachments.keys) {
              assert.deepEqual([...(fresh.keys.get(id) ?? [])].sort(), [...keys].sort(), "keys of a lease");
            }
            // The history goes on in the copy.
            if (open === undefined) {
              attachments.keys.clear();
              for (const [id, keys] of fresh.keys) attachments.keys.set(id, keys);
              const image = copy.image();
              store = restored(image, attachments);
            }
            break;
          }
        }
        assert.equal(store.revision, model.revision);
      }
      store.reclaim(10_000);
      const from = Math.max(1, model.compactRevision);
      for (let revision = from; revision <= model.revision; revision++) {
        const all = { key: new Uint8Array(0), rangeEnd: new Uint8Array(1), revision: revision as Revision };
        sameAs(store.range(all), model.range(all), `revision ${revision} in the end`);
      }
      const leased = new Map<bigint, Set<string>>();
      for (const kv of model.at(Number.POSITIVE_INFINITY).values()) {
        if (kv.lease !== 0n)
          leased.set(kv.lease, (leased.get(kv.lease) ?? new Set()).add(Buffer.from(kv.key).toString("hex")));
      }
      for (const id of attachments.known) {
        assert.deepEqual(
          [...(attachments.keys.get(id) ?? [])].sort(),
          [...(leased.get(id) ?? [])].sort(),
          "keys of a lease",
        );
      }
    }),
    { seed, numRuns: Number(process.env["RUNS"] ?? 300) },
  );
});
