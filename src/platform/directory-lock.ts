import { realpath } from "node:fs/promises";
import { join } from "node:path";

/** In the locked directory; empty, and left behind on purpose: removing it would race with the next owner. */
const lockFileName = "lock";

/**
 * Locks a directory with a lock of the operating system, which a killed process cannot leave behind and two processes
 * cannot both take over, unlike a file with a process id in it. Node itself offers no such lock, but the SQLite inside it
 * does: an exclusive transaction on an empty database is exactly one (fcntl on POSIX, LockFileEx on Windows), held as long
 * as the database is open. Nothing is ever stored in it. Locks within one process exclude each other, too.
 * @throws an error with code EBUSY where somebody else holds it
 */
export async function lockDirectory(path: string): Promise<{ release(): Promise<void> }> {
  const { DatabaseSync } = await import("node:sqlite");
  const file = join(await realpath(path), lockFileName);
  const database = new DatabaseSync(file, { timeout: 0 });
  try {
    database.exec("PRAGMA journal_mode = MEMORY");
    database.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode !== sqliteBusy) throw error;
    throw Object.assign(new Error(`EBUSY: ${file} is locked by another process`), {
      code: "EBUSY",
      path: file,
    });
  }
  return {
    async release() {
      if (database.isOpen) database.close();
    },
  };
}

/** SQLITE_BUSY of https://www.sqlite.org/rescode.html */
const sqliteBusy = 5;
