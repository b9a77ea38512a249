/**
 * Loads from etcd's own client: `benchmark` of its repository, where `ETCD_BENCHMARK` names it (`go build ./tools/benchmark`). It takes
 * most of a small machine for itself.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { MeasuredServer } from "../servers.ts";
import { compare, cpuMicrosOf, type Progress, quick, type Sample } from "./compare.ts";
import { valueBytes, watchedKey } from "./requests.ts";

const program = process.env["ETCD_BENCHMARK"];
const total = quick ? 10_000 : 40_000;
const key = new TextDecoder().decode(watchedKey);

const loads: readonly { readonly name: string; readonly args: readonly string[] }[] = [
  {
    name: "put, etcd's client, 8 connections, 512 clients",
    args: ["put", "--key-size", String(key.length), "--val-size", String(valueBytes)],
  },
  {
    name: "get, linearizable, etcd's client, 8, 512",
    args: ["range", key, "--consistency", "l"],
  },
  {
    name: "get, serializable, etcd's client, 8, 512",
    args: ["range", key, "--consistency", "s"],
  },
];

export async function etcdClientLoads(
  servers: readonly MeasuredServer[],
  progress: Progress,
): Promise<string[][]> {
  if (program === undefined) {
    progress("etcd's own client is left out: ETCD_BENCHMARK=PATH names it");
    return [];
  }
  const rows: string[][] = [];
  for (const { name, args } of loads)
    rows.push(await compare(name, servers, (server) => measure(program, server, args), progress));
  return rows;
}

async function measure(file: string, server: MeasuredServer, args: readonly string[]): Promise<Sample> {
  let text = "";
  const cpuMicros = await cpuMicrosOf(server, total, async () => {
    const shared = ["--endpoints", server.clientUrl, "--conns", "8", "--clients", "512"];
    const { stdout } = await promisify(execFile)(file, [...args, ...shared, "--total", String(total)], {
      maxBuffer: 1 << 24,
    });
    text = stdout;
  });
  const perSecond = Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1]);
  if (/Error distribution/.test(text) || !(perSecond > 0))
    throw new Error(`${file} ${args[0]} failed:\n${text}`);
  return { perSecond, p99Ms: Number(/99% in ([\d.]+) secs/.exec(text)?.[1]) * 1000, cpuMicros };
}
