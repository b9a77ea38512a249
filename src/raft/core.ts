import { type Index, type MemberId, noMember, type Term } from "../base/index.ts";
import { changed, decodeConfChange } from "./conf-change.ts";
import { inflightBytesMaxDefault, sharedBytesMaxDefault, trailingBytesMaxDefault } from "./limits.ts";
import { entryBytes, RaftLog } from "./log.ts";
import { Tracker } from "./tracker.ts";
import type { ConfState, Message, RaftConfig, ReadState, Role, SnapshotMeta } from "./types.ts";

/** A question waiting at the leader, and who asked it. */
export interface PendingRead {
  readonly from: MemberId;
  readonly context: number;
}

/** Reads that one heartbeat context confirms. */
export interface ReadRound {
  readonly round: number;
  /** The commit index when the round began. */
  readonly index: Index;
  readonly reads: readonly PendingRead[];
}

/** The state of one member, which the files of this room work on, each on its subject. */
export class Core {
  readonly id: MemberId;
  readonly config: RaftConfig;
  readonly trailingBytesMax: number;
  readonly sharedBytesMax: number;

  // Paper, figure 2: persistent on all members (with the log's commit index, which it need not be).
  term: Term;
  vote: MemberId;
  readonly log: RaftLog;

  role: Role = "follower";
  leader: MemberId = noMember;
  readonly tracker: Tracker;

  /** Ticks since the leader was heard of or the election began; a leader: since its last quorum check. */
  electionElapsed = 0;
  heartbeatElapsed = 0;
  /** Ticks, drawn anew for every wait from [electionTicks, 2·electionTicks). */
  electionTimeout = 0;

  /**
   * The image to send to who needs entries that are forgotten; index 0 while there is none. It may be older than the log's offset, and
   * none to send then: see `forgetShared`.
   */
  snapshot: SnapshotMeta;
  /** An image a leader sent, not handed out yet. */
  receivedSnapshot: SnapshotMeta | undefined;
  /** The configurations that came into force after `snapshot`, by the index of their entry. */
  confHistory: { readonly index: Index; readonly conf: ConfState }[] = [];

  /** The owner asked to stand for election when that was not possible yet. */
  campaignDue = false;

  // Of a leader only.
  /** The empty entry its term began with: nothing is known to be committed before it is. */
  termStart: Index = 0 as Index;
  /** Last conf-change entry that may not be applied yet. */
  pendingConfIndex: Index = 0 as Index;
  /** Who leadership is being handed to. */
  transferee: MemberId = noMember;
  uncommittedBytes = 0;
  /** Something may have to be sent to followers. */
  appendsDue = false;
  waitingReads: PendingRead[] = [];
  readRounds: ReadRound[] = [];
  /** Reads in `readRounds`. */
  roundedReads = 0;
  lastReadRound = 0;

  // What the next Ready hands out.
  messages: Message[] = [];
  messagesAfterPersist: Message[] = [];
  readStates: ReadState[] = [];
  /** Bytes of proposals among `messages`, on their way to the leader. */
  forwardedBytes = 0;

  constructor(config: RaftConfig) {
    const { hardState, snapshot, entries, applied } = config.restored;
    this.id = config.id;
    this.config = config;
    this.trailingBytesMax = config.trailingBytesMax ?? trailingBytesMaxDefault;
    this.sharedBytesMax = config.sharedBytesMax ?? sharedBytesMaxDefault;
    this.term = hardState.term;
    this.vote = hardState.vote;
    this.snapshot = snapshot;
    this.log = new RaftLog({
      offset: snapshot.index,
      offsetTerm: snapshot.term,
      entries,
      commit: Math.max(hardState.commit, snapshot.index) as Index,
      applied,
    });
    if (this.log.lastTerm > this.term) {
      // A torn write left entries of a term without its hard state: no vote of that term can have left either.
      this.term = this.log.lastTerm;
      this.vote = noMember;
    }
    this.log.commitTo(this.#provenCommit());
    this.tracker = new Tracker(config.id, snapshot.confState, {
      messagesMax: config.inflightMessagesMax,
      bytesMax: config.inflightBytesMax ?? inflightBytesMaxDefault,
    });
    for (let index = (snapshot.index + 1) as Index; index <= applied; index++) {
      const entry = this.log.at(index);
      const change = entry.type === "conf-change" ? decodeConfChange(entry.data) : undefined;
      if (change) this.configure(changed(this.tracker.conf, change), index);
    }
    this.drawElectionTimeout();
  }

  /** The configuration in force from the entry at `index` on. */
  configure(conf: ConfState, index: Index): void {
    this.confHistory.push({ index, conf });
    this.tracker.configure(conf, this.log.lastIndex);
  }

  /** The configuration in force at `index`, which is not before `snapshot`. */
  confAt(index: Index): ConfState {
    return this.confHistory.findLast((change) => change.index <= index)?.conf ?? this.snapshot.confState;
  }

  drawElectionTimeout(): void {
    const { electionTicks, random } = this.config;
    this.electionTimeout = electionTicks + Math.floor(random() * electionTicks);
  }

  /** A member whose configuration is not its own (it is about to install an image, or to leave) must not stand for election. */
  get promotable(): boolean {
    return this.tracker.isVoter(this.id) && this.log.applied >= this.log.offset;
  }

  /**
   * A committed change that is not applied: by our configuration we could win an election that by the
   * true one we cannot.
   */
  get hasUnappliedConfChange(): boolean {
    for (let i = this.log.applied + 1; i <= this.log.commit; i++) {
      if (this.log.at(i as Index).type === "conf-change") return true;
    }
    return false;
  }

  /** Bytes proposed and not committed, counted from the log. */
  countUncommittedBytes(): number {
    let bytes = 0;
    for (let i = this.log.commit + 1; i <= this.log.lastIndex; i++)
      bytes += entryBytes(this.log.at(i as Index));
    return bytes;
  }

  /**
   * A commit index that the log itself proves. No leader appends a conf change before it has applied the one before,
   * so of two in a log the first is committed, even where the hard state that said so was lost with
   * an unsynced write. Not to know it would let this member campaign by a configuration two changes old, a majority of
   * which need not overlap one of the newest.
   */
  #provenCommit(): Index {
    let seen = false;
    for (let index = this.log.lastIndex; index > this.log.commit; index--) {
      if (this.log.at(index).type !== "conf-change") continue;
      if (seen) return index;
      seen = true;
    }
    return this.log.commit;
  }
}
