import assert from "node:assert/strict";
import { test } from "node:test";
import { simulate } from "./simulate.ts";
import { rareLines } from "./world.ts";

/** Real seconds; the seeds that fit are run, always the same ones in the same order. */
const secondsMax = Number(process.env["SIM_SECONDS"] ?? 15);
const minutes = 1;

test("a seed is one history: a second run of it ends in the same trace", async () => {
  const [first, second] = [
    await simulate({ seed: 7, minutes: 0.5 }),
    await simulate({ seed: 7, minutes: 0.5 }),
  ];
  assert.equal(first.traceHash, second.traceHash);
  const other = await simulate({ seed: 8, minutes: 0.5 });
  assert.notEqual(other.traceHash, first.traceHash);
});

test("some days bring writes that are torn, and images whose transfer goes on where it broke off", async () => {
  const faults = ["torn writes", "breaking images"] as const;
  const seen = new Set<string>();
  for (let seed = 1; seed <= 20 && seen.size < rareLines.length; seed++) {
    const { rare, failure } = await simulate({ seed, minutes: 0.5, faults });
    assert.equal(failure, undefined, `seed ${seed}: ${failure?.message}`);
    for (const line of rare.keys()) seen.add(line);
  }
  assert.deepEqual([...seen].sort(), [...rareLines].sort());
});

test(`clusters keep their promises through ${minutes} minute of faults each, and work after it`, async (t) => {
  const until = performance.now() + secondsMax * 1000;
  let seeds = 0;
  let requests = 0;
  const faults = new Map<string, number>();
  while (performance.now() < until) {
    const result = await simulate({ seed: ++seeds, minutes });
    if (result.failure !== undefined) {
      const how = `npm run sim -- --seed ${seeds} --minutes ${minutes}`;
      throw new Error(`${how}: ${result.failure.message}\n${result.lastLines.slice(-60).join("\n")}`, {
        cause: result.failure,
      });
    }
    requests += result.requests.answered;
    for (const [fault, count] of result.faults) faults.set(fault, (faults.get(fault) ?? 0) + count);
  }
  const total = [...faults.values()].reduce((sum, count) => sum + count, 0);
  t.diagnostic(
    `seeds 1 to ${seeds}, ${minutes} virtual minute each: ${total} faults of ${faults.size} kinds, ${requests} requests answered`,
  );
});
