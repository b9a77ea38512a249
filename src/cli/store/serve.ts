/** `raftsman store [flags]`, and `bin/etcd [flags]`: the store alone, started as etcd is. */
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { startStore } from "../../member/index.ts";
import { nodePlatform } from "../../platform/index.ts";
import { createMetrics, type Log } from "../../telemetry/index.ts";
import { type Settings, withoutEffect } from "../flag-table.ts";
import { giveMemoryBack } from "../give-back.ts";
import { tuneSmallHeap } from "../heap.ts";
import { stopSignal } from "../stop-signal.ts";
import { storeConfigOf } from "./config.ts";
import { deprecations } from "./deprecations.ts";
import { flags } from "./flags.ts";
import { createEtcdLog } from "./log.ts";
import { addProcessMetrics } from "./process-metrics.ts";
import { addEnvironment, parseArguments, readConfigFile, settingsOf, UsageError } from "./settings.ts";
import { logSettings } from "./start-lines.ts";
import { toolNames, usage, versionText } from "./usage.ts";

const platform = nodePlatform();

/** Runs until it is told to end. Ends the process itself where etcd would: 2 for a command line that cannot be read, 1 for a start that failed. */
export async function serveStore(args: readonly string[]): Promise<void> {
  const [command = "", ...rest] = args;
  if (toolNames.includes(command)) return (await import("./tools.ts")).runTool(args);
  if (command !== "gateway" && args.some((one) => /^--?h(elp)?$/.test(one))) {
    process.stdout.write(usage());
    return;
  }
  let log = logOf(settingsOf(new Map()));
  try {
    if (command === "gateway") return await (await import("./gateway.ts")).runGateway(rest, log);
    if (command === "grpc-proxy")
      throw new Error(
        "there is no gRPC proxy here: clients may ask any member, `gateway start` forwards their connections, and etcd's own grpc-proxy works in front of this store",
      );
    const { settings, notes } = await readSettings(args);
    if (settings.boolean("version")) {
      process.stdout.write(versionText());
      return;
    }
    log = logOf(settings);
    log.info("Running: ", { args: ["etcd", ...args] });
    for (const note of [...notes, ...deprecations(settings.values.keys()), ...withoutEffect(flags, settings)])
      log.warn(note);
    await run(settings, log);
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`${error.message}\n${usage()}`);
      process.exit(2);
    }
    log.error("the store cannot start", { error: (error as Error).message });
    process.exitCode = 1;
  }
}

async function readSettings(args: readonly string[]): Promise<{ settings: Settings; notes: string[] }> {
  const values = parseArguments(args);
  const path = values.get("config-file") ?? process.env["ETCD_CONFIG_FILE"] ?? "";
  if (path === "" || values.has("version")) {
    const unknown = addEnvironment(values, process.env);
    return {
      settings: settingsOf(values),
      notes: unknown.map((variable) => `unrecognized environment variable: ${variable}`),
    };
  }
  const [{ load }, content] = await Promise.all([import("js-yaml"), platform.disk.readFile(path)]);
  const read = readConfigFile(load(withClosersIndented(Buffer.from(content).toString("utf8"))));
  return {
    settings: settingsOf(read.values),
    notes: [
      "loaded server configuration, other configuration command line flags and environment variables will be ignored if provided",
      ...read.unknown.map((key) => `configuration file: ${key} is not known`),
    ],
  };
}

/** etcd's own example ends a list with a bracket at the beginning of a line, which Go's library reads, and YAML 1.2 has not. */
function withClosersIndented(yaml: string): string {
  return yaml.replace(/^(?=[\]}]\s*$)/gm, " ");
}

async function run(settings: Settings, log: Log): Promise<void> {
  const config = await storeConfigOf(settings, platform);
  logSettings(log, settings, config.replica.directory);
  const stop = stopSignal();
  const metrics = createMetrics();
  addProcessMetrics(metrics);
  // A member that looks for the others may wait for ever; it has promised nothing to anybody yet.
  const store = await Promise.race([startStore(platform, config, log, metrics), stop.promise]);
  if (store === undefined) process.exit(0);
  await Promise.race([store.ready, stop.promise, store.failed]).catch(() => {});
  if (!stop.stopped()) {
    tuneSmallHeap();
    giveMemoryBack(platform.clock);
    for (const { address, traffic, secure, insecure } of store.addresses) {
      if (traffic === "metrics") continue;
      log.info("ready to serve client requests");
      if (insecure)
        log.info("serving client traffic insecurely; this is strongly discouraged!", { traffic, address });
      if (secure) log.info("serving client traffic securely", { traffic, address });
    }
  }
  try {
    await Promise.race([stop.promise, store.failed]);
    log.info("received signal; shutting down", { "data-dir": config.replica.directory });
    await store.close();
    log.info("closed etcd server", { name: config.replica.name, "data-dir": config.replica.directory });
  } catch (error) {
    await store.close();
    throw error;
  }
  // Connections of clients may still be on their way out.
  process.exit(0);
}

function logOf(settings: Settings): Log {
  const outputs = settings.text("log-outputs").split(",");
  const writers = outputs.map((output): ((line: string) => void) => {
    if (output === "stdout") return (line) => void process.stdout.write(line);
    if (output === "default" || output === "stderr" || output === "systemd/journal")
      return (line) => void process.stderr.write(line);
    const file = createWriteStream(join(output), { flags: "a", mode: 0o600 });
    return (line) => void file.write(line);
  });
  return createEtcdLog({
    clock: platform.clock,
    level: settings.text("log-level"),
    format: settings.text("log-format"),
    write: (line) => {
      for (const write of writers) write(line);
    },
  });
}
