import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "../../src/base/index.ts";
import type { Message } from "../../src/raft/index.ts";
import { Cluster, memberId } from "./cluster.ts";
import { append, heartbeat, index, lone, term } from "./lone.ts";

/*
 * What a member does with what no correct member would say, and with what a damaged disk remembers.
 */

test("an entry of a term whose hard state a torn write lost brings the term back", () => {
  const raft = lone([1, 4], { term: 3 });
  assert.equal(raft.term, 4);
});

test("a member that lost its log says so instead of following on", () => {
  const raft = lone([1], { term: 2 });
  assert.throws(() => raft.step({ ...heartbeat(2, 2), commit: index(7) } as Message), /its data was lost/);
});

test("entries with a gap or with terms that fall are refused", () => {
  const raft = lone([1], { term: 3 });
  const good = append(2, 3, { index: 1, term: 1 }, [2, 3]) as Message & { type: "append" };
  const [first, second] = good.entries;
  assert(first && second);
  raft.step({ ...good, entries: [second] });
  raft.step({
    ...good,
    entries: [
      { ...first, term: term(3) },
      { ...second, term: term(2) },
    ],
  });
  raft.step({ ...good, entries: [{ ...first, term: term(9) }] });
  assert.equal(raft.status.lastIndex, 1);
});

test("a message for somebody else, or from oneself, is ignored", () => {
  const raft = lone([1]);
  raft.step({ ...heartbeat(2, 9), to: memberId(3) });
  raft.step(heartbeat(1, 9));
  assert.equal(raft.term, 1);
});

test("a conf change that cannot be read never gets into the log", () => {
  const cluster = new Cluster().bootstrap(1);
  cluster.elect(1);
  const types: string[] = [];
  cluster.observer = { applied: (_member, { type }) => types.push(type) };
  cluster.raft(1).propose([{ type: "conf-change", data: utf8("?") }]);
  cluster.settle();
  assert.deepEqual(types, ["normal"]);
});
