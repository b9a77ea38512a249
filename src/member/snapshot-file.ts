/** Files in etcd's format: snapshots, with a hash behind the database, and copies of `member/snap/db`, which are the database alone. */
import type { Revision } from "../base/index.ts";
import { readStoredSnapshot, type SnapshotStatus, snapshotStatus } from "../etcdapi/index.ts";
import type { Disk, DiskFile } from "../platform/index.ts";
import { hashHistory } from "../replica/index.ts";

/** Where a database is read from. */
export interface DatabaseSource {
  readonly bytes: number;
  /** @throws Error: the file ends before */
  read(position: number, length: number): Promise<Uint8Array>;
}

const hashBytes = 32;
/** Pages, and so databases, are a multiple of it. */
const sectorBytes = 512;

export class SnapshotFile {
  readonly #file: DiskFile;
  readonly #path: string;
  readonly #bytes: number;

  private constructor(file: DiskFile, path: string, bytes: number) {
    this.#file = file;
    this.#path = path;
    this.#bytes = bytes;
  }

  /** Close it. */
  static async open(disk: Disk, path: string): Promise<SnapshotFile> {
    const file = await disk.open(path, { readOnly: true });
    return new SnapshotFile(file, path, await file.size());
  }

  get hasHash(): boolean {
    return this.#bytes % sectorBytes === hashBytes;
  }

  get database(): DatabaseSource {
    return {
      bytes: this.hasHash ? this.#bytes - hashBytes : this.#bytes,
      read: (at, length) => this.#read(at, length),
    };
  }

  /** SHA-256 of the database, as it stands behind it. */
  readHash(): Promise<Uint8Array> {
    return this.#read(this.#bytes - hashBytes, hashBytes);
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  async #read(position: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    if ((await this.#file.read(bytes, position)) < length) throw new Error(`${this.#path} ends early`);
    return bytes;
  }
}

/** @throws BboltDamagedError */
export function statusOfSnapshot(disk: Disk, path: string): Promise<SnapshotStatus> {
  return reading(disk, path, snapshotStatus);
}

/**
 * HashKV of its history up to a revision (0: all of it).
 * @throws BboltDamagedError, KvError COMPACTED, FUTURE_REVISION
 */
export function hashSnapshot(disk: Disk, path: string, revision: Revision): ReturnType<typeof hashHistory> {
  return reading(disk, path, async (database) => hashHistory(await readStoredSnapshot(database), revision));
}

async function reading<T>(
  disk: Disk,
  path: string,
  work: (database: DatabaseSource) => Promise<T>,
): Promise<T> {
  const file = await SnapshotFile.open(disk, path);
  try {
    return await work(file.database);
  } finally {
    await file.close();
  }
}
