import { join } from "node:path";
import type { Machine } from "../platform/index.ts";

/** A range of addresses that a kept cluster goes on with: its objects have addresses out of it. In a file of its own beside the members' directories. */
export interface KeptRange {
  /** Undefined: it has none yet, or is not kept. */
  readonly known: string | undefined;
  keep(range: string): Promise<void>;
}

/** `dataDir`: of a cluster that is kept. */
export async function keptRange(
  { files, disk }: Pick<Machine, "files" | "disk">,
  dataDir: string | undefined,
  file: string,
): Promise<KeptRange> {
  if (dataDir === undefined) return { known: undefined, keep: async () => {} };
  const path = join(dataDir, file);
  const bytes = await files.read(path).catch(() => undefined);
  const known = bytes === undefined ? undefined : Buffer.from(bytes).toString().trim();
  return {
    known,
    async keep(range) {
      if (range === known) return;
      await disk.makeDirectory(dataDir);
      await disk.replaceFile(path, Buffer.from(`${range}\n`));
    },
  };
}
