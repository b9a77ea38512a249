/**
 * npm run sim -- --seeds 100 --minutes 1    as many simulations, each of so many virtual minutes
 * npm run sim -- --seed 7                   one of them, with its trace
 */
import { parseArgs } from "node:util";
import { type SimulationResult, simulate } from "./simulate.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string", default: "20" },
    from: { type: "string", default: "1" },
    minutes: { type: "string", default: "1" },
  },
});
const minutes = Number(values.minutes);

if (values.seed !== undefined) {
  const result = await simulate({ seed: Number(values.seed), minutes, onLine: (line) => console.log(line) });
  report(result);
  if (result.failure) console.log(result.failure);
  process.exitCode = result.failure ? 1 : 0;
} else {
  const from = Number(values.from);
  const failed: number[] = [];
  for (let seed = from; seed < from + Number(values.seeds); seed++) {
    const result = await simulate({ seed, minutes });
    report(result);
    if (result.failure === undefined) continue;
    failed.push(seed);
  }
  console.log(
    `${values.seeds} seeds of ${minutes} virtual minutes from ${from}: ${failed.length} failed ${failed.join(" ")}`,
  );
  process.exitCode = failed.length > 0 ? 1 : 0;
}

function report({
  seed,
  traceHash,
  failure,
  weather,
  events,
  entries,
  revisions,
  watchEvents,
  requests,
}: SimulationResult): void {
  const { answered, refused, unknown } = requests;
  console.log(
    `seed ${seed} ${traceHash} ${weather.members} members, ${events} events, ${entries} entries, ${revisions} revisions, ${watchEvents} watched; ` +
      `requests: ${answered} answered, ${refused} refused, ${unknown} unknown; ${failure ? `FAILED: ${failure.message}` : "good"}`,
  );
}
