import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { MemberId } from "../../src/base/index.ts";
import { changed, isPossible } from "../../src/raft/conf-change.ts";
import {
  type ConfChange,
  type ConfState,
  decodeConfChange,
  encodeConfChange,
  type JointChange,
} from "../../src/raft/index.ts";

const members = fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }) as fc.Arbitrary<MemberId>;
const types = fc.constantFrom("add-voter", "add-learner", "remove");
const few = fc.bigInt({ min: 1n, max: 5n }) as fc.Arbitrary<MemberId>;

test("a conf change reads back as it was written", () => {
  const changes = fc.record(
    { type: types, member: members, context: fc.uint8Array({ minLength: 1 }) },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(changes, (change) => assert.deepEqual(decodeConfChange(encodeConfChange(change)), change)),
  );
  const bare: ConfChange = { type: "remove", member: 7n as MemberId };
  assert.deepEqual(decodeConfChange(encodeConfChange(bare)), bare);
});

test("the bytes of a conf change are those that members of other versions know", () => {
  const change: ConfChange = {
    type: "add-learner",
    member: 0x0102030405060708n as MemberId,
    context: Uint8Array.of(9),
  };
  assert.deepEqual([...encodeConfChange(change)], [2, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const joint: JointChange = {
    type: "joint",
    changes: [
      { type: "add-voter", member: 2n as MemberId },
      { type: "remove", member: 3n as MemberId },
    ],
  };
  assert.deepEqual([...encodeConfChange(joint)], [4, 1, 0, 0, 0, 0, 0, 0, 0, 2, 3, 0, 0, 0, 0, 0, 0, 0, 3]);
  assert.deepEqual(decodeConfChange(encodeConfChange(joint)), joint);
  assert.deepEqual([...encodeConfChange({ type: "leave-joint" })], [5]);
});

test("bytes that are no conf change are told from one", () => {
  assert.equal(decodeConfChange(new Uint8Array(0)), undefined);
  assert.equal(decodeConfChange(Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 7)), undefined, "too short");
  assert.equal(decodeConfChange(Uint8Array.of(6, 0, 0, 0, 0, 0, 0, 0, 7)), undefined, "unknown change");
  assert.equal(decodeConfChange(Uint8Array.of(4)), undefined, "a joint change of nothing");
  assert.equal(decodeConfChange(Uint8Array.of(4, 1, 0, 0, 0, 0, 0, 0, 7)), undefined, "a step cut short");
  assert.equal(decodeConfChange(Uint8Array.of(5, 1)), undefined, "more than a way out");
  assert.equal(decodeConfChange(Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 0)), undefined, "nobody");
});

test("a change never leaves a configuration without voters, nor a member in two roles", () => {
  const steps = fc.array(fc.record({ type: types, member: few }), { maxLength: 20 });
  fc.assert(
    fc.property(steps, (changes) => {
      let conf: ConfState = { voters: [1n as MemberId], votersOutgoing: [], learners: [] };
      for (const change of changes) {
        const next = changed(conf, change);
        assert(next.voters.length > 0);
        const all = [...next.voters, ...next.learners];
        assert.equal(new Set(all).size, all.length);
        const difference = next.voters.length - conf.voters.length;
        assert(Math.abs(difference) <= 1, "one voter at a time");
        if (!isPossible(conf, change)) assert.equal(next, conf);
        else if (change.type === "add-voter") assert(next.voters.includes(change.member));
        else if (change.type === "add-learner") assert(next.learners.includes(change.member));
        else assert(!all.includes(change.member));
        conf = next;
      }
    }),
  );
});

test("a joint change has both configurations decide until it is left", () => {
  const [one, two, three, four] = [1n, 2n, 3n, 4n] as MemberId[] as [MemberId, MemberId, MemberId, MemberId];
  const before: ConfState = { voters: [one, two], votersOutgoing: [], learners: [three] };
  const changes: ConfChange[] = [
    { type: "add-voter", member: three },
    { type: "remove", member: one },
    { type: "add-learner", member: four },
  ];
  const during = changed(before, { type: "joint", changes });
  assert.deepEqual(during, { voters: [two, three], votersOutgoing: [one, two], learners: [four] });
  assert.equal(changed(during, { type: "joint", changes }), during);
  const after = { voters: [two, three], votersOutgoing: [], learners: [four] };
  assert.deepEqual(changed(during, { type: "leave-joint" }), after);
  assert.equal(changed(before, { type: "leave-joint" }), before);
});

test("nothing is changed while the configuration is joint", () => {
  const joint: ConfState = { voters: [1n as MemberId], votersOutgoing: [2n as MemberId], learners: [] };
  assert.equal(changed(joint, { type: "add-voter", member: 3n as MemberId }), joint);
});
