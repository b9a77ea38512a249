import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { jointIndex, jointVote, majorityIndex, majorityVote } from "../../src/raft/quorum.ts";

/** Deliberately dumb: tries every index there is, and counts. */
function dumbIndex(voters: readonly number[]): number {
  const reached = (index: number) => voters.filter((value) => value >= index).length * 2 > voters.length;
  return Math.max(0, ...voters.filter(reached));
}

/** Deliberately dumb: imagines every way the missing votes could turn out. */
function dumbVote(votes: readonly (boolean | undefined)[]): "won" | "lost" | "pending" {
  const missing = votes.indexOf(undefined);
  if (missing < 0)
    return votes.filter(Boolean).length * 2 > votes.length || votes.length === 0 ? "won" : "lost";
  const yes = dumbVote(votes.with(missing, true));
  const no = dumbVote(votes.with(missing, false));
  return yes === no ? yes : "pending";
}

const indexes = fc.array(fc.nat({ max: 20 }), { minLength: 1, maxLength: 9 });
const votes = fc.array(fc.constantFrom(true, false, undefined), { maxLength: 7 });

test("the commit index of a majority is the one that counting finds", () => {
  fc.assert(fc.property(indexes, (values) => assert.equal(majorityIndex([...values]), dumbIndex(values))));
});

test("a vote is decided as soon as no outstanding vote can change it, and not before", () => {
  fc.assert(fc.property(votes, (cast) => assert.equal(majorityVote(cast), dumbVote(cast))));
});

test("a joint configuration commits what a majority of each half has", () => {
  fc.assert(
    fc.property(indexes, indexes, (incoming, outgoing) => {
      const both = Math.min(dumbIndex(incoming), dumbIndex(outgoing));
      assert.equal(jointIndex([...incoming], [...outgoing]), both);
    }),
  );
});

test("a joint configuration elects whom both halves elect, and rejects whom one rejects", () => {
  fc.assert(
    fc.property(votes, votes, (incoming, outgoing) => {
      const halves = [dumbVote(incoming), dumbVote(outgoing)];
      const expected = halves.includes("lost") ? "lost" : halves.includes("pending") ? "pending" : "won";
      assert.equal(jointVote(incoming, outgoing), expected);
    }),
  );
});

test("an empty half agrees with everything", () => {
  assert.equal(jointIndex([3, 5, 9], []), 5);
  assert.equal(jointVote([true, true, undefined], []), "won");
});
