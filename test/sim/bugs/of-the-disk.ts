import { noMember, type Term } from "../../../src/base/index.ts";
import type { DiskFile, Platform } from "../../../src/platform/index.ts";
import { type Bug, overriding } from "./bug.ts";

/** Mistakes about what is durable. */
export const bugsOfTheDisk = {
  "acknowledge-before-fsync": {
    what: "the log says that a write is durable when it has been handed to the disk",
    parts: (parts) => ({
      ...parts,
      wal: overriding(parts.wal, {
        append(batch) {
          parts.wal.append(batch).catch(() => {});
          return Promise.resolve();
        },
      }),
    }),
  },
  "vote-not-persisted": {
    what: "the term goes into the log, whom the member voted for does not",
    parts: (parts) => ({
      ...parts,
      wal: overriding(parts.wal, {
        append: ({ hardState, ...batch }) =>
          parts.wal.append(hardState ? { ...batch, hardState: { ...hardState, vote: noMember } } : batch),
      }),
    }),
  },
  "torn-tail-kept": {
    what: "what a torn write has left is not cut off before the log goes on",
    faults: ["torn writes"],
    platform: (platform) => {
      const { disk } = platform;
      const open: typeof disk.open = async (path, options) => {
        const file = await disk.open(path, options);
        return overriding(file, { truncate: async () => {} });
      };
      return { ...platform, disk: overriding(disk, { open }) };
    },
  },
  "term-not-persisted": {
    what: "the vote goes into the log, the term that it was cast in does not",
    parts: (parts) => {
      let term = parts.raftConfig.restored.hardState.term;
      return {
        ...parts,
        wal: overriding(parts.wal, {
          append({ hardState, ...batch }) {
            if (hardState === undefined) return parts.wal.append(batch);
            const before = term;
            term = hardState.term;
            return parts.wal.append({ ...batch, hardState: { ...hardState, term: before as Term } });
          },
        }),
      };
    },
  },
  "failed-sync-ignored": {
    what: "a datasync that fails is tried once more, and the second one, which has nothing left to write, is believed",
    faults: ["failing sync", "lose power", "lose all power"],
    platform: (platform) =>
      withFiles(platform, (file) => {
        const datasync = () => file.datasync().catch(() => file.datasync());
        return overriding(file, {
          datasync,
          async writeDurably(parts, position) {
            await file.write(parts, position);
            await datasync();
          },
        });
      }),
  },
  "directory-not-synced": {
    what: "a file is durable, its name is not",
    faults: ["lose power", "lose all power"],
    platform: (platform) => ({
      ...platform,
      disk: overriding(platform.disk, { syncDirectory: async () => {} }),
    }),
  },
  "image-not-synced": {
    what: "an image gets its name before its bytes are on the disk",
    faults: ["lose power", "lose all power"],
    platform: (platform) =>
      withFiles(platform, (file, path) =>
        path.endsWith(".part") ? overriding(file, { datasync: async () => {} }) : file,
      ),
  },
} as const satisfies Record<string, Bug>;

function withFiles(platform: Platform, change: (file: DiskFile, path: string) => DiskFile): Platform {
  const { disk } = platform;
  const open: typeof disk.open = async (path, options) => change(await disk.open(path, options), path);
  return { ...platform, disk: overriding(disk, { open }) };
}
