import { test } from "node:test";
import { simulate } from "./simulation.ts";

/** SEED=n replays one run; SEEDS=n runs as many. */
const only = process.env["SEED"];
const seeds = only === undefined ? Number(process.env["SEEDS"] ?? 300) : 1;
const first = only === undefined ? 1 : Number(only);
const runsPerTest = 50;

for (let from = first; from < first + seeds; from += runsPerTest) {
  const to = Math.min(from + runsPerTest, first + seeds) - 1;
  test(`a cluster keeps its promises through faults and works after them (SEED=${from}…${to})`, () => {
    for (let seed = from; seed <= to; seed++) {
      try {
        simulate(seed);
      } catch (error) {
        throw new Error(`SEED=${seed} fails`, { cause: error });
      }
    }
  });
}
