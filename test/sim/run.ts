/**
 * npm run sim -- --seeds 100 --minutes 1    as many simulations, each of so many virtual minutes
 * npm run sim -- --seed 7                   one of them, with its trace
 * npm run sim -- --bug NAME --seeds 1000    with a planted mistake, until a seed finds it (NAME "list": which there are; "all": each)
 *
 * --seconds N ends it after so many real seconds; --quiet prints failures and the sum only.
 */
import { parseArgs } from "node:util";
import { type Bug, type BugName, bugs } from "./bugs.ts";
import { type SimulationResult, simulate } from "./simulate.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string" },
    from: { type: "string", default: "1" },
    minutes: { type: "string", default: "1" },
    seconds: { type: "string", default: "Infinity" },
    bug: { type: "string" },
    quiet: { type: "boolean", default: false },
  },
});
const minutes = Number(values.minutes);
const from = Number(values.from);
const startedAt = performance.now();
const secondsGone = (): number => (performance.now() - startedAt) / 1000;
const isTimeLeft = (): boolean => secondsGone() < Number(values.seconds);

if (values.bug === "list")
  for (const [name, { what }] of Object.entries(bugs)) console.log(`${name}: ${what}`);
else if (values.bug === "all") for (const name of Object.keys(bugs)) await hunt(name);
else if (values.seed !== undefined) await replay(Number(values.seed), bugNamed(values.bug));
else if (values.bug !== undefined) await hunt(values.bug);
else await runSeeds(Number(values.seeds ?? 20));

async function replay(seed: number, bug: Bug | undefined): Promise<void> {
  const result = await simulate({ seed, minutes, bug, onLine: (line) => console.log(line) });
  console.log(summary(result));
  if (result.failure) console.log(result.failure);
  process.exitCode = result.failure ? 1 : 0;
}

async function runSeeds(seeds: number): Promise<void> {
  const failed: number[] = [];
  let run = 0;
  let faults = 0;
  let answered = 0;
  for (let seed = from; seed < from + seeds && isTimeLeft(); seed++, run++) {
    const result = await simulate({ seed, minutes });
    answered += result.requests.answered;
    for (const count of result.faults.values()) faults += count;
    if (result.failure !== undefined) failed.push(seed);
    if (!values.quiet || result.failure !== undefined) console.log(summary(result));
    if (result.failure !== undefined) console.log(`  again: ${commandOf(seed)}`);
  }
  console.log(
    `${run} seeds from ${from}, ${minutes} virtual minutes each, in ${Math.round(secondsGone())} s: ` +
      `${faults} faults, ${answered} requests answered, ${failed.length} seeds failed ${failed.join(" ")}`,
  );
  process.exitCode = failed.length > 0 ? 1 : 0;
}

/** Looks for a seed that finds a planted mistake. */
async function hunt(name: string): Promise<void> {
  const bug = bugNamed(name);
  const seeds = Number(values.seeds ?? 1000);
  const began = secondsGone();
  for (let seed = from; seed < from + seeds && isTimeLeft(); seed++) {
    const { failure } = await simulate({ seed, minutes, bug });
    if (failure === undefined) continue;
    const seconds = (secondsGone() - began).toFixed(1);
    console.log(`${name}: found by seed ${seed} in ${seconds} s: ${failure.message}`);
    console.log(`  again: ${commandOf(seed)} --bug ${name}`);
    return;
  }
  console.log(`${name}: NOT found by seeds ${from} to ${from + seeds - 1}`);
  process.exitCode = 1;
}

function bugNamed(name: string | undefined): Bug | undefined {
  if (name === undefined) return undefined;
  if (!(name in bugs)) throw new Error(`--bug ${name}: there is ${Object.keys(bugs).join(", ")}, list, all`);
  return bugs[name as BugName];
}

function commandOf(seed: number): string {
  return `npm run sim -- --seed ${seed} --minutes ${minutes}`;
}

function summary({
  seed,
  traceHash,
  failure,
  weather,
  events,
  entries,
  revisions,
  watchEvents,
  requests,
}: SimulationResult): string {
  const { answered, refused, unknown } = requests;
  return (
    `seed ${seed} ${traceHash} ${weather.members} members, ${events} events, ${entries} entries, ${revisions} revisions, ${watchEvents} watched; ` +
    `requests: ${answered} answered, ${refused} refused, ${unknown} unknown; ${failure ? `FAILED: ${failure.message}` : "good"}`
  );
}
