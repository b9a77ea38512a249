import { join } from "node:path";
import type { Disk } from "../platform/index.ts";
import { recover } from "./recovery.ts";
import type { WalRestored } from "./types.ts";

export interface WalReport extends WalRestored {
  readonly segments: readonly { readonly path: string; readonly bytes: number }[];
  /** The last write was cut short by a crash: opening the log would take its remains away. */
  readonly torn: boolean;
}

/** Reads and checks a log that nobody has open, and changes nothing. @throws WalDamagedError, WalFormatError */
export async function inspectWal(disk: Disk, directory: string): Promise<WalReport> {
  const { hardState, snapshot, entries, torn } = await recover(disk, directory, { repair: false });
  const segments = [];
  for (const name of await disk.list(directory)) {
    if (!name.endsWith(".wal")) continue;
    const path = join(directory, name);
    const file = await disk.open(path, { readOnly: true });
    segments.push({ path, bytes: await file.size() });
    await file.close();
  }
  return { hardState, snapshot, entries, torn, segments };
}
