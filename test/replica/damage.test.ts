/** Whatever hands or a disk do to a stopped member's directory: it has all that was acknowledged, or it does not start and says why. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import {
  fromUtf8,
  type LeaseId,
  type NumberSource,
  noLease,
  type Revision,
  seededPrng,
  utf8,
} from "../../src/base/index.ts";
import { anonymous } from "../../src/kv/index.ts";
import { nodePlatform, type Platform } from "../../src/platform/index.ts";
import { openReplica, type Replica, type ReplicaConfig } from "../../src/replica/index.ts";
import { createLog } from "../../src/telemetry/index.ts";
import { MemoryDisk } from "../platform/memory-disk.ts";
import { replicaConfigs } from "./cluster.ts";

const firstSeed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 1e9));
const damages = Number(process.env["DAMAGES"] ?? 100);
/** A member that does not answer by then hangs. */
const patienceMs = 10_000;
const root = "/data";
const sectorBytes = 512;
const writesPerLife = 60;

type Files = ReadonlyMap<string, Uint8Array>;

const silent = createLog({ sink: () => {}, now: () => 0, level: "error", format: "text" });

test(`a damaged directory has everything, or is refused with the file and the way out (SEED=${firstSeed})`, async () => {
  const { files, holds } = await written();
  const outcomes = new Set<string>();
  for (let seed = firstSeed; seed < firstSeed + damages; seed++) {
    const random = seededPrng(seed);
    const damaged = new Map([...files].map(([path, bytes]) => [path, bytes.slice()]));
    const what = damage(damaged, random);
    try {
      outcomes.add(await outcomeOf(damaged, holds));
    } catch (error) {
      throw new Error(`SEED=${seed} DAMAGES=1: ${what}: ${(error as Error).message}`, { cause: error });
    }
  }
  if (damages > 20) assert.deepEqual([...outcomes].sort(), ["intact", "refused"]);
});

/** A member's directory after some lives that each ended well, and what it holds. */
async function written(): Promise<{ files: Files; holds: string }> {
  const disk = new MemoryDisk();
  let holds = "";
  for (let life = 0; life < 3; life++) {
    const replica = await start(disk);
    for (let i = 0; i < writesPerLife; i++)
      await put(replica, `k${i % 20}`, `${life}.${i}`.padEnd((i * 37) % 900, "."), noLease);
    await replica.leases.grant({ id: BigInt(life + 1) as LeaseId, ttlSeconds: 3600 });
    await put(replica, `leased${life}`, "x", BigInt(life + 1) as LeaseId);
    await replica.access.change({ action: "add-role", role: `role${life}` }, anonymous);
    await replica.compact((replica.header().revision - 30) as Revision);
    holds = await contentOf(replica);
    await replica.close();
  }
  return { files: await filesOf(disk, root), holds };
}

async function outcomeOf(files: Files, holds: string): Promise<"intact" | "refused"> {
  const disk = new MemoryDisk();
  for (const [path, bytes] of files) await disk.replaceFile(path, bytes);
  for (const directory of ["", "/m1", "/m1/wal", "/m1/snapshots"])
    await disk.makeDirectory(`${root}${directory}`);
  let replica: Replica;
  try {
    replica = await inTime(start(disk));
  } catch (error) {
    const { message } = error as Error;
    assert.match(message, /\/data\/m1/, "it names the file");
    assert.match(
      message,
      /remove (it|this member)|another --data-dir|start (it|the member) with/i,
      "it names the way out",
    );
    return "refused";
  }
  try {
    assert.equal(await contentOf(replica), holds);
    return "intact";
  } finally {
    await replica.close();
  }
}

/** Everything that clients may ask for. */
async function contentOf(replica: Replica): Promise<string> {
  const { kvs, header } = await replica.range({ key: utf8("\0"), rangeEnd: utf8("\0") });
  const before = await replica.range({
    key: utf8("\0"),
    rangeEnd: utf8("\0"),
    revision: (header.revision - 20) as Revision,
  });
  const { hash } = await replica.hashKv(header.revision);
  const roles = await replica.access.roles(anonymous);
  const leases = await replica.leases.list();
  const shown = [kvs, before.kvs].map((list) =>
    list.map(({ key, value, modRevision, lease }) => [
      fromUtf8(key),
      fromUtf8(value),
      modRevision,
      `${lease}`,
    ]),
  );
  return JSON.stringify([header.revision, hash, shown, roles.names, leases.ids.map(String).sort()]);
}

