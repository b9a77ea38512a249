import assert from "node:assert/strict";
import { test } from "node:test";
import { type Index, type NumberSource, seededPrng, type Term } from "../../src/base/index.ts";
import type { Entry } from "../../src/raft/index.ts";
import { openWal, WalDamagedError, WalFormatError } from "../../src/wal/index.ts";
import { MemoryDisk } from "../platform/memory-disk.ts";

const directory = "/data/wal";
const sectorBytes = 512;
/** Of a frame, changed one at a time. */
const bitsMax = 40;
const logs = Number(process.env["LOGS"] ?? 40);
const firstSeed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 1e9));

/** A log's one file before its last frame was written, and after. */
interface Written {
  readonly before: Uint8Array;
  readonly after: Uint8Array;
  /** Of the last frame. */
  readonly start: number;
  readonly end: number;
  readonly entries: readonly Entry[];
  /** How many of the entries the last frame has. */
  readonly last: number;
}

type Outcome = "all entries" | "the last frame is gone" | "damaged";

test(`of a torn last frame nothing is left and of all before it everything, whichever of its sectors were written (SEED=${firstSeed})`, async () => {
  await forLogs(async (log, random) => {
    const sectors = sectorsOf(log);
    const sets = 2 ** sectors.length;
    // All sets of sectors where there are few, and otherwise each alone, all but each, and some.
    const chosen =
      sets <= 32
        ? Array.from({ length: sets }, (_, set) => set)
        : [0, sets - 1, ...sectors.flatMap((_, i) => [2 ** i, sets - 1 - 2 ** i])].concat(
            Array.from({ length: 20 }, () => Math.floor(random() * sets)),
          );
    for (const set of chosen) {
      const bytes = log.before.slice();
      for (const [i, [from, to]] of sectors.entries())
        if (Math.floor(set / 2 ** i) % 2 === 1) bytes.set(log.after.subarray(from, to), from);
      const expected = set === sets - 1 ? "all entries" : "the last frame is gone";
      assert.equal(await outcomeOf(log, bytes), expected, `sectors ${set.toString(2)}`);
    }
  });
});

test(`no bit of the last frame changes without being damage (SEED=${firstSeed})`, async () => {
  await forLogs(async (log, random) => {
    const bits = 8 * (log.end - log.start);
    for (let i = 0; i < Math.min(bits, bitsMax); i++) {
      const bit = bits <= bitsMax ? i : Math.floor(random() * bits);
      const bytes = log.after.slice();
      const at = log.start + (bit >> 3);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7));
      assert.equal(await outcomeOf(log, bytes), "damaged", `bit ${bit}`);
    }
  });
});

test(`no sector lands in another's place without being damage (SEED=${firstSeed})`, async () => {
  await forLogs(async (log) => {
    const used = Math.ceil(log.end / sectorBytes);
    for (let to = Math.floor(log.start / sectorBytes); to < used; to++)
      for (let from = 0; from < used; from++) {
        const bytes = log.after.slice();
        bytes.copyWithin(to * sectorBytes, from * sectorBytes, (from + 1) * sectorBytes);
        // What lands behind the log's end only, or is the same by chance as far as the log goes, harms nothing.
        if (Buffer.compare(bytes.subarray(0, log.end), log.after.subarray(0, log.end)) === 0) continue;
        assert.equal(await outcomeOf(log, bytes), "damaged", `sector ${from} on ${to}`);
      }
  });
});

test("a log of another format is refused by its number, and left as it is", async () => {
  const { after } = await write([[entry(1, 100)]]);
  after[7] = 2;
  const disk = await diskWith(after);
  await assert.rejects(open(disk), (error) => {
    assert.ok(error instanceof WalFormatError);
    assert.match(error.message, /has format 2, and this version reads format 3/);
    return true;
  });
  assert.deepEqual(await disk.readFile(await fileOf(disk)), after);
});

async function forLogs(check: (log: Written, random: NumberSource) => Promise<void>): Promise<void> {
  for (let seed = firstSeed; seed < firstSeed + logs; seed++) {
    const random = seededPrng(seed);
    try {
      await check(await write(drawBatches(random)), random);
    } catch (error) {
      throw new Error(`SEED=${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
}

/** A few small frames, and a last one of up to some sectors, of values that are empty, sparse or full. */
function drawBatches(random: NumberSource): Entry[][] {
  let index = 0;
  const pick = (n: number): number => Math.floor(random() * n);
  const value = (bytesMax: number): Entry => {
    const data = new Uint8Array(pick(bytesMax));
    const density = [0, 0.001, 0.01, 1][pick(4)] ?? 0;
    for (let at = 0; at < data.length; at++)
      if (random() < density) data[at] = density === 1 ? pick(256) : 1 << pick(8);
    return { index: ++index as Index, term: 1 as Term, type: "normal", data };
  };
  const frames = Array.from({ length: 1 + pick(4) }, () => [value(700)]);
  return [...frames, Array.from({ length: 1 + pick(3) }, () => value([20, 600, 2500][pick(3)] ?? 0))];
}

function entry(index: number, bytes: number): Entry {
  return { index: index as Index, term: 1 as Term, type: "normal", data: new Uint8Array(bytes) };
}

async function write(batches: readonly Entry[][]): Promise<Written> {
  const disk = new MemoryDisk();
  const { wal } = await open(disk);
  for (const entries of batches.slice(0, -1)) await wal.append({ entries });
  const before = await disk.readFile(await fileOf(disk));
  const bytesBefore = wal.stats.bytes;
  await wal.append({ entries: batches.at(-1) ?? [] });
  const after = await disk.readFile(await fileOf(disk));
  // A frame begins with its length, which is not zero, at a multiple of 8.
  const start = 8 * Math.floor(after.findIndex((byte, at) => byte !== before[at]) / 8);
  const end = start + wal.stats.bytes - bytesBefore;
  return { before, after, start, end, entries: batches.flat(), last: batches.at(-1)?.length ?? 0 };
}

/** Of the last frame, each part that is in a sector of its own. */
function sectorsOf({ start, end }: Written): [number, number][] {
  const parts: [number, number][] = [];
  for (let from = start; from < end; ) {
    const to = Math.min(end, (Math.floor(from / sectorBytes) + 1) * sectorBytes);
    parts.push([from, to]);
    from = to;
  }
  return parts;
}

async function outcomeOf(log: Written, bytes: Uint8Array): Promise<Outcome> {
  try {
    const { wal, restored } = await open(await diskWith(bytes));
    await wal.close();
    const count = restored.entries.length;
    assert.deepEqual(restored.entries, log.entries.slice(0, count));
    if (count === log.entries.length) return "all entries";
    assert.equal(count, log.entries.length - log.last);
    return "the last frame is gone";
  } catch (error) {
    if (error instanceof WalDamagedError) return "damaged";
    throw error;
  }
}

async function diskWith(bytes: Uint8Array): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  const { wal } = await open(disk);
  await wal.close();
  const file = await disk.open(await fileOf(disk));
  await file.truncate(0);
  await file.write([bytes], 0);
  await file.close();
  return disk;
}

async function fileOf(disk: MemoryDisk): Promise<string> {
  return `${directory}/${(await disk.list(directory))[0] ?? ""}`;
}

function open(disk: MemoryDisk): ReturnType<typeof openWal> {
  return openWal({ disk, directory, salt: 0x5eed_1234, segmentBytes: 32_768 });
}
