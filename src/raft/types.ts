import type { Index, MemberId, Term } from "../base/index.ts";

export type EntryType = "normal" | "conf-change";

/** One position of the replicated log. An empty `normal` entry is what a new leader begins its term with. */
export interface Entry {
  readonly term: Term;
  readonly index: Index;
  readonly type: EntryType;
  readonly data: Uint8Array;
}

/** What must survive a crash besides the log (Raft paper, figure 2, "persistent state"). */
export interface HardState {
  readonly term: Term;
  /** noMember: not voted in this term. */
  readonly vote: MemberId;
  readonly commit: Index;
}

/** Who counts. The joint form (`votersOutgoing` not empty) is section 6 of the paper. */
export interface ConfState {
  readonly voters: readonly MemberId[];
  readonly votersOutgoing: readonly MemberId[];
  readonly learners: readonly MemberId[];
}

/** Where an image of the state machine stands in the log. The image itself is the replica's affair. */
export interface SnapshotMeta {
  readonly index: Index;
  readonly term: Term;
  readonly confState: ConfState;
}

interface Addressed {
  readonly from: MemberId;
  readonly to: MemberId;
  readonly term: Term;
}

/** What members say to each other: RequestVote, AppendEntries, InstallSnapshot of the paper, and PreVote (thesis, 9.6). */
export type Message = Addressed &
  (
    | {
        readonly type: "pre-vote" | "vote";
        readonly lastIndex: Index;
        readonly lastTerm: Term;
        readonly transfer: boolean;
      }
    | {
        readonly type: "pre-vote-response" | "vote-response";
        readonly granted: boolean;
        /** What the voter knows to be committed: a candidate may have to learn from it that a conf change is. */
        readonly commit: Index;
        readonly commitTerm: Term;
      }
    | {
        readonly type: "append";
        readonly prevIndex: Index;
        readonly prevTerm: Term;
        readonly entries: readonly Entry[];
        readonly commit: Index;
      }
    | {
        readonly type: "append-response";
        /** Accepted: the last index that matches. Rejected: the `prevIndex` that did not. */
        readonly index: Index;
        readonly rejected: boolean;
        /** With a rejection: where the follower suggests to go on, and the term it has there. */
        readonly hintIndex: Index;
        readonly hintTerm: Term;
      }
    | { readonly type: "heartbeat"; readonly commit: Index; readonly context: number }
    | { readonly type: "heartbeat-response"; readonly context: number }
    | { readonly type: "snapshot"; readonly snapshot: SnapshotMeta }
    | { readonly type: "read-index"; readonly context: number }
    | { readonly type: "read-index-response"; readonly context: number; readonly index: Index }
    | { readonly type: "timeout-now" }
    | {
        readonly type: "propose";
        readonly entries: readonly { readonly type: EntryType; readonly data: Uint8Array }[];
      }
  );

export type Role = "follower" | "pre-candidate" | "candidate" | "leader";

/** A confirmed read: once `index` is applied, the state is at least as new as when `context` was asked. */
export interface ReadState {
  readonly context: number;
  readonly index: Index;
}

/**
 * The work the core hands out. The owner must: make `hardState` and `entries` durable, and only then send
 * `messagesAfterPersist` and call `persisted`; may send `messages` at once; applies `committed` in order and calls
 * `applied`. A leader's own append counts for the quorum only after `persisted`, and so does a candidate's own vote.
 *
 * Several Readys may be on their way to the disk. They become durable in the order they were taken: what is written
 * for one survives a crash only if what was written for all before it does, and `messagesAfterPersist` of one, even of
 * one with nothing to write, wait for all before it.
 */
export interface Ready {
  /** Present when it changed. */
  readonly hardState: HardState | undefined;
  /** To append to the log, after truncating it from `entries[0].index` on. */
  readonly entries: readonly Entry[];
  /** A snapshot the leader sent: install it before anything else. */
  readonly snapshot: SnapshotMeta | undefined;
  /** May fly beside the disk write (a leader's appends and heartbeats). */
  readonly messages: readonly Message[];
  /** Only after the write above, and of every Ready before, is durable (votes asked and given, a follower's acknowledgements). */
  readonly messagesAfterPersist: readonly Message[];
  /** Committed and durable here, not handed out before; a conf change only once its commit index is durable, too. */
  readonly committed: readonly Entry[];
  readonly readStates: readonly ReadState[];
  /**
   * A datasync is needed: hardState's term or vote changed, or its commit index passed a conf change; entries are not empty; or there is a
   * snapshot.
   */
  readonly mustSync: boolean;
}

