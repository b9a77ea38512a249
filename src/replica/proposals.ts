/** Proposals on their way through the log, until their outcome is known here. */
import { type MemberId, noMember } from "../base/index.ts";
import { KvError } from "../kv/index.ts";
import type { Clock, Random } from "../platform/index.ts";
import type { Raft } from "../raft/index.ts";
import { type Command, encodeCommand, type RequestId } from "./command.ts";
import { pendingRequestsMax, requestBytesMax } from "./limits.ts";
import type { Outcome } from "./state-machine.ts";

interface Pending {
  readonly deadline: number;
  /** Who led when it was proposed; noMember: nobody did, and it is still to be sent. */
  leader: MemberId;
  /** Only while it is to be sent. */
  unsent: Uint8Array | undefined;
  resolve(outcome: Outcome): void;
  reject(error: Error): void;
}

/** Sequences begin anywhere, so that an entry of an earlier life never passes for a request of this one. */
const sequenceStartMax = 2 ** 52;

export class Proposals {
  readonly #member: MemberId;
  readonly #clock: Clock;
  readonly #raft: Raft;
  readonly #timeoutMs: number;
  readonly #onWork: () => void;
  /** Oldest first, and so the soonest deadline. */
  readonly #pending = new Map<number, Pending>();
  #sequence: number;
  /** Some are still to be sent. */
  #anyWaits = false;

  constructor(options: {
    member: MemberId;
    clock: Clock;
    random: Random;
    raft: Raft;
    timeoutMs: number;
    onWork: () => void;
  }) {
    this.#member = options.member;
    this.#clock = options.clock;
    this.#raft = options.raft;
    this.#timeoutMs = options.timeoutMs;
    this.#onWork = options.onWork;
    this.#sequence = Math.floor(options.random.number() * sequenceStartMax);
  }

  /**
   * Resolves with the outcome once it is committed and applied here. Without a leader it waits for one.
   * @throws KvError TOO_MANY_REQUESTS, REQUEST_TOO_LARGE: nothing happened; TIMEOUT, LEADER_CHANGED: it may have, or may yet; or the
   * refusal
   */
  propose(command: Command): Promise<Outcome> {
    const sequence = this.#sequence++;
    const data = encodeCommand({ member: this.#member, sequence }, command);
    if (data.length > requestBytesMax) {
      return Promise.reject(new KvError("REQUEST_TOO_LARGE", "etcdserver: request is too large"));
    }
    if (this.#pending.size >= pendingRequestsMax) return Promise.reject(tooMany());
    const sent = this.#send(data);
    if (sent === "overloaded") return Promise.reject(tooMany());
    if (sent === "later") this.#anyWaits = true;
    return new Promise((resolve, reject) => {
      const deadline = this.#clock.monotonic() + this.#timeoutMs;
      const [leader, unsent] = sent === "accepted" ? [this.#raft.leader, undefined] : [noMember, data];
      this.#pending.set(sequence, { deadline, leader, unsent, resolve, reject });
    });
  }

  /** Tells the proposer, if it is one of ours. */
  settle(id: RequestId, outcome: Outcome | KvError): void {
    if (id.member !== this.#member) return;
    const pending = this.#pending.get(id.sequence);
    if (pending === undefined) return;
    this.#pending.delete(id.sequence);
    if (outcome instanceof KvError) pending.reject(outcome);
    else pending.resolve(outcome);
  }

  /** Somebody leads now: what was sent to somebody else may be lost, and whoever asked should ask again. What waited is sent. */
  leaderIs(leader: MemberId): void {
    this.#rejectWhere(
      (pending) => pending.leader !== noMember && pending.leader !== leader,
      () => new KvError("LEADER_CHANGED", "etcdserver: leader changed"),
    );
    this.#sendWaiting();
  }

  /** Sends what waits, and gives up what is too old. */
  tick(): void {
    if (this.#raft.leader !== noMember) this.#sendWaiting();
    const now = this.#clock.monotonic();
    for (const [sequence, pending] of this.#pending) {
      if (pending.deadline > now) return;
      this.#pending.delete(sequence);
      pending.reject(new KvError("TIMEOUT", "etcdserver: request timed out"));
    }
  }

  close(error: KvError): void {
    this.#rejectWhere(
      () => true,
      () => error,
    );
  }

  #sendWaiting(): void {
    if (!this.#anyWaits) return;
    this.#anyWaits = false;
    for (const pending of this.#pending.values()) {
      if (pending.unsent === undefined) continue;
      if (this.#send(pending.unsent) !== "accepted") {
        this.#anyWaits = true;
        return;
      }
      pending.leader = this.#raft.leader;
      pending.unsent = undefined;
    }
  }

  #send(data: Uint8Array): "accepted" | "later" | "overloaded" {
    const result = this.#raft.propose([{ type: "normal", data }]);
    if (result === "overloaded") return "overloaded";
    if (result !== "accepted") return "later";
    this.#onWork();
    return "accepted";
  }

  #rejectWhere(matches: (pending: Pending) => boolean, error: () => KvError): void {
    for (const [sequence, pending] of this.#pending) {
      if (!matches(pending)) continue;
      this.#pending.delete(sequence);
      pending.reject(error());
    }
  }
}

function tooMany(): KvError {
  return new KvError("TOO_MANY_REQUESTS", "etcdserver: too many requests");
}
