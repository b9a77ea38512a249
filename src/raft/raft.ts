import { assert, type Index, type MemberId, noMember, type Term, unreachable } from "../base/index.ts";
import { Core } from "./core.ts";
import {
  campaign,
  countOwnVote,
  handleVoteRequest,
  handleVoteResponse,
  isLeaseValid,
  learnCommit,
  mayCampaign,
  rejectStalePreVote,
} from "./election.ts";
import { answerStaleLeader, handleAppend, handleHeartbeat, handleSnapshot } from "./following.ts";
import { applyConfChange, compact, leaveJoint } from "./membership.ts";
import { handlePropose, type Proposal, propose } from "./proposals.ts";
import {
  beginReadRound,
  handleReadIndex,
  handleReadIndexResponse,
  readIndex,
  readsDue,
} from "./read-index.ts";
import {
  advanceCommit,
  broadcastHeartbeat,
  forgetShared,
  handleAppendResponse,
  handleHeartbeatResponse,
  sendAppends,
  transferLeadership,
  wantsImage,
} from "./replication.ts";
import { becomeFollower } from "./roles.ts";
import type {
  ConfChange,
  ConfState,
  HardState,
  JointChange,
  Message,
  ProposeResult,
  Raft,
  RaftConfig,
  RaftStatus,
  Ready,
  Role,
} from "./types.ts";

/**
 * Raft (D. Ongaro, J. Ousterhout, "In Search of an Understandable Consensus Algorithm", 2014; "the paper", and D. Ongaro's
 * dissertation, "the thesis") as a state machine without I/O.
 *
 * ```
 *    tick, step, propose, readIndex ──►┌──────┐──► takeReady: persist, send, apply
 *                persisted, applied ──►│ core │
 *                                      └──────┘
 * ```
 *
 * Guarantees, provided the owner keeps to the contract of `Ready`: at most one leader a term; a leader never changes its
 * log; logs that agree on an entry agree on all before it; a committed entry is in the log of every later leader;
 * nobody applies another entry at an index that somebody applied. Losing, doubling, reordering and delaying
 * messages, and crashing at any moment, cost progress only.
 *
 * Where a reader finds what: `election` votes; `replication` the leader's log, `following` the follower's; `read-index`;
 * `membership`; `proposals`; `roles` the transitions; `core` the state; `log`, `progress`, `tracker`, `quorum`
 * the data.
 *
 * `core`: the state to work on, where somebody has looked at it first (the simulator plants mistakes in it).
 */
export function createRaft(config: RaftConfig, core = new Core(config)): Raft {
  assert(config.id !== noMember, "a member needs an id");
  assert(
    config.heartbeatTicks > 0 && config.electionTicks > config.heartbeatTicks,
    `election after ${config.electionTicks} ticks, but a heartbeat every ${config.heartbeatTicks}`,
  );
  assert(config.inflightMessagesMax > 0, `${config.inflightMessagesMax} messages in flight`);
  return new RaftMember(core, config.restored.hardState);
}

const nothing: readonly never[] = [];

class RaftMember implements Raft {
  readonly #core: Core;
  /** As last handed out. */
  #hardState: HardState;

  constructor(core: Core, hardState: HardState) {
    this.#core = core;
    this.#hardState = hardState;
  }

  tick(): void {
    const core = this.#core;
    core.electionElapsed++;
    if (core.role === "leader") {
      this.#tickLeader(core);
    } else if (core.electionElapsed >= core.electionTimeout) {
      // Whoever may not stand for election at least knows that it follows nobody.
      becomeFollower(core, core.term, noMember);
      campaign(core, false);
    }
  }

