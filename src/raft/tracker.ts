import type { Index, MemberId } from "../base/index.ts";
import { type InflightBounds, Progress } from "./progress.ts";
import { jointIndex, jointVote, type VoteResult } from "./quorum.ts";
import type { ConfState } from "./types.ts";

/** Who counts, what each is believed to have, and what each voted: everything a quorum is asked about. */
export class Tracker {
  conf: ConfState;
  /** Everybody of the configuration but this member. */
  peers: readonly Progress[] = [];
  /** This member, also while the configuration does not have it. */
  readonly self: Progress;
  readonly #inflight: InflightBounds;
  #members = new Map<MemberId, Progress>();
  #incoming: readonly Progress[] = [];
  #outgoing: readonly Progress[] = [];
  #votes = new Map<MemberId, boolean>();
  /** Scratch, so that counting a quorum allocates nothing. */
  readonly #incomingValues: number[] = [];
  readonly #outgoingValues: number[] = [];

  constructor(self: MemberId, conf: ConfState, inflight: InflightBounds) {
    this.#inflight = inflight;
    this.self = new Progress(self, false, inflight);
    this.conf = conf;
    this.configure(conf, 0 as Index);
  }

  /** Takes a configuration over. Who stays keeps its progress; who is new is probed from the log's end on. */
  configure(conf: ConfState, lastIndex: Index): void {
    const known = this.#members;
    this.conf = conf;
    this.#members = new Map();
    const enrol = (id: MemberId, learner: boolean): Progress => {
      const enrolled = this.#members.get(id);
      if (enrolled) return enrolled;
      let progress = id === this.self.member ? this.self : known.get(id);
      if (!progress) {
        progress = new Progress(id, learner, this.#inflight);
        // It had no chance yet to be heard of: a quorum check right now must not count that against the leader.
        progress.reset(lastIndex, true);
      }
      progress.learner = learner;
      this.#members.set(id, progress);
      return progress;
    };
    this.#incoming = conf.voters.map((id) => enrol(id, false));
    this.#outgoing = conf.votersOutgoing.map((id) => enrol(id, false));
    for (const id of conf.learners) enrol(id, true);
    this.peers = [...this.#members.values()].filter((progress) => progress !== this.self);
  }

  get(member: MemberId): Progress | undefined {
    return this.#members.get(member);
  }

  get members(): Iterable<Progress> {
    return this.#members.values();
  }

  isVoter(member: MemberId): boolean {
    const progress = this.#members.get(member);
    return progress !== undefined && !progress.learner;
  }

  /** What a quorum has of the log. */
  get committed(): Index {
    this.#gather("match");
    return jointIndex(this.#incomingValues, this.#outgoingValues) as Index;
  }

  /** What all others have of the log, learners included; Infinity where there are none. */
  get shared(): Index {
    let shared = Number.POSITIVE_INFINITY;
    for (const { match } of this.peers) shared = Math.min(shared, match);
    return shared as Index;
  }

  /** The last read round a quorum has confirmed. */
  get confirmedRead(): number {
    this.#gather("readRound");
    return jointIndex(this.#incomingValues, this.#outgoingValues);
  }

  /** Whether a quorum was heard of since the last time this was asked. */
  takeActiveQuorum(): boolean {
    const heard = (progress: Progress) => progress === this.self || progress.active;
    const result = jointVote(this.#incoming.map(heard), this.#outgoing.map(heard));
    for (const progress of this.peers) progress.active = false;
    return result === "won";
  }

  resetVotes(): void {
    this.#votes.clear();
  }

  /** The first word counts. Whoever has no vote is not counted, whatever it says. */
  recordVote(member: MemberId, granted: boolean): void {
    if (this.isVoter(member) && !this.#votes.has(member)) this.#votes.set(member, granted);
  }

  get voteResult(): VoteResult {
    const vote = (progress: Progress) => this.#votes.get(progress.member);
    return jointVote(this.#incoming.map(vote), this.#outgoing.map(vote));
  }

  #gather(field: "match" | "readRound"): void {
    const incoming = this.#incomingValues;
    const outgoing = this.#outgoingValues;
    incoming.length = this.#incoming.length;
    outgoing.length = this.#outgoing.length;
    for (let i = 0; i < incoming.length; i++) incoming[i] = (this.#incoming[i] as Progress)[field];
    for (let i = 0; i < outgoing.length; i++) outgoing[i] = (this.#outgoing[i] as Progress)[field];
  }
}
