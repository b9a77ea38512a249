/**
 * What the cluster has committed becomes this member's state, in order, and whoever proposed it here hears how it went: after the watchers, so
 * that nobody knows of an answer before the events of it.
 */
import type { MemberId, Term } from "../base/index.ts";
import { KvError } from "../kv/index.ts";
import type { MvccHash } from "../mvcc/index.ts";
import type { Clock } from "../platform/index.ts";
import { type ConfChange, decodeConfChange, type Entry } from "../raft/index.ts";
import { ApplyWatch } from "./apply-watch.ts";
import { type Command, decodeCommand } from "./command.ts";
import { requestOf } from "./membership.ts";
import type { ReplicaMetrics } from "./metrics.ts";
import type { Pending, Proposals } from "./proposals.ts";
import { hasPut, type Quota } from "./quota.ts";
import type { Outcome, StateMachine } from "./state-machine.ts";

/** A proposal of this member's that was applied. */
interface Settled {
  readonly pending: Pending;
  readonly outcome: Outcome | KvError;
}

interface ApplierOptions {
  readonly clock: Clock;
  readonly member: MemberId;
  readonly state: StateMachine;
  readonly proposals: Proposals;
  readonly quota: Quota;
  readonly metrics: ReplicaMetrics;
  /** What an earlier life has written is applied again before this is true. */
  readonly isReady: () => boolean;
  /** Undefined: the entry changes nothing. */
  readonly applyConfChange: (change: ConfChange | undefined) => void;
  /** The history up to the compacted revision is to be hashed before it is freed; not again what an earlier life has compacted. */
  readonly onCompacted: (hashing: MvccHash | undefined) => void;
  /** Somebody came or went, or is reached elsewhere. */
  readonly onMembers: () => void;
  /** This member was removed. */
  readonly onRemoved: () => void;
}

export class Applier {
  readonly #options: ApplierOptions;
  readonly #watch: ApplyWatch;
  #term: Term;

  constructor(options: ApplierOptions) {
    this.#options = options;
    this.#watch = new ApplyWatch(options.clock, options.metrics.appliedIn);
    this.#term = options.state.applied.term;
  }

  apply(entries: readonly Entry[]): void {
    const { state, proposals } = this.#options;
    const settled: Settled[] = [];
    this.#watch.start();
    for (const entry of entries) {
      if (entry.type === "conf-change") this.#applyConfChange(entry, settled);
      else if (entry.data.length > 0) this.#applyEntry(entry, settled);
      else proposals.emptied(entry, state.mvcc.revision);
    }
    this.#watch.stop();
    state.hub.publish();
    for (const { pending, outcome } of settled) proposals.settle(pending, outcome);
    const { term } = entries.at(-1) as Entry;
    if (term > this.#term) {
      this.#term = term;
      proposals.termIs(term);
    }
  }

  /** An image has taken the place of the state. */
  replaced(): void {
    const { state, proposals } = this.#options;
    this.#term = state.applied.term;
    proposals.replaced();
  }

  #applyEntry(entry: Entry, settled: Settled[]): void {
    const { proposals } = this.#options;
    let pending = proposals.claim(entry);
    let command = pending?.command;
    if (command === undefined) {
      const decoded = decodeCommand(entry.data);
      command = decoded.command;
      pending = proposals.find(decoded.id);
    }
    this.#watch.begins(command);
    const outcome = this.#outcomeOf(command, entry.term);
    this.#watch.ended(command, !(outcome instanceof KvError));
    if (pending !== undefined) settled.push({ pending, outcome });
  }

  #outcomeOf(command: Command, term: Term): Outcome | KvError {
    const { state, metrics, quota, isReady, onMembers } = this.#options;
    try {
      if (command.type === "compact") return this.#compact(command, term);
      const outcome = state.apply(command, term);
      if (command.type !== "txn") metrics.applied(command, outcome);
      // What an earlier life has written again proves nothing about now: room may have been made further along the log.
      if (command.type === "txn" && isReady() && hasPut(command.txn)) quota.look();
      if (command.type === "member-peer-urls") onMembers();
      return outcome;
    } catch (error) {
      // A refusal is an outcome, the same on all members; anything else is a mistake of ours, and must not go on.
      if (error instanceof KvError) return error;
      throw error;
    }
  }

  #compact(command: Command, term: Term): Outcome {
    const { clock, state, metrics, isReady, onCompacted } = this.#options;
    const previous = state.mvcc.compactRevision;
    const began = clock.monotonic();
    const outcome = state.apply(command, term);
    metrics.durations.compactionPause.observe(clock.monotonic() - began);
    metrics.applied(command, outcome);
    onCompacted(isReady() ? state.mvcc.hashOfCompaction(previous) : undefined);
    return outcome;
  }

  #applyConfChange(entry: Entry, settled: Settled[]): void {
    const { state, proposals, member, applyConfChange, onMembers, onRemoved } = this.#options;
    const change = decodeConfChange(entry.data);
    // Nobody here proposes a joint change: its API has one member at a time. One that is in the log all the same is refused by all alike.
    if (change === undefined || change.type === "joint" || change.type === "leave-joint")
      return applyConfChange(undefined);
    const { membership } = state;
    const refusal = membership.refusal(change);
    applyConfChange(refusal ? undefined : change);
    if (refusal === undefined) {
      membership.apply(change);
      onMembers();
      if (membership.isRemoved(member)) onRemoved();
    }
    const id = requestOf(change);
    const pending = id && proposals.find(id);
    if (pending !== undefined)
      settled.push({ pending, outcome: refusal ?? { type: "done", revision: state.mvcc.revision } });
  }
}
