import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type LeaseId, type Revision, utf8 } from "../../src/base/index.ts";
import type { KvError, KvEvent, KvWatch, Op, WatchObserver, WatchQuery } from "../../src/kv/index.ts";
import { createMvcc, type Mvcc } from "../../src/mvcc/index.ts";
import { createWatchHub } from "../../src/watch/index.ts";

const seed = Number(process.env["SEED"] ?? Date.now() % 2 ** 31);
const leases = { has: () => false, attach: () => {}, detach: () => {} };

const keyArb = fc.constantFrom("a", "aa", "ab", "b", "c").map(utf8);
const queryArb: fc.Arbitrary<{ query: WatchQuery; startsAgo: number }> = fc.record({
  query: fc
    .tuple(
      fc.oneof(
        fc.record({ key: keyArb }),
        fc.record({ key: keyArb, rangeEnd: fc.constantFrom("", "\0", "b", "c", "zz").map(utf8) }),
      ),
      fc.record(
        { prevKv: fc.boolean(), noPut: fc.boolean(), noDelete: fc.boolean(), progressNotify: fc.boolean() },
        { requiredKeys: [] },
      ),
    )
    .map(([range, options]) => ({ ...range, ...options })),
  /** 0: from now on; negative: from the future. */
  startsAgo: fc.integer({ min: -5, max: 40 }),
});
const opsArb: fc.Arbitrary<Op[]> = fc.oneof(
  fc
    .uniqueArray(fc.constantFrom("a", "aa", "ab", "b", "c"), { minLength: 1, maxLength: 3 })
    .map((keys) =>
      keys.map((key) => ({ type: "put" as const, key: utf8(key), value: utf8("v"), lease: 0n as LeaseId })),
    ),
  keyArb.map((key): Op[] => [{ type: "delete", key }]),
  fc.constant<Op[]>([{ type: "delete", key: utf8("a"), rangeEnd: utf8("b") }]),
);
const stepArb = fc.oneof(
  { weight: 10, arbitrary: fc.record({ do: fc.constant("write" as const), ops: opsArb }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("publish" as const) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("watch" as const), query: queryArb }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("catch up" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("compact" as const), ago: fc.nat(15) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("turn" as const), which: fc.nat(20) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("resume" as const), which: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("ask" as const), which: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("close" as const), which: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("tick" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("image" as const),
      writes: fc.array(opsArb, { maxLength: 6 }),
      compact: fc.boolean(),
    }),
  },
);

function inRange(key: Uint8Array, query: WatchQuery): boolean {
  const end = query.rangeEnd;
  if (end === undefined || end.length === 0) return Buffer.compare(key, query.key) === 0;
  return (
    Buffer.compare(key, query.key) >= 0 &&
    ((end.length === 1 && end[0] === 0) || Buffer.compare(key, end) < 0)
  );
}

const text = (event: KvEvent): string =>
  `${event.type} ${Buffer.from(event.kv.key)} ${event.kv.modRevision} ${event.kv.createRevision} ${event.kv.version}`;

/** One watcher, and the whole truth about what it should see. */
class Witness implements WatchObserver {
  readonly query: WatchQuery;
  readonly #history: readonly KvEvent[];
  readonly #store: Mvcc;
  readonly #from: number;
  watch: KvWatch | undefined;
  accepts = true;
  refused = false;
  closed: KvError | undefined;
  closedByUs = false;
  #seen = 0;
  #seenRevision = 0;
  progressTold = 0;

  constructor(query: WatchQuery, history: readonly KvEvent[], store: Mvcc) {
    this.query = query;
    this.#history = history;
    this.#store = store;
    this.#from = query.startRevision || store.revision + 1;
  }

