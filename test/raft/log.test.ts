import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Index, Term } from "../../src/base/index.ts";
import { entryBytes, RaftLog } from "../../src/raft/log.ts";
import type { Entry } from "../../src/raft/types.ts";

function entry(index: number, term: number, bytes = 0): Entry {
  return { index: index as Index, term: term as Term, type: "normal", data: new Uint8Array(bytes) };
}

function logOf(terms: readonly number[], offset = 0, offsetTerm = 0): RaftLog {
  return new RaftLog({
    offset: offset as Index,
    offsetTerm: offsetTerm as Term,
    entries: terms.map((term, position) => entry(offset + position + 1, term)),
    commit: offset as Index,
    applied: offset as Index,
  });
}

const at = (index: number) => index as Index;
const term = (value: number) => value as Term;

test("the ring holds what an array would, whatever is appended, replaced and compacted", () => {
  const steps = fc.array(
    fc.oneof(
      fc.record({ step: fc.constant("append" as const), count: fc.integer({ min: 1, max: 70 }) }),
      fc.record({ step: fc.constant("replace" as const), back: fc.nat({ max: 30 }) }),
      fc.record({ step: fc.constant("forget" as const), bytesMax: fc.nat({ max: 2000 }) }),
      fc.record({ step: fc.constant("compact" as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
    ),
    { maxLength: 40 },
  );
  fc.assert(
    fc.property(steps, (list) => {
      const log = logOf([]);
      const model: Entry[] = [];
      let currentTerm = 1;
      for (const step of list) {
        if (step.step === "append") {
          for (let i = 0; i < step.count; i++) {
            model.push(entry(model.length + 1, currentTerm));
            log.append(model.at(-1) as Entry);
          }
        } else if (step.step === "replace") {
          currentTerm++;
          model.length = Math.max(log.commit, model.length - step.back);
          const added = [entry(model.length + 1, currentTerm)];
          model.push(...added);
          log.appendFromLeader(added);
        } else {
          log.takeUnwritten();
          log.markDurable(log.lastIndex, log.lastTerm);
          log.commitTo(log.lastIndex);
          log.takeCommitted(Number.POSITIVE_INFINITY);
          log.appliedTo(log.handedOut);
          const before = log.offset;
          if (step.step === "forget") {
            log.forget(log.applied, step.bytesMax);
            const [entry0, kept] = [entryBytes(entry(1, 1)), log.lastIndex - log.offset];
            assert(kept * entry0 >= step.bytesMax || log.offset === before, `${kept} entries are kept`);
            assert((kept - 1) * entry0 < step.bytesMax || kept === 0, `${kept} entries are kept`);
          } else log.compact(at(Math.floor(log.offset + step.share * (log.lastIndex - log.offset))));
        }
      }
      assert.equal(log.lastIndex, model.length);
      assert.deepEqual(log.slice(at(log.offset + 1), log.lastIndex), model.slice(log.offset));
      assert.equal(log.termAt(log.offset), model[log.offset - 1]?.term ?? 0);
    }),
  );
});

test("the hint for a conflict is the last place where the logs could agree", () => {
  const logs = fc
    .array(fc.integer({ min: 1, max: 6 }), { maxLength: 20 })
    .map((terms) => terms.sort((a, b) => a - b));
  fc.assert(
    fc.property(logs, fc.nat({ max: 25 }), fc.integer({ min: 0, max: 7 }), (terms, index, asked) => {
      const expected = terms.slice(0, index).findLastIndex((own) => own <= asked) + 1;
      assert.equal(logOf(terms).lastIndexOfTerm(at(index), term(asked)), expected);
    }),
  );
});

test("a later last term is more up to date than any length (section 5.4.1)", () => {
  const log = logOf([1, 2, 2]);
  assert(log.isUpToDate(at(3), term(2)));
  assert(log.isUpToDate(at(1), term(3)));
  assert(!log.isUpToDate(at(2), term(2)));
  assert(!log.isUpToDate(at(9), term(1)));
});

test("a late word about a write that was replaced makes nothing durable", () => {
  const log = logOf([1]);
  log.append(entry(2, 1));
  log.takeUnwritten();
  log.appendFromLeader([entry(2, 2)]);
  log.takeUnwritten();
  log.markDurable(at(2), term(1));
  assert.equal(log.stable, 1);
  log.markDurable(at(2), term(2));
  assert.equal(log.stable, 2);
});

test("the same entry written, replaced and written again is durable with the last write only", () => {
  const log = logOf([1]);
  for (const replaced of [3, 4, 3]) {
    log.appendFromLeader([entry(2, replaced)]);
    log.takeUnwritten();
  }
  log.markDurable(at(2), term(3));
  assert.equal(log.stable, 1, "the first write of 2/3 is durable, but the second replaces it");
  log.markDurable(at(2), term(4));
  assert.equal(log.stable, 1);
  log.markDurable(at(2), term(3));
  assert.equal(log.stable, 2);
});

test("a word about the last of several writes speaks for all of them", () => {
  const log = logOf([]);
  for (const index of [1, 2, 3]) {
    log.append(entry(index, 1));
    log.takeUnwritten();
  }
  log.markDurable(at(3), term(1));
  assert.equal(log.stable, 3);
});

test("nothing is handed out to be applied before it is durable here", () => {
  const log = logOf([]);
  log.append(entry(1, 1));
  log.append(entry(2, 1));
  log.takeUnwritten();
  log.commitTo(at(2));
  assert(!log.hasCommitted);
  log.markDurable(at(2), term(1));
  assert.equal(log.takeCommitted(entryBytes(entry(1, 1))).length, 1);
  assert.equal(log.takeCommitted(0).length, 1, "one at least, however large");
  assert(!log.hasCommitted);
});

test("slices that are asked for again are the same array", () => {
  const log = logOf([1, 1, 1]);
  assert.equal(log.slice(at(2), at(3)), log.slice(at(2), at(3)));
});

test("contradicting a committed entry ends the member instead of its guarantees", () => {
  const log = logOf([1, 1]);
  log.commitTo(at(2));
  assert.throws(() => log.appendFromLeader([entry(2, 2)]), /contradicts entry 2/);
});
