/** The disk as one process sees it: operations take time, fail when told to, and are never answered once the process is gone. */
import { dirname, join } from "node:path";
import type { Disk, DiskFile } from "../../src/platform/index.ts";
import type { Life } from "./life.ts";
import { type Change, FileNode, type Storage } from "./storage.ts";
import type { WorldEvent } from "./world.ts";

export type DiskOperation =
  | "open"
  | "read"
  | "write"
  | "datasync"
  | "truncate"
  | "rename"
  | "remove"
  | "look"
  | "syncDirectory";

/** How a machine's disk behaves now. Changed while it is in use. */
export interface DiskHealth {
  /** Factor on every operation's time. */
  slowness: number;
  /** Nothing completes before this virtual time. */
  stalledUntilMs: number;
  /** Writes that need more room fail with ENOSPC, as if there were none. */
  full: boolean;
  /** Bytes that all files of the machine may have; more fail with ENOSPC. */
  capacityBytes: number;
  /** Next operations of a kind that fail with EIO. */
  failing: Map<DiskOperation, number>;
}

export function goodHealth(): DiskHealth {
  return {
    slowness: 1,
    stalledUntilMs: 0,
    full: false,
    capacityBytes: Number.POSITIVE_INFINITY,
    failing: new Map(),
  };
}

/** Milliseconds, without slowness, at least; up to three times as long. */
const costMs: Readonly<Record<DiskOperation, number>> = {
  open: 0.02,
  read: 0.02,
  write: 0.03,
  datasync: 0.4,
  truncate: 0.02,
  rename: 0.03,
  remove: 0.03,
  look: 0.01,
  syncDirectory: 0.4,
};

/** The slowest disk ends an operation within this: what was asked of it before the faults stop ends soon after. */
const operationMsMax = 3000;

type WriteChange = Extract<Change, { readonly kind: "write" }>;

function writeOf(parts: readonly Uint8Array[], position: number): WriteChange {
  return { kind: "write", position, bytes: new Uint8Array(Buffer.concat(parts)) };
}

class DiskError extends Error {
  readonly code: string;
  constructor(code: string, path: string) {
    super(`${code}: ${path}`);
    this.code = code;
  }
}

export class SimDisk implements Disk {
  readonly #life: Life;
  readonly #storage: Storage;
  readonly #health: DiskHealth;
  readonly #locks = new Set<string>();
  /** Writes that have not come back. */
  readonly #inFlight = new Set<{ readonly node: FileNode; readonly change: Change }>();
  #replacements = 0;

  constructor(options: { life: Life; storage: Storage; health: DiskHealth }) {
    this.#life = options.life;
    this.#storage = options.storage;
    this.#health = options.health;
  }

  /** The process is gone: of what it was writing, each write was made or not, or in part. */
  abandon(): void {
    const { world } = this.#life;
    for (const { node, change } of this.#inFlight) {
      if (change.kind === "truncate" || world.chance(0.3)) {
        if (world.chance(0.5)) node.change(change);
      } else if (world.chance(0.5)) {
        // The system copies what is written up to a boundary of the file, not of the write.
        const end = change.position + world.below(1 + change.bytes.length);
        node.change({
          ...change,
          bytes: change.bytes.slice(0, Math.max(0, end - (end % 512) - change.position)),
        });
      }
    }
    this.#inFlight.clear();
  }

