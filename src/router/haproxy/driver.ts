/**
 * Routes by a HAProxy that this process runs: master and worker, so that a reload hands its listeners on and breaks no connection. A change of
 * routes is new files, checked before they count, and a reload; a change of endpoints alone is said on the socket, and then written
 * into the same files, so that the next reload finds what runs.
 */
import { errorText, type Log, pause } from "../../client/index.ts";
import type { Machine, RunningProcess, Timer } from "../../platform/index.ts";
import type { Metrics } from "../../telemetry/index.ts";
import type { Driver, EndpointsOf } from "../driver.ts";
import { closeGraceMs, startTimeoutMs } from "../limits.ts";
import type { RouteEntry, RouteTable } from "../types.ts";
import { filesOf, type HaproxyFiles, serverName, serverParameters } from "./config.ts";
import { backendName } from "./maps.ts";
import { askHaproxy } from "./socket.ts";
import { startWatched } from "./watched.ts";

export interface HaproxyOptions extends Omit<HaproxyFiles, "cookieKey"> {
  readonly machine: Machine;
  readonly log: Log;
  readonly endpointsOf: EndpointsOf;
  readonly metrics?: Metrics;
}

const encoder = new TextEncoder();
const emptyTable: RouteTable = {
  entries: [],
  certificates: new Map(),
  problems: new Map(),
  admitted: new Set(),
};
const pollMs = 20;
/** Between two tries to take out servers that still have connections. Milliseconds. */
const sweepMs = 1000;
/** After a change of endpoints until the files say so, too, and what runs is compared. Milliseconds. */
const settleMs = 200;
/** Bytes of one line of commands: HAProxy reads 16 KiB. */
const lineBytesMax = 8192;

/** The program is on the PATH. */
export async function hasHaproxy(machine: Machine): Promise<boolean> {
  return (await runHaproxy(machine, ["-v"])).ok;
}