async function put(replica: Replica, key: string, value: string, lease: LeaseId): Promise<void> {
  await replica.txn({
    compare: [],
    success: [{ type: "put", key: utf8(key), value: utf8(value), lease }],
    failure: [],
  });
}

/** Answers what was done. */
function damage(files: Map<string, Uint8Array>, random: NumberSource): string {
  const below = (bound: number): number => Math.floor(random() * bound);
  const path = [...files.keys()][below(files.size)] as string;
  const bytes = files.get(path) as Uint8Array;
  const used = Math.max(1, endOfData(bytes));
  const blockBytes = [sectorBytes, 4096][below(2)] as number;
  const block = (): number => Math.floor(below(used) / blockBytes) * blockBytes;
  const where = `${path} (${used} of ${bytes.length} bytes)`;
  switch (below(8)) {
    case 0: {
      const at = Array.from({ length: 1 + below(3) }, () => below(used));
      for (const one of at) bytes[one] = (bytes[one] ?? 0) ^ (1 << below(8));
      return `bits flipped at ${at.join()} of ${where}`;
    }
    case 1: {
      const from = block();
      bytes.fill(0, from, from + blockBytes);
      return `${blockBytes} bytes zeroed from ${from} of ${where}`;
    }
    case 2: {
      const from = below(used);
      const count = 1 + below(64);
      for (let at = from; at < Math.min(used, from + count); at++) bytes[at] = below(256);
      return `${count} bytes of noise from ${from} of ${where}`;
    }
    case 3: {
      const size = below(bytes.length);
      files.set(path, bytes.slice(0, size));
      return `cut off at ${size}: ${where}`;
    }
    case 4: {
      const [one, other] = [block(), block()];
      const held = bytes.slice(one, one + blockBytes);
      bytes.copyWithin(one, other, other + blockBytes);
      bytes.set(held.subarray(0, Math.max(0, bytes.length - other)), other);
      return `blocks of ${blockBytes} at ${one} and ${other} swapped in ${where}`;
    }
    case 5: {
      const [from, to] = [block(), block()];
      bytes.copyWithin(to, from, from + blockBytes);
      return `${blockBytes} bytes from ${from} written to ${to} of ${where}`;
    }
    case 6:
      files.delete(path);
      return `gone: ${where}`;
    default: {
      const other = [...files.keys()][below(files.size)] as string;
      files.set(path, (files.get(other) as Uint8Array).slice());
      return `${other} copied to ${where}`;
    }
  }
}

function endOfData(bytes: Uint8Array): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return end;
}

async function filesOf(disk: MemoryDisk, directory: string): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (const name of await disk.list(directory)) {
    const path = join(directory, name);
    if (/\.(json|wal|image)$|^end$/.test(name)) files.set(path, await disk.readFile(path));
    else
      for (const [inner, bytes] of await filesOf(disk, path).catch(() => new Map())) files.set(inner, bytes);
  }
  return files;
}

async function start(disk: MemoryDisk): Promise<Replica> {
  const replica = await openReplica({ platform: alone(disk), config: config(), log: silent });
  await Promise.race([replica.ready, replica.failed]);
  return replica;
}

function config(): ReplicaConfig {
  const [only] = replicaConfigs([2380], root, { snapshotCount: 40, segmentBytes: 8192, trailingBytes: 0 });
  return only as ReplicaConfig;
}

/** Without a network: nobody else is there. */
function alone(disk: MemoryDisk): Platform {
  return {
    ...nodePlatform(),
    disk,
    network: {
      listen: async ({ host, port }) => ({ host, port, stopAccepting() {}, close: async () => {} }),
      connect: () => Promise.reject(new Error("nobody is there")),
      bindDatagrams: () => Promise.reject(new Error("nobody is there")),
    },
  };
}

function inTime<T>(work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("it hangs")), patienceMs);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
