/**
 * Mistakes that somebody could make, planted one at a time between the parts of simulated members: nothing of them is in the product. The
 * simulator must find each; one that it does not find says what its faults or its checkers lack.
 *
 *   npm run sim -- --bug NAME [--seeds 1000]
 */
import { noMember, type Revision } from "../../src/base/index.ts";
import type { Platform } from "../../src/platform/index.ts";
// The cores of simulated members are opened up here, and nowhere else.
import { Core } from "../../src/raft/core.ts";
import { createRaft } from "../../src/raft/raft.ts";
import type { ReplicaParts } from "../../src/replica/index.ts";
import type { Fault } from "./weather.ts";

export interface Bug {
  /** What is wrong, as a sentence of a post-mortem. */
  readonly what: string;
  /** The days that bring it out soonest, where on most days it does no harm. */
  readonly faults?: readonly Fault[];
  readonly platform?: (platform: Platform) => Platform;
  readonly core?: (core: Core) => void;
  readonly parts?: (parts: ReplicaParts) => ReplicaParts;
}

export const bugs = {
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
  "read-index-without-commit-in-term": {
    what: "a new leader answers reads from the commit index it had as a follower",
    core: (core) => pin(core, "termStart", 0),
  },
  "stale-read-after-pause": {
    what: "a leader answers reads without asking a quorum whether it still leads",
    core: (core) => pin(core.tracker, "confirmedRead", Number.POSITIVE_INFINITY),
  },
  "overlapping-changes": {
    what: "a leader appends a change of members while the one before may not be committed",
    core: (core) => pin(core, "pendingConfIndex", 0),
  },
  "lost-watch-event-at-compaction": {
    what: "a watch that begins in what is compacted begins behind it, and is not told",
    parts: (parts) => {
      const { hub, mvcc } = parts.state;
      const watch = hub.watch.bind(hub);
      hub.watch = (query, observer) => {
        const { startRevision = 0 } = query;
        const from = startRevision === 0 ? 0 : Math.max(startRevision, mvcc.compactRevision);
        return watch({ ...query, startRevision: from as Revision }, observer);
      };
      return parts;
    },
  },
  "lease-revoked-by-an-old-leader": {
    what: "a lease ends by the word of a leader that was deposed before the word was committed",
    faults: ["cut the leader off", "pause the leader", "slow network"],
    parts: (parts) => {
      const { state } = parts;
      const apply = state.apply.bind(state);
      state.apply = (command, term) =>
        apply(
          command.type === "lease-revoke" && command.expiredInTerm !== 0
            ? { ...command, expiredInTerm: term }
            : command,
          term,
        );
      return parts;
    },
  },
  "snapshot-without-its-tail": {
    what: "an image is finished without the piece that was gathered last",
    parts: (parts) => {
      const { images } = parts;
      const write = images.write.bind(images);
      images.write = (meta, pieces) => write(meta, withoutLast(pieces));
      return parts;
    },
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
  "applied-twice-after-restart": {
    what: "the first entries behind an image are applied although the image has them",
    parts: (parts) => {
      const { raft, raftConfig } = parts;
      let first = raftConfig.restored.snapshot.index > 0;
      const takeReady: typeof raft.takeReady = () => {
        const ready = raft.takeReady();
        if (!first || ready.committed.length === 0) return ready;
        first = false;
        return { ...ready, committed: [...ready.committed, ...ready.committed] };
      };
      return { ...parts, raft: overriding(raft, { takeReady }) };
    },
  },
} as const satisfies Record<string, Bug>;

export type BugName = keyof typeof bugs;

/** A member's platform with the bug in it. */
export function plantInPlatform(bug: Bug | undefined, platform: Platform): Platform {
  return bug?.platform?.(platform) ?? platform;
}

/** A member's parts with the bug in them, before anybody watches them. */
export function plantInParts(bug: Bug | undefined, parts: ReplicaParts): ReplicaParts {
  let planted = parts;
  if (bug?.core !== undefined) {
    const core = new Core(parts.raftConfig);
    bug.core(core);
    planted = { ...parts, raft: createRaft(parts.raftConfig, core) };
  }
  return bug?.parts?.(planted) ?? planted;
}

/** A property that stays what it is, whatever is written to it. */
function pin<T extends object>(of: T, property: keyof T, value: number): void {
  Object.defineProperty(of, property, { get: () => value, set: () => {} });
}

/** The same object with other methods. */
function overriding<T extends object>(object: T, methods: Partial<T>): T {
  return new Proxy(object, {
    get(target, key) {
      const value = methods[key as keyof T] ?? target[key as keyof T];
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

function* withoutLast<T>(items: Iterable<T>): Generator<T> {
  let held: T | undefined;
  for (const item of items) {
    if (held !== undefined) yield held;
    held = item;
  }
}
