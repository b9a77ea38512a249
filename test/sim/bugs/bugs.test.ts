import assert from "node:assert/strict";
import { test } from "node:test";
import { simulate } from "../simulate.ts";
import { type Bug, type BugName, bugs } from "./index.ts";

/** Seeds that are tried for each. `npm run sim -- --bug all` tries 1,000, and finds the slow ones, too. */
const seedsMax = 100;
const slow: readonly BugName[] = [
  "read-index-without-commit-in-term",
  "stale-read-after-pause",
  "overlapping-changes",
  "commit-of-an-older-term",
  "checkpoint-not-cleared",
  "alarms-not-in-images",
];

for (const [name, bug] of Object.entries<Bug>(bugs)) {
  if (slow.includes(name as BugName)) continue;
  test(`the simulator finds it where ${bug.what}`, async () => {
    for (let seed = 1; seed <= seedsMax; seed++) {
      const { failure } = await simulate({ seed, minutes: 1, bug, faults: bug.faults });
      if (failure !== undefined) return;
    }
    assert.fail(`--bug ${name} was not found by seeds 1 to ${seedsMax}`);
  });
}