/** @throws Error where HAProxy is missing or does not start; the message says why */
export async function startHaproxyDriver(options: HaproxyOptions): Promise<Driver> {
  const { machine, log, directory, endpointsOf } = options;
  const { clock, disk } = machine;
  const files: HaproxyFiles = {
    ...options,
    cookieKey: Buffer.from(machine.random.bytes(16)).toString("hex"),
  };
  const config = `${directory}/haproxy.config`;
  const admin = (commands: string) => askHaproxy(machine, `${directory}/admin.sock`, commands);
  let table = emptyTable;
  /** What runs, by backend: servers and their weights. */
  let running = new Map<string, Map<string, number>>();
  /** Servers in maintenance that still have connections. */
  const leaving = new Set<string>();
  const reloads = options.metrics?.counter("raftsman_router_reloads_total", "Reloads of HAProxy.").with();
  const runtimeChanges = options.metrics
    ?.counter("raftsman_router_runtime_changes_total", "Servers added, changed or removed without a reload.")
    .with();
  await disk.makeDirectory(directory);

  /** The files of a table, the configuration last. */
  async function write(next: RouteTable, name = "haproxy.config"): Promise<void> {
    for (const [file, text] of filesOf(files, next, endpointsOf))
      await disk.replaceFile(`${directory}/${file === "haproxy.config" ? name : file}`, encoder.encode(text));
  }

  /** Checks a table as HAProxy does, and leaves out what it refuses: the others go on. */
  async function usablePart(next: RouteTable): Promise<{ table: RouteTable; refused: Map<string, string> }> {
    const refused = new Map<string, string>();
    const check = async (entries: readonly RouteEntry[]): Promise<RouteEntry[]> => {
      await write({ ...next, entries }, "candidate.config");
      const { ok, output } = await runHaproxy(machine, ["-c", "-f", `${directory}/candidate.config`]);
      if (ok) return [...entries];
      if (entries.length === 0) throw new Error(`HAProxy refuses its configuration: ${output}`);
      if (entries.length === 1) {
        refused.set((entries[0] as RouteEntry).id, output);
        return [];
      }
      const half = entries.length >> 1;
      const parts = [await check(entries.slice(0, half)), await check(entries.slice(half))].flat();
      return parts;
    };
    const entries = await check(next.entries);
    return { table: { ...next, entries }, refused };
  }

  function serversOf(next: RouteTable): Map<string, Map<string, number>> {
    return new Map(
      next.entries.map((entry) => [
        backendName(entry),
        new Map(endpointsOf(entry).map((one) => [serverName(one), one.weight])),
      ]),
    );
  }

  const workerPid = async (): Promise<string | undefined> => {
    try {
      return /^Pid: (\d+)/m.exec(await admin("show info"))?.[1];
    } catch {
      return undefined;
    }
  };

  async function untilWorker(other: string | undefined): Promise<void> {
    const deadline = clock.monotonic() + startTimeoutMs;
    for (;;) {
      const pid = await workerPid();
      if (pid !== undefined && pid !== other) return;
      if (ended) throw new Error(`HAProxy ended: ${lastWords()}`);
      if (clock.monotonic() > deadline) throw new Error(`HAProxy does not start: ${lastWords()}`);
      await pause(clock, pollMs, new AbortController().signal);
    }
  }

  async function reload(): Promise<void> {
    const before = await workerPid();
    await askHaproxy(machine, `${directory}/master.sock`, "reload");
    await untilWorker(before);
    leaving.clear();
    reloads?.add();
  }

  async function setTable(next: RouteTable): Promise<ReadonlyMap<string, string>> {
    const { table: usable, refused } = await usablePart(next);
    table = usable;
    const servers = serversOf(table);
    await write(table);
    await reload();
    running = servers;
    for (const [id, why] of refused) log.warn("HAProxy refuses a route", { route: id, why });
    return refused;
  }

  async function endpointsChanged(entries: readonly RouteEntry[]): Promise<void> {
    const known = new Set(table.entries.map(({ id }) => id));
    const commands: string[] = [];
    for (const entry of entries) {
      if (!known.has(entry.id)) continue;
      const backend = backendName(entry);
      const have = running.get(backend) ?? new Map<string, number>();
      const want = new Map(endpointsOf(entry).map((one) => [serverName(one), one]));
      for (const [name, one] of want) {
        const server = `${backend}/${name}`;
        const weight = have.get(name);
        if (weight === undefined) {
          // One that is still being taken out is the same endpoint come back.
          if (leaving.delete(server)) commands.push(`set server ${server} weight ${one.weight}`);
          else
            commands.push(
              `add server ${server} ${serverParameters(files, entry, one)}`,
              `enable health ${server}`,
            );
          commands.push(`set server ${server} state ready`);
        } else if (weight !== one.weight) commands.push(`set server ${server} weight ${one.weight}`);
        have.set(name, one.weight);
      }
      for (const name of [...have.keys()]) {
        if (want.has(name)) continue;
        have.delete(name);
        commands.push(`set server ${backend}/${name} state maint`);
        leaving.add(`${backend}/${name}`);
      }
      running.set(backend, have);
    }
    if (commands.length === 0) return;
    for (const line of linesOf(commands)) await admin(line);
    runtimeChanges?.add(commands.length);
    settling ??= clock.after(settleMs, () => {
      settling = undefined;
      inTurn(settle).catch((error) => log.warn("HAProxy was not settled", { error: errorText(error) }));
    });
  }

  /** What costs as much as all routes together, once for the changes of a moment. */
  async function settle(): Promise<void> {
    const text = filesOf(files, table, endpointsOf).get("haproxy.config") ?? "";
    await disk.replaceFile(config, encoder.encode(text));
    await sweep();
    if (!(await agrees())) await mend();
  }

  /** Takes out servers without connections that are no endpoints any more. */
  async function sweep(): Promise<void> {
    for (const server of [...leaving]) {
      const answer = await admin(`del server ${server}`);
      if (/deleted|No such server/i.test(answer)) leaving.delete(server);
    }
  }

  /** What runs is what should, but for servers on their way out. */
  async function agrees(): Promise<boolean> {
    const state = await admin("show servers state");
    const found = new Map<string, Set<string>>();
    for (const line of state.split("\n")) {
      const fields = line.split(" ");
      const [, backend = "", , server = ""] = fields;
      if (!backend.startsWith("be_") || leaving.has(`${backend}/${server}`)) continue;
      // Forced or inherited maintenance: it gets nothing.
      if ((Number(fields[6]) & 0x2b) !== 0) return false;
      const known = found.get(backend) ?? new Set<string>();
      known.add(`${server} ${fields[7]}`);
      found.set(backend, known);
    }
    for (const [backend, servers] of running) {
      const there = found.get(backend) ?? new Set();
      if (there.size !== servers.size) return false;
      for (const [name, weight] of servers) if (!there.has(`${name} ${weight}`)) return false;
    }
    return true;
  }

  async function mend(): Promise<void> {
    log.warn("HAProxy does not run what it should: reloading");
    await setTable(table);
  }

  async function untilIdle(): Promise<void> {
    await admin("disable frontend public;disable frontend public_ssl");
    while (!ended && isBusy(await admin("show sess")))
      await pause(clock, pollMs, new AbortController().signal);
  }

  let settling: Timer | undefined;
  /** One after the other: what is compared must not be changing. */
  let turn: Promise<unknown> = Promise.resolve();
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = turn.then(work);
    turn = done.catch(() => {});
    return done;
  }

  const words: string[] = [];
  const lastWords = (): string => words.slice(-5).join(" ").trim();
  let ended = false;
  let closing = false;

  await write(emptyTable);
  await disk.remove(`${directory}/admin.sock`);
  const process = await startWatched(machine, {
    args: ["-W", "-f", config, "-S", `${directory}/master.sock`],
    directory,
  });
  for (const output of [process.stdout, process.stderr]) {
    output?.on("data", (chunk: Buffer) => {
      words.push(chunk.toString("utf8"));
      if (words.length > 20) words.shift();
    });
  }
  void process.ended.then(() => {
    ended = true;
    if (!closing) log.error("HAProxy ended", { words: lastWords() });
  });
  const sweeping = clock.every(
    sweepMs,
    () => {
      if (leaving.size > 0)
        inTurn(sweep).catch((error) => log.debug("HAProxy is not there", { error: errorText(error) }));
    },
    { background: true },
  );
  try {
    await untilWorker(undefined);
  } catch (error) {
    sweeping.cancel();
    process.signal("SIGKILL");
    throw error;
  }

  return {
    name: "haproxy",
    http: options.listen.http,
    https: options.listen.https,
    setTable: (next) => inTurn(() => setTable(next)),
    endpointsChanged: (entries) => inTurn(() => endpointsChanged(entries)),
    resync: () => inTurn(settle),
    async close() {
      closing = true;
      sweeping.cancel();
      settling?.cancel();
      const timer = clock.after(closeGraceMs, () => process.signal("SIGKILL"));
      // A soft stop would wait for connections that are only kept: nobody accepts any more, what is under way ends, and that is all.
      await inTurn(untilIdle).catch((error) =>
        log.debug("HAProxy is not there", { error: errorText(error) }),
      );
      process.signal("SIGTERM");
      await process.ended;
      timer.cancel();
    },
  };
}

/** Requests and tunnels are under way; our own question and TLS connections, whose requests have lines of their own, do not count. */
function isBusy(sessions: string): boolean {
  return sessions
    .split("\n")
    .some((line) => line.includes(" fe=") && !/ fe=GLOBAL | be=to_fe_sni /.test(line));
}

/** As many commands in a line as fit. */
function linesOf(commands: readonly string[]): string[] {
  const lines: string[] = [];
  for (const command of commands) {
    const last = lines.at(-1);
    if (last === undefined || last.length + command.length > lineBytesMax) lines.push(command);
    else lines[lines.length - 1] = `${last};${command}`;
  }
  return lines;
}

async function runHaproxy(machine: Machine, args: string[]): Promise<{ ok: boolean; output: string }> {
  let child: RunningProcess;
  try {
    const env = machine.processes.environment();
    child = await machine.processes.spawn({
      file: "haproxy",
      args,
      env,
      cwd: "/",
      stdin: false,
      output: "pipe",
    });
  } catch (error) {
    return { ok: false, output: errorText(error) };
  }
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      if (output.length < 4096) output += chunk.toString("utf8");
    });
  }
  const { exitCode } = await child.ended;
  return { ok: exitCode === 0, output: output.trim() };
}
