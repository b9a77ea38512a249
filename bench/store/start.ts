/** From the process to /health: with nothing, and with a hundred thousand keys of an earlier life. */
import { rmSync } from "node:fs";
import { type Home, newHome, programs, startStore } from "../servers.ts";
import { median } from "../statistics.ts";
import { type Progress, rounds } from "./compare.ts";
import { send } from "./filling.ts";
import { fill } from "./requests.ts";

const keys = 100_000;

export async function starts(progress: Progress): Promise<string[][]> {
  const homes = await Promise.all(programs.map((program) => newHome(program)));
  try {
    const empty = new Map<string, number[]>(programs.map(({ name }) => [name, []]));
    const full = new Map<string, number[]>(programs.map(({ name }) => [name, []]));
    for (const [i, program] of programs.entries()) {
      const server = await startStore(program, { home: homes[i] as Home });
      await send(server, fill(0, keys));
      await server.stop();
    }
    for (let round = 0; round < rounds; round++) {
      for (const [i, program] of programs.entries()) {
        const fresh = await startStore(program);
        empty.get(program.name)?.push(fresh.startMs);
        await fresh.stop();
        const filled = await startStore(program, { home: homes[i] as Home });
        full.get(program.name)?.push(filled.startMs);
        await filled.stop();
      }
      progress(`starts: round ${round + 1} of ${rounds}`);
    }
    return [row("start to healthy, empty", empty), row("start to healthy, 100,000 keys", full)];
  } finally {
    for (const { directory } of homes) rmSync(directory, { recursive: true, force: true });
  }
}

function row(name: string, times: ReadonlyMap<string, readonly number[]>): string[] {
  const [ours, theirs] = ["raftsman", "etcd"].map((server) => median(times.get(server) ?? []));
  if (ours === undefined || theirs === undefined) throw new Error("nothing was started");
  return [name, `${ours.toFixed(0)} ms`, `${theirs.toFixed(0)} ms`, `${(ours / theirs).toFixed(2)} ×`];
}
