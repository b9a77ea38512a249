import { dirname, join } from "node:path";
import type { NumberSource } from "../../src/base/index.ts";
import type { Disk, DiskFile } from "../../src/platform/index.ts";

const sectorBytes = 512;

/** A change of a file that no datasync has covered yet. */
type Unsynced =
  | { readonly kind: "write"; readonly position: number; readonly bytes: Uint8Array }
  | { readonly kind: "truncate"; readonly size: number };

interface FileNode {
  current: Uint8Array;
  durable: Uint8Array;
  unsynced: Unsynced[];
}

/** A change of a directory that no directory sync has covered yet. `node` undefined: the name goes. */
interface Relink {
  readonly path: string;
  readonly node: FileNode | undefined;
}

export class DiskFault extends Error {
  readonly code: string;
  constructor(code: string) {
    super(`${code}: injected`);
    this.code = code;
  }
}

/**
 * A disk in memory that can lose power. `crash` answers the disk as it may look afterwards: of what was not synced each
 * sector is there or not, and of each directory's changes a prefix. Operations can be made to fail, and after
 * `haltAfter` operations the disk stops answering, as it does for a process that is no more.
 */
export class MemoryDisk implements Disk {
  #files = new Map<string, FileNode>();
  #durableFiles = new Map<string, FileNode>();
  #relinks: Relink[] = [];
  #directories = new Set<string>();
  #locks = new Set<string>();
  #temporary = 0;
  /** Bytes that `freeBytes` answers. */
  free = Number.POSITIVE_INFINITY;
  operations = 0;
  haltAfter = Number.POSITIVE_INFINITY;
  /** Makes an operation fail: answers a code for those that should. */
  fault: ((operation: string, path: string) => string | undefined) | undefined;

  get halted(): boolean {
    return this.operations >= this.haltAfter;
  }