/** What the core needs to know of the log that is already durable; kept by the core in memory, bounded by compaction. */
export interface RaftConfig {
  readonly id: MemberId;
  /** Ticks without a leader's word until an election, at least; the real one is drawn from [min, 2·min). */
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Bytes of entries in one append message. */
  readonly appendBytesMax: number;
  /** Append messages on their way to one follower. */
  readonly inflightMessagesMax: number;
  /** Bytes of entries on their way to one follower: none is sent while there are so many. 16 MiB when absent. */
  readonly inflightBytesMax?: number;
  /** Bytes proposed and not committed; more is refused. */
  readonly uncommittedBytesMax: number;
  /** Bytes of committed entries in one Ready. */
  readonly committedBytesMax: number;
  /** Bytes of entries kept below a compaction point, so that a slow follower needs no image. 16 MiB when absent. */
  readonly trailingBytesMax?: number;
  /** Bytes of entries kept that all members have, so that who joins a young cluster needs no image. 4 MiB when absent. */
  readonly sharedBytesMax?: number;
  /** From the disk; at the very first start `bootstrap(…)` or `joining`. */
  readonly restored: {
    readonly hardState: HardState;
    /** Index 0 for a fresh member. */
    readonly snapshot: SnapshotMeta;
    /** After the snapshot, contiguous. */
    readonly entries: readonly Entry[];
    /** Up to here is applied already (the snapshot's index, at least). */
    readonly applied: Index;
  };
}

/** Why `propose` refused. */
export type ProposeResult = "accepted" | "no-leader" | "overloaded" | "transferring";

export interface ProgressStatus {
  readonly member: MemberId;
  readonly match: Index;
  readonly next: Index;
  readonly state: "probe" | "replicate" | "snapshot";
  readonly learner: boolean;
  readonly active: boolean;
  /** Bytes of entries on their way to it. */
  readonly inflightBytes: number;
}

export interface RaftStatus {
  readonly id: MemberId;
  readonly role: Role;
  readonly term: Term;
  readonly leader: MemberId;
  readonly commit: Index;
  readonly applied: Index;
  readonly lastIndex: Index;
  readonly confState: ConfState;
  readonly progress: readonly ProgressStatus[];
}

/**
 * One step of membership. `add-voter` also promotes a learner, `add-learner` also demotes a voter; a change that would
 * leave no voter, or that comes while the configuration is joint, changes nothing.
 */
export interface ConfChange {
  readonly type: "add-voter" | "add-learner" | "remove";
  readonly member: MemberId;
  /** Opaque to the core and carried with the change: the member's addresses, say. */
  readonly context?: Uint8Array;
}

/**
 * Several steps of membership at once (section 6 of the paper): `joint` has the configurations before and after it decide together, until
 * `leave-joint`, which the leader appends by itself as soon as the first is applied, leaves the one after it alone. A voter that becomes a
 * learner takes a step of its own; a joint change that would have one, or leave no voter, changes nothing.
 */
export type JointChange =
  | { readonly type: "joint"; readonly changes: readonly ConfChange[] }
  | { readonly type: "leave-joint" };

/**
 * The consensus core: synchronous, without I/O, clock or chance of its own. The owner steps messages and ticks in and
 * carries out what `takeReady` says.
 */
export interface Raft {
  tick(): void;
  step(message: Message): void;
  /** Appends (leader) or forwards (follower). Data is opaque. */
  propose(entries: readonly { readonly type: EntryType; readonly data: Uint8Array }[]): ProposeResult;
  /**
   * Asks for a ReadState with this context; false when there is nobody to ask or too many are waiting. A read may be
   * lost: ask again after a time-out. A context must never come twice, not even over a restart (begin at a random
   * number): a late answer to the old question would pass for one to the new.
   */
  readIndex(context: number): boolean;
  hasReady(): boolean;
  /** Hands out the work and counts it as handed out. */
  takeReady(): Ready;
  /**
   * The write of a Ready, and of every Ready before it, is durable: pass its last entry (`entries.at(-1)`; the term tells a
   * late word about a truncated log) and its `hardState`. In the order the Readys were taken; calling once for
   * several, with the last entry and the last hard state among them, is fine.
   */
  persisted(
    last: { readonly index: Index; readonly term: Term } | undefined,
    hardState: HardState | undefined,
  ): void;
  /** Everything up to `index` is applied; after installing a snapshot: the snapshot's index. */
  applied(index: Index): void;
  /**
   * To be called for every committed conf-change entry, in order, when it is applied and before `applied` passes it.
   * Undefined: the owner refuses the change, which all members must do alike; the configuration stays as it is.
   * (`restored.applied` must then not be beyond `restored.snapshot`: the core would take the entry at its word.)
   */
  applyConfChange(change: ConfChange | JointChange | undefined): ConfState;
  /**
   * The image of the state at `index`, whose entry is of `term`, is durable: it is the one to send from now on. Forgets the entries up to
   * it but for the last `trailingBytesMax` bytes, which spare a slow follower the image.
   */
  compact(image: { readonly index: Index; readonly term: Term }): void;
  /**
   * A member needs an image of what is applied now, and there is none: take one, and call `compact`. Entries that all members have are
   * forgotten without one; so who joins may find neither.
   */
  readonly wantsImage: boolean;
  /** What became of a snapshot message; must follow every one, for nothing else is sent to the member before. */
  reportSnapshot(member: MemberId, outcome: "installed" | "failed"): void;
  /** The connection to the member broke: probe before sending more. */
  reportUnreachable(member: MemberId): void;
  transferLeadership(to: MemberId): void;
  /** Stands for election now, or as soon as the conf changes that are committed are applied. */
  campaign(): void;
  readonly status: RaftStatus;
  readonly leader: MemberId;
  readonly role: Role;
  readonly term: Term;
}
