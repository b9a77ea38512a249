/**
 * Where the members of `up --members 3` reach each other. The identity of a cluster and of its members is made of these addresses, as
 * etcd's is, so a data directory keeps the ports that it was started with first.
 */
import { join } from "node:path";
import { fromUtf8, utf8 } from "../base/index.ts";
import type { Platform } from "../platform/index.ts";

const fileName = "peer-ports.json";

/** @throws Error where the directory holds a cluster of another size: the sizes do not turn into each other */
export async function checkClusterSize(
  platform: Platform,
  dataDir: string,
  members: "1" | "3",
): Promise<void> {
  const several = await platform.disk.exists(join(dataDir, fileName));
  if (!several && !(await platform.disk.exists(join(dataDir, "m1")))) return;
  const made = several ? "3" : "1";
  if (made === members) return;
  throw new Error(
    `${dataDir} holds a cluster made with --members ${made}: start it so, or use another --data-dir`,
  );
}

/** One port a name, remembered in `peer-ports.json`. @throws Error where that file is damaged */
export async function peerPorts(
  platform: Platform,
  dataDir: string,
  names: readonly string[],
  freePorts: (count: number) => Promise<number[]>,
): Promise<number[]> {
  const { disk } = platform;
  const path = join(dataDir, fileName);
  if (await disk.exists(path)) return parse(fromUtf8(await disk.readFile(path)), path, names);
  const ports = await freePorts(names.length);
  const table = Object.fromEntries(names.map((name, position) => [name, ports[position]]));
  await disk.replaceFile(path, utf8(`${JSON.stringify(table)}\n`), { mode: 0o644 });
  return ports;
}

function parse(text: string, path: string, names: readonly string[]): number[] {
  let table: unknown;
  try {
    table = JSON.parse(text);
  } catch {
    table = undefined;
  }
  return names.map((name) => {
    const port = typeof table === "object" && table !== null ? Reflect.get(table, name) : undefined;
    if (!Number.isInteger(port) || port < 1 || port > 65_535)
      throw new Error(`${path} is damaged: it names no port for member ${name}`);
    return port;
  });
}
