/**
 * `npm run bench -- store [--quick] [--only=PART,…]`: what the store does most, against etcd (Debian's; `ETCD=PATH` names another) on the same machine in
 * one run: the same clients, the same durability (both sync before they answer), rounds interleaved. `ETCD_BENCHMARK=PATH` names etcd's own
 * client, whose loads are left out without it. With `--only` or `--quick` nothing is written to bench/results.
 */
import Table from "cli-table3";
import { type MeasuredServer, programs, startStore } from "./servers.ts";
import { head, type Progress, rounds } from "./store/compare.ts";
import { etcdClientLoads } from "./store/etcd-client.ts";
import { growth, growthHead } from "./store/growth.ts";
import { kvLoads, threeMembers } from "./store/kv-load.ts";
import { valueBytes } from "./store/requests.ts";
import { starts } from "./store/start.ts";
import { watchGrowth, watchLoads } from "./store/watch.ts";

type OnServers = (servers: readonly MeasuredServer[], progress: Progress) => Promise<string[][]>;

/** Loads on one member each; each part has servers of its own. */
const loads: Readonly<Record<string, OnServers>> = {
  kv: kvLoads,
  client: etcdClientLoads,
  watch: watchLoads,
  "watch-growth": watchGrowth,
};

const parts = [...Object.keys(loads), "members", "start", "growth"];

export async function bench(progress: Progress): Promise<string[]> {
  const only = process.argv
    .find((word) => word.startsWith("--only="))
    ?.slice("--only=".length)
    .split(",");
  const unknown = only?.filter((part) => !parts.includes(part)) ?? [];
  if (unknown.length > 0) throw new Error(`--only takes ${parts.join(", ")}, not ${unknown.join(", ")}`);
  const wants = (part: string) => only === undefined || only.includes(part);

  const rows: string[][] = [];
  for (const [part, run] of Object.entries(loads))
    if (wants(part)) rows.push(...(await onBoth(run, progress)));
  if (wants("members")) rows.push(await threeMembers(progress));
  const lines = [
    `Median of ${rounds} interleaved rounds, values of ${valueBytes} bytes, durable. An operation of a watch is an event at a watcher.`,
    "",
  ];
  if (rows.length > 0) lines.push(...table(head, rows));
  if (wants("start")) lines.push(...table(["", "raftsman", "etcd", "ratio"], await starts(progress)));
  if (wants("growth")) lines.push(...table(growthHead, await growth(progress)));
  return lines;
}

async function onBoth(run: OnServers, progress: Progress): Promise<string[][]> {
  const servers: MeasuredServer[] = [];
  try {
    for (const program of programs) servers.push(await startStore(program));
    return await run(servers, progress);
  } finally {
    for (const server of servers) await server.stop();
  }
}

function table(columns: readonly string[], rows: readonly string[][]): string[] {
  const made = new Table({ head: [...columns], style: { head: [], border: [] } });
  made.push(...rows);
  return ["```", made.toString(), "```", ""];
}