  /** What a reboot finds. `random` decides what of the unsynced has survived. */
  crash(random: NumberSource): MemoryDisk {
    const after = new MemoryDisk();
    after.#directories = new Set(this.#directories);
    const names = new Map(this.#durableFiles);
    const survivors = Math.floor(random() * (this.#relinks.length + 1));
    for (const { path, node } of this.#relinks.slice(0, survivors)) {
      if (node === undefined) names.delete(path);
      else names.set(path, node);
    }
    // All, nothing, or anything between.
    const odds = [0, 1, random()][Math.floor(random() * 3)] ?? 0;
    const survived = new Map<FileNode, FileNode>();
    for (const [path, node] of names) {
      let copy = survived.get(node);
      if (copy === undefined) {
        const bytes = torn(node, random, odds);
        copy = { current: bytes, durable: bytes.slice(), unsynced: [] };
        survived.set(node, copy);
      }
      after.#files.set(path, copy);
      after.#durableFiles.set(path, copy);
    }
    return after;
  }

  /** What a process finds that was killed while the machine went on. */
  reopen(): MemoryDisk {
    const after = new MemoryDisk();
    after.#files = this.#files;
    after.#durableFiles = this.#durableFiles;
    after.#relinks = this.#relinks;
    after.#directories = this.#directories;
    this.haltAfter = 0;
    return after;
  }

  /** Flips bits behind everybody's back. */
  damage(path: string, offset: number, xor = 0xff): void {
    const node = this.#node(path);
    node.current[offset] = (node.current[offset] ?? 0) ^ xor;
    node.durable = node.current.slice();
  }

  async #step(operation: string, path: string): Promise<void> {
    if (this.halted) await new Promise<never>(() => {});
    this.operations++;
    await Promise.resolve();
    const code = this.fault?.(operation, path);
    if (code !== undefined) throw new DiskFault(code);
  }

  async open(
    path: string,
    options?: { create?: boolean; exclusive?: boolean; readOnly?: boolean },
  ): Promise<DiskFile> {
    await this.#step("open", path);
    let node = this.#files.get(path);
    if (node !== undefined && options?.exclusive === true) throw new DiskFault("EEXIST");
    if (node === undefined) {
      if (options?.create !== true && options?.exclusive !== true) throw new DiskFault("ENOENT");
      node = { current: new Uint8Array(0), durable: new Uint8Array(0), unsynced: [] };
      this.#link(path, node);
    }
    return this.#handle(path, node);
  }

  #handle(path: string, node: FileNode): DiskFile {
    return {
      read: async (buffer, position) => {
        await this.#step("read", path);
        const part = node.current.subarray(position, position + buffer.length);
        buffer.set(part);
        return part.length;
      },
      write: async (parts, position) => {
        const copies = parts.map((part) => part.slice());
        await this.#step("write", path);
        let at = position;
        for (const bytes of copies) {
          node.current = written(node.current, at, bytes);
          node.unsynced.push({ kind: "write", position: at, bytes });
          at += bytes.length;
        }
      },
      datasync: async () => {
        const covered = node.unsynced.length;
        const durable = node.current.slice();
        await this.#step("datasync", path);
        node.unsynced.splice(0, covered);
        node.durable = durable;
      },
      async writeDurably(parts, position) {
        await this.write(parts, position);
        await this.datasync();
      },
      truncate: async (size) => {
        await this.#step("truncate", path);
        node.current = resized(node.current, size);
        node.unsynced.push({ kind: "truncate", size });
      },
      size: async () => {
        await this.#step("size", path);
        return node.current.length;
      },
      close: () => this.#step("close", path),
    };
  }

  async readFile(path: string): Promise<Uint8Array> {
    await this.#step("readFile", path);
    return this.#node(path).current.slice();
  }

  async replaceFile(path: string, content: Uint8Array): Promise<void> {
    const copy = content.slice();
    const temporary = join(dirname(path), `.replace-${this.#temporary++}.tmp`);
    const file = await this.open(temporary, { create: true });
    await file.write([copy], 0);
    await file.datasync();
    await file.close();
    await this.rename(temporary, path);
    await this.syncDirectory(dirname(path));
  }

  async list(path: string): Promise<string[]> {
    await this.#step("list", path);
    if (!this.#directories.has(path)) throw new DiskFault("ENOENT");
    const names = new Set<string>();
    for (const name of [...this.#files.keys(), ...this.#directories]) {
      if (name.startsWith(`${path}/`)) names.add(name.slice(path.length + 1).split("/")[0] ?? "");
    }
    return [...names].sort();
  }

  async exists(path: string): Promise<boolean> {
    await this.#step("exists", path);
    return this.#files.has(path) || this.#directories.has(path);
  }

  async makeDirectory(path: string): Promise<void> {
    await this.#step("makeDirectory", path);
    for (let at = path; at !== dirname(at); at = dirname(at)) this.#directories.add(at);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#step("rename", from);
    const node = this.#node(from);
    this.#link(to, node);
    this.#link(from, undefined);
  }

  async remove(path: string): Promise<void> {
    await this.#step("remove", path);
    for (const name of [...this.#files.keys()]) {
      if (name === path || name.startsWith(`${path}/`)) this.#link(name, undefined);
    }
    for (const name of [...this.#directories]) {
      if (name === path || name.startsWith(`${path}/`)) this.#directories.delete(name);
    }
  }

  async syncDirectory(path: string): Promise<void> {
    const covered = this.#relinks.filter((relink) => dirname(relink.path) === path);
    await this.#step("syncDirectory", path);
    for (const { path: name, node } of covered) {
      if (node === undefined) this.#durableFiles.delete(name);
      else this.#durableFiles.set(name, node);
    }
    this.#relinks = this.#relinks.filter((relink) => !covered.includes(relink));
  }

  async lock(path: string): Promise<{ release(): Promise<void> }> {
    await this.#step("lock", path);
    if (this.#locks.has(path)) throw new DiskFault("EBUSY");
    this.#locks.add(path);
    return {
      release: async () => {
        this.#locks.delete(path);
      },
    };
  }

  async freeBytes(path: string): Promise<number> {
    await this.#step("look", path);
    return this.free;
  }

  async makeTemporaryDirectory(prefix: string): Promise<string> {
    const path = `/tmp/${prefix}${this.#temporary++}`;
    await this.makeDirectory(path);
    return path;
  }

  #node(path: string): FileNode {
    const node = this.#files.get(path);
    if (node === undefined) throw new DiskFault("ENOENT");
    return node;
  }

  #link(path: string, node: FileNode | undefined): void {
    if (node === undefined) this.#files.delete(path);
    else this.#files.set(path, node);
    this.#relinks.push({ path, node });
  }
}

function torn(node: FileNode, random: NumberSource, odds: number): Uint8Array {
  let bytes: Uint8Array = node.durable.slice();
  for (const change of node.unsynced) {
    if (change.kind === "truncate") {
      if (random() < odds) bytes = resized(bytes, change.size);
      continue;
    }
    const end = change.position + change.bytes.length;
    for (let at = change.position; at < end; ) {
      const next = Math.min(end, (Math.floor(at / sectorBytes) + 1) * sectorBytes);
      if (random() < odds) {
        bytes = written(bytes, at, change.bytes.subarray(at - change.position, next - change.position));
      }
      at = next;
    }
  }
  return bytes;
}

function written(bytes: Uint8Array, position: number, part: Uint8Array): Uint8Array {
  const end = position + part.length;
  const result = end > bytes.length ? resized(bytes, end) : bytes;
  result.set(part, position);
  return result;
}

function resized(bytes: Uint8Array, size: number): Uint8Array {
  const result = new Uint8Array(size);
  result.set(bytes.subarray(0, size));
  return result;
}
