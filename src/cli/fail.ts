import { paint } from "./paint.ts";

/** Says what went wrong, in one line on standard error, and ends with status 1. */
export function fail(problem: unknown): never {
  const message = problem instanceof Error ? problem.message : String(problem);
  process.stderr.write(`${paint("red", "error:", process.stderr)} ${message}\n`);
  if (process.env["RAFTSMAN_DEBUG"] && problem instanceof Error) process.stderr.write(`${problem.stack}\n`);
  process.exit(1);
}