  expected(): KvEvent[] {
    return this.#history.filter(
      (event) =>
        event.kv.modRevision >= this.#from &&
        inRange(event.kv.key, this.query) &&
        !(event.type === "put" ? this.query.noPut : this.query.noDelete),
    );
  }

  onEvents(events: readonly KvEvent[], revision: Revision): boolean {
    this.#mayBeCalled();
    assert.ok(this.watch !== undefined, "called before `watch` returned");
    assert.ok(!this.refused, "called again without having resumed");
    assert.ok(events.length > 0);
    const due = this.expected()
      .slice(this.#seen)
      .filter((event) => event.kv.modRevision <= revision);
    assert.deepEqual(events.map(text), due.map(text));
    for (const [i, event] of events.entries()) {
      const { prevKv } = due[i] as KvEvent;
      if (!this.query.prevKv) assert.equal(event.prevKv, undefined);
      else if (event.prevKv !== undefined) assert.equal(event.prevKv.modRevision, prevKv?.modRevision);
      else
        assert.ok(
          prevKv === undefined || event.kv.modRevision - 1 < this.#store.compactRevision,
          "prevKv is missing",
        );
    }
    assert.ok(revision >= this.#seenRevision && revision <= this.#store.revision);
    if (!this.accepts) {
      this.refused = true;
      return false;
    }
    this.#seen += events.length;
    this.#seenRevision = revision;
    return true;
  }

  onProgress(revision: Revision): void {
    this.#mayBeCalled();
    assert.ok(revision >= this.#seenRevision, "progress goes back");
    this.#seenRevision = revision;
    this.progressTold++;
    assert.equal(this.missing(revision), 0, `progress ${revision} is ahead of undelivered events`);
  }

  onClosed(reason: KvError): void {
    this.#mayBeCalled();
    assert.equal(reason.code, "COMPACTED");
    assert.equal(reason.message, "etcdserver: mvcc: required revision has been compacted");
    assert.equal(reason.compactRevision, this.#store.compactRevision);
    assert.ok(
      Math.max(this.#from, this.#seenRevision + 1) <= this.#store.compactRevision,
      "nothing it needs is compacted",
    );
    this.closed = reason;
  }

  missing(revision: number = Number.POSITIVE_INFINITY): number {
    return this.expected().filter((event) => event.kv.modRevision <= revision).length - this.#seen;
  }

  #mayBeCalled(): void {
    assert.ok(this.closed === undefined && !this.closedByUs, "called after the end");
  }
}

test(`every watcher sees exactly the events of its range in order, or is told that they are compacted (SEED=${seed})`, () => {
  fc.assert(
    fc.property(
      fc.array(stepArb, { maxLength: 80, size: "max" }),
      fc.integer({ min: 1, max: 5 }),
      (steps, catchUpChangesMax) => {
        const store = createMvcc({ leases });
        const history: KvEvent[] = [];
        const witnesses: Witness[] = [];
        let wanted = false;
        let now = 0;
        const hub = createWatchHub({
          source: store,
          onCatchUpNeeded: () => {
            assert.equal(wanted, false, "announced twice");
            wanted = true;
          },
          catchUpChangesMax,
          progressIntervalMs: 10,
        });
        const catchUp = () => {
          if (wanted) wanted = hub.catchUp();
        };
        const write = (target: Mvcc, ops: Op[]) => {
          const { revision, changes } = target.apply({ compare: [], success: ops, failure: [] });
          if (changes === 0) return;
          const cursor = target.changesSince(revision);
          while (cursor.next()) history.push(cursor.event(true));
        };
        for (const step of steps) {
          const witness = "which" in step ? witnesses[step.which % Math.max(1, witnesses.length)] : undefined;
          switch (step.do) {
            case "write":
              write(store, step.ops);
              break;
            case "publish":
              hub.publish();
              break;
            case "watch": {
              const { query, startsAgo } = step.query;
              const startRevision = (
                startsAgo === 0 ? 0 : Math.max(1, store.revision + 1 - startsAgo)
              ) as Revision;
              const added = new Witness({ ...query, startRevision }, history, store);
              added.watch = hub.watch(added.query, added);
              assert.equal(added.watch.createdRevision, store.revision);
              witnesses.push(added);
              break;
            }
            case "catch up":
              catchUp();
              break;
            case "compact": {
              const revision = store.revision - step.ago;
              if (revision > store.compactRevision) store.compact(revision as Revision);
              store.reclaim(1_000);
              break;
            }
            case "turn":
              if (witness !== undefined) witness.accepts = !witness.accepts;
              break;
            case "resume":
              if (witness !== undefined && !witness.closedByUs) {
                witness.refused = false;
                witness.watch?.resume();
              }
              break;
            case "ask":
              witness?.watch?.requestProgress();
              break;
            case "close":
              if (witness !== undefined && witness.closed === undefined) {
                witness.closedByUs = true;
                witness.watch?.close();
              }
              break;
            case "tick":
              now += 10;
              hub.tick(now);
              break;
            case "image": {
              // Another member went on alone, and this one installs its image.
              const other = createMvcc({ leases });
              const first = other.restore();
              for (const chunk of store.image()) first.write(chunk);
              first.finish();
              for (const ops of step.writes) write(other, ops);
              if (step.compact && other.revision > other.compactRevision) other.compact(other.revision);
              const second = store.restore();
              for (const chunk of other.image()) second.write(chunk);
              second.finish();
              hub.restored();
              break;
            }
          }
          const { synced, catchingUp, slow } = hub.counts;
          const open = witnesses.filter((one) => one.closed === undefined && !one.closedByUs);
          assert.equal(synced + catchingUp + slow, open.length);
          assert.ok(catchingUp === 0 || wanted, "somebody is behind and nobody was told");
        }
        // In the end everybody takes everything.
        for (const witness of witnesses) {
          witness.accepts = true;
          witness.refused = false;
          witness.watch?.resume();
          if (!witness.closedByUs) witness.watch?.requestProgress();
        }
        hub.publish();
        for (let i = 0; wanted; i++) {
          catchUp();
          assert.ok(i < 10_000, "catching up does not end");
        }
        for (const witness of witnesses) {
          if (witness.closed !== undefined || witness.closedByUs) continue;
          assert.equal(witness.missing(), 0);
          assert.ok(witness.progressTold > 0, "progress was asked for and never told");
          witness.watch?.close();
        }
        assert.deepEqual(hub.counts, { synced: 0, catchingUp: 0, slow: 0 });
      },
    ),
    { seed, numRuns: Number(process.env["RUNS"] ?? 500) },
  );
});