  async open(
    path: string,
    options?: { create?: boolean; exclusive?: boolean; readOnly?: boolean },
  ): Promise<DiskFile> {
    return this.#operate("open", path, () => {
      let node = this.#storage.files.get(path);
      if (node !== undefined && options?.exclusive === true) throw new DiskError("EEXIST", path);
      if (node === undefined) {
        if (options?.create !== true && options?.exclusive !== true) throw new DiskError("ENOENT", path);
        node = new FileNode();
        this.#storage.link(path, node);
      }
      return this.#handle(path, node);
    });
  }

  readFile(path: string): Promise<Uint8Array> {
    return this.#operate("read", path, () => this.#node(path).current.bytes.slice());
  }

  async replaceFile(path: string, content: Uint8Array): Promise<void> {
    const temporary = join(dirname(path), `.replace-${this.#replacements++}.tmp`);
    const file = await this.open(temporary, { create: true });
    await file.truncate(0);
    await file.write([content], 0);
    await file.datasync();
    await file.close();
    await this.rename(temporary, path);
    await this.syncDirectory(dirname(path));
  }

  list(path: string): Promise<string[]> {
    return this.#operate("look", path, () => {
      const { files, directories } = this.#storage;
      if (!directories.has(path)) throw new DiskError("ENOENT", path);
      const names = new Set<string>();
      for (const name of [...files.keys(), ...directories])
        if (name.startsWith(`${path}/`)) names.add(name.slice(path.length + 1).split("/")[0] ?? "");
      return [...names].sort();
    });
  }

  exists(path: string): Promise<boolean> {
    return this.#operate(
      "look",
      path,
      () => this.#storage.files.has(path) || this.#storage.directories.has(path),
    );
  }

  makeDirectory(path: string): Promise<void> {
    return this.#operate("open", path, () => {
      for (let at = path; at !== dirname(at); at = dirname(at)) this.#storage.directories.add(at);
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#operate("rename", from, () => {
      const node = this.#node(from);
      this.#storage.link(to, node);
      this.#storage.link(from, undefined);
    });
  }

  remove(path: string): Promise<void> {
    return this.#operate("remove", path, () => {
      const { files, directories } = this.#storage;
      const isBelow = (name: string) => name === path || name.startsWith(`${path}/`);
      for (const name of [...files.keys()]) if (isBelow(name)) this.#storage.link(name, undefined);
      for (const name of [...directories]) if (isBelow(name)) directories.delete(name);
    });
  }

  syncDirectory(path: string): Promise<void> {
    const covered = this.#storage.relinksIn(path);
    return this.#operate("syncDirectory", path, () => this.#storage.syncDirectory(covered));
  }

  async lock(path: string): Promise<{ release(): Promise<void> }> {
    return this.#operate("open", path, () => {
      if (this.#locks.has(path)) throw new DiskError("EBUSY", path);
      this.#locks.add(path);
      return { release: async () => void this.#locks.delete(path) };
    });
  }

  freeBytes(path: string): Promise<number> {
    return this.#operate("look", path, () => this.#health.capacityBytes - this.#storage.bytes);
  }

  makeTemporaryDirectory(): Promise<string> {
    throw new Error("nobody here needs one");
  }

  #handle(path: string, node: FileNode): DiskFile {
    const datasync = (): Promise<void> => {
      const covered = [...node.unsynced];
      return this.#operate(
        "datasync",
        path,
        () => node.sync(covered),
        () => {
          // The pages are clean now, and on no disk.
          node.unsynced = node.unsynced.filter((change) => !covered.includes(change));
        },
      );
    };
    return {
      read: (buffer, position) =>
        this.#operate("read", path, () => {
          const part = node.current.bytes.subarray(position, position + buffer.length);
          buffer.set(part);
          return part.length;
        }),
      write: (parts, position) => this.#write(path, node, writeOf(parts, position)),
      datasync,
      writeDurably: async (parts, position, { alone = false } = {}) => {
        const change = writeOf(parts, position);
        if (alone && this.#isQuickFor(node, change)) return this.#writeNow(path, node, change);
        await this.#write(path, node, change);
        await datasync();
      },
      truncate: (size) => this.#operate("truncate", path, () => node.change({ kind: "truncate", size })),
      size: () => this.#operate("look", path, () => node.current.size),
      close: () => this.#operate("look", path, () => {}),
    };
  }

  #hasRoomFor(node: FileNode, { position, bytes }: WriteChange): boolean {
    const grows = Math.max(0, position + bytes.length - node.current.size);
    const { full, capacityBytes } = this.#health;
    return grows === 0 || (!full && this.#storage.bytes + grows <= capacityBytes);
  }

  #isQuickFor(node: FileNode, change: WriteChange): boolean {
    const { slowness, stalledUntilMs, failing } = this.#health;
    const isWell = slowness === 1 && stalledUntilMs <= this.#life.world.now && failing.size === 0;
    return isWell && this.#hasRoomFor(node, change);
  }

  /** Made, and durable, before anything else happens. */
  async #writeNow(path: string, node: FileNode, change: WriteChange): Promise<void> {
    const entry = { node, change };
    this.#inFlight.add(entry);
    if (!this.#life.step(`write ${path}`)) return new Promise<never>(() => {});
    this.#inFlight.delete(entry);
    node.change(change);
    node.sync([change]);
  }

  async #write(path: string, node: FileNode, change: WriteChange): Promise<void> {
    if (!this.#hasRoomFor(node, change)) {
      await this.#operate("look", path, () => {});
      throw new DiskError("ENOSPC", path);
    }
    const entry = { node, change };
    this.#inFlight.add(entry);
    await this.#operate(
      "write",
      path,
      () => {
        this.#inFlight.delete(entry);
        node.change(change);
      },
      () => this.#inFlight.delete(entry),
    );
  }

  /** One operation, from its call to its end. `failed` is called instead of `done` where it fails. */
  #operate<T>(kind: DiskOperation, path: string, done: () => T, failed?: () => void): Promise<T> {
    const life = this.#life;
    const health = this.#health;
    if (!life.step(`${kind} ${path}`)) return new Promise<never>(() => {});
    return new Promise((resolve, reject) => {
      const { world } = life;
      const finish = (): void => {
        if (health.stalledUntilMs > world.now) return void wait(health.stalledUntilMs - world.now);
        const left = health.failing.get(kind) ?? 0;
        if (left > 0) {
          health.failing.set(kind, left - 1);
          world.note(life.name, `disk error at ${kind} ${path}`);
          failed?.();
          return reject(new DiskError("EIO", path));
        }
        try {
          resolve(done());
        } catch (error) {
          reject(error as Error);
        }
      };
      const wait = (milliseconds: number): WorldEvent => world.schedule(milliseconds, finish, life);
      // A disk has its moments.
      const rough = kind === "datasync" && world.chance(0.01) ? 50 : 1;
      wait(Math.min(operationMsMax, costMs[kind] * world.between(1, 3) * health.slowness * rough));
    });
  }

  #node(path: string): FileNode {
    const node = this.#storage.files.get(path);
    if (node === undefined) throw new DiskError("ENOENT", path);
    return node;
  }
}
