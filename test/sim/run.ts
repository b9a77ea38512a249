/** Runs simulations: `npm run sim -- --help` says how. */
import { Command, InvalidArgumentError, Option } from "commander";
import { type Bug, type BugName, bugs } from "./bugs/index.ts";
import { type SimulationResult, simulate } from "./simulate.ts";
import { type Fault, faults } from "./weather.ts";
import { rareLines } from "./world.ts";

const command = new Command("npm run sim --")
  .description(
    "Runs whole clusters on a clock, disks and a network of its own through days of faults, and checks what they promise.",
  )
  .addOption(new Option("--seed <number>", "one simulation, with its trace").argParser(atLeast(0)))
  .addOption(new Option("--seeds <count>", "as many simulations (20; 1000 with --bug)").argParser(atLeast(1)))
  .addOption(new Option("--from <seed>", "the first of them").argParser(atLeast(0)).default(1))
  .addOption(
    new Option("--minutes <number>", "virtual minutes of faults in each").argParser(positive).default(1),
  )
  .addOption(
    new Option("--seconds <number>", "begin no simulation after so many real seconds").argParser(positive),
  )
  .addOption(new Option("--faults <names>", "bring these only, separated by commas").argParser(faultsNamed))
  .addOption(
    new Option("--bug <name>", "plant a mistake, and look for a seed that finds it").choices([
      ...Object.keys(bugs),
      "all",
      "list",
    ]),
  )
  .option("--quiet", "print failures and the sum only")
  .addHelpText("after", `\nFaults: ${faults.join(", ")}.`)
  .parse();
const values = command.opts<{
  seed?: number;
  seeds?: number;
  from: number;
  minutes: number;
  seconds?: number;
  faults?: readonly Fault[];
  bug?: BugName | "all" | "list";
  quiet?: true;
}>();
const { minutes, from } = values;
const startedAt = performance.now();
const secondsGone = (): number => (performance.now() - startedAt) / 1000;
const isTimeLeft = (): boolean => secondsGone() < (values.seconds ?? Number.POSITIVE_INFINITY);

if (values.bug === "list")
  for (const [name, { what }] of Object.entries(bugs)) console.log(`${name}: ${what}`);
else if (values.bug === "all") for (const name of Object.keys(bugs)) await hunt(name as BugName);
else if (values.seed !== undefined) await replay(values.seed, values.bug && bugs[values.bug]);
else if (values.bug !== undefined) await hunt(values.bug);
else await runSeeds(values.seeds ?? 20);

function atLeast(least: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (!Number.isSafeInteger(number) || number < least)
      throw new InvalidArgumentError(`it must be a whole number from ${least} on`);
    return number;
  };
}

function positive(text: string): number {
  const number = Number(text);
  if (!(number > 0)) throw new InvalidArgumentError("it must be a number above 0");
  return number;
}

function faultsNamed(text: string): readonly Fault[] {
  return text.split(",").map((name) => {
    const fault = faults.find((one) => one === name.trim());
    if (fault === undefined) throw new InvalidArgumentError(`"${name}" is none of: ${faults.join(", ")}`);
    return fault;
  });
}

async function replay(seed: number, bug: Bug | undefined): Promise<void> {
  const onLine = (line: string): void => console.log(line);
  const result = await simulate({ seed, minutes, bug, faults: values.faults, onLine });
  console.log(summary(result));
  if (result.failure) console.log(result.failure);
  process.exitCode = result.failure ? 1 : 0;
}

async function runSeeds(seeds: number): Promise<void> {
  const failed: number[] = [];
  const rare = new Map(rareLines.map((line) => [line, 0]));
  let run = 0;
  let brought = 0;
  let answered = 0;
  for (let seed = from; seed < from + seeds && isTimeLeft(); seed++, run++) {
    const result = await simulate({ seed, minutes, faults: values.faults });
    answered += result.requests.answered;
    for (const count of result.faults.values()) brought += count;
    for (const [line, count] of result.rare) rare.set(line, (rare.get(line) ?? 0) + count);
    if (result.failure !== undefined) failed.push(seed);
    if (!values.quiet || result.failure !== undefined) console.log(summary(result));
    if (result.failure !== undefined) console.log(`  again: ${commandOf(seed)}`);
  }
  console.log(
    `${run} seeds from ${from}, ${minutes} virtual minutes each, in ${Math.round(secondsGone())} s: ` +
      `${brought} faults, ${answered} requests answered, ${failed.length} seeds failed ${failed.join(" ")}`,
  );
  for (const [line, count] of rare) console.log(`  ${line}: ${count} times`);
  process.exitCode = failed.length > 0 ? 1 : 0;
}

/** Looks for a seed that finds a planted mistake. */
async function hunt(name: BugName): Promise<void> {
  const end = from + (values.seeds ?? 1000);
  const began = secondsGone();
  let seed = from;
  for (; seed < end && isTimeLeft(); seed++) {
    const { failure } = await simulate({ seed, minutes, bug: bugs[name], faults: values.faults });
    if (failure === undefined) continue;
    const seconds = (secondsGone() - began).toFixed(1);
    console.log(`${name}: found by seed ${seed} in ${seconds} s: ${failure.message}`);
    console.log(`  again: ${commandOf(seed)} --bug ${name}`);
    return;
  }
  const how = seed > from ? `by seeds ${from} to ${seed - 1}` : "for there was no time left";
  console.log(`${name}: NOT found ${how}`);
  process.exitCode = 1;
}

function commandOf(seed: number): string {
  const given = values.faults === undefined ? "" : ` --faults "${values.faults.join()}"`;
  return `npm run sim -- --seed ${seed} --minutes ${minutes}${given}`;
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
