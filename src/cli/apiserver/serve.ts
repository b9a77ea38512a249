/** `raftsman apiserver [flags]`, and `bin/kube-apiserver [flags]`: the resource API alone, started as kube-apiserver is. */
import type { ApiSettings } from "../api-flags/settings.ts";
import { parseArguments } from "./arguments.ts";
import { usage } from "./usage.ts";

/** Runs until it is told to end; ends with status 1 where the command line cannot be read or the start failed. */
export async function serveApi(args: readonly string[]): Promise<void> {
  if (args.some((one) => one === "--help" || one === "-h")) {
    process.stdout.write(usage());
    return;
  }
  let settings: ApiSettings;
  try {
    settings = parseArguments(args);
  } catch (error) {
    process.stderr.write(`Error: ${(error as Error).message}\n`);
    process.exit(1);
  }
  // envtest asks for help before every start: that must not load a server.
  const { run, versionText } = await import("./run.ts");
  if (settings.boolean("version")) process.stdout.write(versionText());
  else await run(settings);
}
