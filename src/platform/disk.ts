import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { nodeClock } from "./clock.ts";
import { lockDirectory } from "./directory-lock.ts";
import { DurableFile } from "./durable-file.ts";
import { called, closeDescriptor, openDescriptor, writeAll } from "./file-calls.ts";
import type { Disk, DiskFile } from "./ports.ts";

/** Files, through the thread pool but for what `DurableFile` does on the spot. */
export function nodeDisk(): Disk {
  const clock = nodeClock();
  return {
    async open(path, options) {
      const descriptor = await openDescriptor(path, openFlags(options));
      if (options?.durableWrites !== true || process.platform !== "linux") return new NodeFile(descriptor);
      return new NodeFile(descriptor, await DurableFile.open(path, clock));
    },
    readFile: async (path) => fs.promises.readFile(path),
    replaceFile,
    list: async (path) => (await fs.promises.readdir(path)).sort(),
    exists: (path) =>
      fs.promises.access(path).then(
        () => true,
        () => false,
      ),
    async makeDirectory(path) {
      await fs.promises.mkdir(path, { recursive: true, mode: 0o700 });
    },
    rename: (from, to) => called((done) => fs.rename(from, to, done)),
    remove: (path) => fs.promises.rm(path, { recursive: true, force: true }),
    syncDirectory,
    lock: lockDirectory,
    async freeBytes(path) {
      const { bavail, bsize } = await fs.promises.statfs(path);
      return bavail * bsize;
    },
    makeTemporaryDirectory: (prefix) => fs.promises.mkdtemp(join(tmpdir(), prefix)),
  };
}

function openFlags(
  options: { create?: boolean; exclusive?: boolean; readOnly?: boolean } | undefined,
): number {
  if (options?.readOnly === true) return fs.constants.O_RDONLY;
  let flags = fs.constants.O_RDWR;
  if (options?.create === true || options?.exclusive === true) flags |= fs.constants.O_CREAT;
  if (options?.exclusive === true) flags |= fs.constants.O_EXCL;
  return flags;
}

async function replaceFile(path: string, content: Uint8Array, options?: { mode?: number }): Promise<void> {
  const directory = dirname(path);
  const temporary = join(directory, `.${basename(path)}.${process.pid}.${++replacements}.tmp`);
  const { O_WRONLY, O_CREAT, O_EXCL } = fs.constants;
  const file = new NodeFile(await openDescriptor(temporary, O_WRONLY | O_CREAT | O_EXCL, options?.mode));
  try {
    try {
      await file.write([content], 0);
      await file.datasync();
    } finally {
      await file.close();
    }
    await called((done) => fs.rename(temporary, path, done));
  } catch (error) {
    await fs.promises.rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(directory);
}

/** Tells apart the temporary files of replacements that run at the same time. */
let replacements = 0;

async function syncDirectory(path: string): Promise<void> {
  const descriptor = await openDescriptor(path, fs.constants.O_RDONLY);
  try {
    await called((done) => fs.fsync(descriptor, done));
  } finally {
    await closeDescriptor(descriptor);
  }
}

class NodeFile implements DiskFile {
  readonly #descriptor: number;
  /** The same file. Elsewhere than on Linux such a descriptor promises less. */
  readonly #durable: DurableFile | undefined;
  /** Calls that write and have not ended. */
  #underWay = 0;

  constructor(descriptor: number, durable?: DurableFile) {
    this.#descriptor = descriptor;
    this.#durable = durable;
  }

  async read(buffer: Uint8Array, position: number): Promise<number> {
    let done = 0;
    while (done < buffer.length) {
      const count = await this.#readSome(buffer, done, position + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  #readSome(buffer: Uint8Array, offset: number, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.read(this.#descriptor, buffer, offset, buffer.length - offset, position, (error, count) =>
        error ? reject(error) : resolve(count),
      );
    });
  }

  write(parts: readonly Uint8Array[], position: number): Promise<void> {
    return this.#busy(writeAll(this.#descriptor, parts, position));
  }

  async writeDurably(
    parts: readonly Uint8Array[],
    position: number,
    { alone = false }: { alone?: boolean } = {},
  ): Promise<void> {
    // What else is being written may hold the file up.
    if (this.#durable !== undefined)
      return this.#durable.write(parts, position, alone && this.#underWay === 0);
    await this.write(parts, position);
    await this.datasync();
  }

  datasync(): Promise<void> {
    return this.#busy(called((done) => fs.fdatasync(this.#descriptor, done)));
  }

  #busy(work: Promise<void>): Promise<void> {
    this.#underWay++;
    return work.finally(() => {
      this.#underWay--;
    });
  }

  truncate(size: number): Promise<void> {
    return called((done) => fs.ftruncate(this.#descriptor, size, done));
  }

  size(): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.fstat(this.#descriptor, (error, stats) => (error ? reject(error) : resolve(stats.size)));
    });
  }

  async close(): Promise<void> {
    await closeDescriptor(this.#descriptor);
    await this.#durable?.close();
  }
}