  step(message: Message): void {
    const core = this.#core;
    if (message.to !== core.id || message.from === core.id) return;
    if (message.type === "vote-response" || message.type === "pre-vote-response") learnCommit(core, message);
    if (message.term > core.term) {
      if (!this.#admitTerm(core, message)) return;
    } else if (message.term < core.term) {
      if (!this.#admitStale(core, message)) return;
    }
    switch (message.type) {
      case "pre-vote":
      case "vote":
        handleVoteRequest(core, message);
        break;
      case "pre-vote-response":
      case "vote-response":
        handleVoteResponse(core, message);
        break;
      case "append":
        if (this.#follow(core, message.from)) handleAppend(core, message);
        break;
      case "heartbeat":
        if (this.#follow(core, message.from)) handleHeartbeat(core, message);
        break;
      case "snapshot":
        if (this.#follow(core, message.from)) handleSnapshot(core, message);
        break;
      case "timeout-now":
        if (this.#follow(core, message.from)) campaign(core, true);
        break;
      case "append-response":
        handleAppendResponse(core, message);
        break;
      case "heartbeat-response":
        handleHeartbeatResponse(core, message);
        break;
      case "read-index":
        handleReadIndex(core, message);
        break;
      case "read-index-response":
        handleReadIndexResponse(core, message);
        break;
      case "propose":
        handlePropose(core, message);
        break;
      default:
        unreachable(message);
    }
  }

  propose(proposals: readonly Proposal[]): ProposeResult {
    return propose(this.#core, proposals);
  }

  readIndex(context: number): boolean {
    return readIndex(this.#core, context);
  }

  hasReady(): boolean {
    const core = this.#core;
    return (
      core.messages.length > 0 ||
      core.messagesAfterPersist.length > 0 ||
      core.readStates.length > 0 ||
      core.appendsDue ||
      readsDue(core) ||
      core.log.hasUnwritten ||
      core.log.hasCommitted ||
      core.receivedSnapshot !== undefined ||
      this.#hardStateChanged(core)
    );
  }

  takeReady(): Ready {
    const core = this.#core;
    if (core.appendsDue) sendAppends(core);
    if (readsDue(core)) beginReadRound(core);
    const snapshot = core.receivedSnapshot;
    core.receivedSnapshot = undefined;
    const before = this.#hardState;
    let hardState: HardState | undefined;
    if (this.#hardStateChanged(core)) {
      hardState = { term: core.term, vote: core.vote, commit: core.log.commit };
      this.#hardState = hardState;
    }
    const voted =
      hardState !== undefined && (hardState.term !== before.term || hardState.vote !== before.vote);
    const entries = core.log.takeUnwritten();
    const changeCommitted = core.log.takeCommitMustSync();
    const ready: Ready = {
      hardState,
      entries,
      snapshot,
      messages: core.messages.length === 0 ? nothing : core.messages,
      messagesAfterPersist: core.messagesAfterPersist.length === 0 ? nothing : core.messagesAfterPersist,
      committed: core.log.takeCommitted(core.config.committedBytesMax),
      readStates: core.readStates.length === 0 ? nothing : core.readStates,
      mustSync: voted || changeCommitted || entries.length > 0 || snapshot !== undefined,
    };
    if (ready.messages !== nothing) core.messages = [];
    if (ready.messagesAfterPersist !== nothing) core.messagesAfterPersist = [];
    if (ready.readStates !== nothing) core.readStates = [];
    core.forwardedBytes = 0;
    return ready;
  }

  persisted(
    last: { readonly index: Index; readonly term: Term } | undefined,
    hardState: HardState | undefined,
  ): void {
    const core = this.#core;
    if (last) {
      core.log.markDurable(last.index, last.term);
      if (core.role === "leader" && core.tracker.self.acknowledge(core.log.stable)) advanceCommit(core);
    }
    if (hardState) {
      core.log.markCommitDurable(hardState.commit);
      countOwnVote(core, hardState);
    }
  }

  applied(index: Index): void {
    const core = this.#core;
    core.log.appliedTo(index);
    forgetShared(core);
    leaveJoint(core);
    if (core.campaignDue && mayCampaign(core)) campaign(core, false);
  }

  applyConfChange(change: ConfChange | JointChange | undefined): ConfState {
    return applyConfChange(this.#core, change);
  }

  compact(image: { readonly index: Index; readonly term: Term }): void {
    compact(this.#core, image);
  }

  get wantsImage(): boolean {
    return wantsImage(this.#core);
  }

  reportSnapshot(member: MemberId, outcome: "installed" | "failed"): void {
    const progress = this.#core.tracker.get(member);
    if (this.#core.role === "leader" && progress?.state === "snapshot")
      progress.endSnapshot(outcome === "installed");
  }

  reportUnreachable(member: MemberId): void {
    const progress = this.#core.tracker.get(member);
    if (this.#core.role === "leader" && progress?.state === "replicate") progress.becomeProbe();
  }

  transferLeadership(to: MemberId): void {
    transferLeadership(this.#core, to);
  }

  campaign(): void {
    const core = this.#core;
    campaign(core, false);
    core.campaignDue = core.role === "follower";
  }

  get status(): RaftStatus {
    const { id, role, term, leader, log, tracker } = this.#core;
    const progress =
      role !== "leader"
        ? nothing
        : [...tracker.members].map(({ member, match, next, state, learner, active, inflightBytes }) =>
            member === id
              ? {
                  member,
                  match,
                  next: (log.lastIndex + 1) as Index,
                  state: "replicate" as const,
                  learner,
                  active: true,
                  inflightBytes,
                }
              : { member, match, next, state, learner, active, inflightBytes },
          );
    return {
      id,
      role,
      term,
      leader,
      commit: log.commit,
      applied: log.applied,
      lastIndex: log.lastIndex,
      confState: tracker.conf,
      progress,
    };
  }

  get leader(): MemberId {
    return this.#core.leader;
  }

  get role(): Role {
    return this.#core.role;
  }

  get term(): Term {
    return this.#core.term;
  }

  #tickLeader(core: Core): void {
    core.heartbeatElapsed++;
    if (core.electionElapsed >= core.config.electionTicks) {
      core.electionElapsed = 0;
      core.transferee = noMember;
      if (!core.tracker.takeActiveQuorum()) {
        // Cut off from a quorum, it can commit nothing, and another may lead by now: let clients look elsewhere.
        becomeFollower(core, core.term, noMember);
        return;
      }
    }
    if (core.heartbeatElapsed >= core.config.heartbeatTicks) {
      core.heartbeatElapsed = 0;
      broadcastHeartbeat(core);
    }
  }

  /** A later term, paper section 5.1: whoever hears of it follows. False when the message is to be ignored. */
  #admitTerm(core: Core, message: Message): boolean {
    switch (message.type) {
      case "pre-vote":
        return !isLeaseValid(core);
      case "vote":
        if (!message.transfer && isLeaseValid(core)) return false;
        break;
      case "pre-vote-response":
        // Granted, it names a term that nobody is in yet.
        if (message.granted) return true;
        break;
      default:
        break;
    }
    becomeFollower(core, message.term, noMember);
    return true;
  }

  /** An earlier term. True when the message means something all the same. */
  #admitStale(core: Core, message: Message): boolean {
    switch (message.type) {
      case "append":
      case "heartbeat":
      case "snapshot":
        answerStaleLeader(core, message.from);
        return false;
      case "pre-vote":
        rejectStalePreVote(core, message.from);
        return false;
      case "propose":
      case "read-index":
        return true;
      default:
        return false;
    }
  }

  /** The sender leads this term. False where that cannot be. */
  #follow(core: Core, leader: MemberId): boolean {
    if (core.role === "leader") return false;
    if (core.role !== "follower" || core.leader !== leader) becomeFollower(core, core.term, leader);
    core.electionElapsed = 0;
    return true;
  }

  #hardStateChanged({ term, vote, log }: Core): boolean {
    const last = this.#hardState;
    return last.term !== term || last.vote !== vote || last.commit !== log.commit;
  }
}
