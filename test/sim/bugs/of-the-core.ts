import type { Index } from "../../../src/base/index.ts";
import type { Message, Ready } from "../../../src/raft/index.ts";
import type { ReplicaParts } from "../../../src/replica/index.ts";
import { type Bug, overriding } from "./bug.ts";

/** Mistakes about who leads, what is committed, and who belongs to the cluster. */
export const bugsOfTheCore = {
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
  "messages-before-the-write": {
    what: "votes and acknowledgements leave while what they promise is on its way to the disk",
    parts: (parts) =>
      withReady(parts, (ready) => ({
        ...ready,
        messages: [...ready.messages, ...ready.messagesAfterPersist],
        messagesAfterPersist: [],
      })),
  },
  "commit-of-an-older-term": {
    what: "a leader counts who has an entry of an earlier term, and calls it committed (paper, figure 8)",
    core: (core) => {
      const { log } = core;
      const matches = log.matches.bind(log);
      log.matches = (index, term) =>
        matches(index, core.role === "leader" ? (log.termAt(index) ?? term) : term);
    },
  },
  "read-before-applied": {
    what: "a read that a quorum has confirmed is answered although what was committed by then is not applied",
    parts: (parts) =>
      withReady(parts, (ready) => ({
        ...ready,
        readStates: ready.readStates.map((state) => ({ ...state, index: 0 as Index })),
      })),
  },
  "proposal-forwarded-twice": {
    what: "what a follower hands on to the leader may arrive there twice",
    parts: (parts) =>
      withReady(parts, (ready) => ({
        ...ready,
        messages: ready.messages.flatMap((message): readonly Message[] =>
          message.type === "propose" ? [message, message] : [message],
        ),
      })),
  },
} as const satisfies Record<string, Bug>;

function withReady(parts: ReplicaParts, change: (ready: Ready) => Ready): ReplicaParts {
  const { raft } = parts;
  return { ...parts, raft: overriding(raft, { takeReady: () => change(raft.takeReady()) }) };
}

/** A property that stays what it is, whatever is written to it. */
function pin<T extends object>(of: T, property: keyof T, value: number): void {
  Object.defineProperty(of, property, { get: () => value, set: () => {} });
}
