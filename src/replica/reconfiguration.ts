/**
 * Members come and go while the cluster works. Whoever is asked asks the leader, which alone knows who is connected and how far everybody is;
 * it checks, proposes, and answers with the members there are then.
 *
 *   asked here ──question──→ leader: strict checks → conf change → log → applied: refusal? → members
 *
 * What the leader checks first (etcd's --strict-reconfig-check) keeps people from changes that would leave a cluster without a quorum.
 * What must hold in any case is checked again when the entry is applied, by all members alike (`Membership.refusal`).
 */
import { fromUtf8, type MemberId, noMember, utf8 } from "../base/index.ts";
import { KvError } from "../kv/index.ts";
import type { Clock } from "../platform/index.ts";
import { type ConfChange, encodeConfChange, type Raft } from "../raft/index.ts";
import { BytesReader, MalformedBytesError } from "./bytes-reader.ts";
import { BytesWriter } from "./bytes-writer.ts";
import type { RequestId } from "./command.ts";
import { healthyElections, learnerReadyShare } from "./limits.ts";
import {
  addedMemberIdOf,
  encodePeerUrls,
  encodeRequest,
  type Member,
  Membership,
  notEnoughStarted,
} from "./membership.ts";
import { noLeader, type Proposals } from "./proposals.ts";

/** What can be asked for. */
export type MemberChange =
  | { readonly type: "add"; readonly peerUrls: readonly string[]; readonly learner: boolean }
  | { readonly type: "remove" | "promote"; readonly member: MemberId }
  | { readonly type: "update"; readonly member: MemberId; readonly peerUrls: readonly string[] };

/** Wait so long before a leader is looked for again. */
const askAgainMs = 20;
const retried: ReadonlySet<string> = new Set(["NO_LEADER", "NOT_LEADER"]);
const changeTypes = ["add", "remove", "promote", "update"] as const;
/** First byte of the question; those of leases are below. */
const questionReconfigure = 16;

export interface ReconfigurationOptions {
  readonly clock: Clock;
  readonly raft: Raft;
  readonly membership: Membership;
  readonly proposals: Proposals;
  readonly member: MemberId;
  /** Refuse what could cost the quorum. */
  readonly strict: boolean;
  readonly electionMs: number;
  /** Until then a leader is looked for. */
  readonly timeoutMs: number;
  readonly ask: (member: MemberId, question: Uint8Array) => Promise<Uint8Array>;
  /** Since when, on the monotonic clock, the member can be reached. */
  readonly activeSince: (member: MemberId) => number | undefined;
  /** Has somebody else lead, where there is anybody. */
  readonly handOver: () => Promise<void>;
}

/** `added`: the member that came with it. */
export interface Reconfigured {
  readonly added: MemberId;
  readonly members: readonly Member[];
}

export class Reconfiguration {
  readonly #options: ReconfigurationOptions;

  constructor(options: ReconfigurationOptions) {
    this.#options = options;
  }

  /** @throws KvError of MembershipErrorCode, TIMEOUT (the outcome is unknown), NO_LEADER */
  async change(change: MemberChange): Promise<Reconfigured> {
    const { clock, raft, member, ask, timeoutMs } = this.#options;
    const question = encodeQuestion(change);
    const deadline = clock.monotonic() + timeoutMs;
    for (;;) {
      const { leader } = raft;
      try {
        if (leader === noMember) throw noLeader();
        return decodeAnswer(await (leader === member ? this.answer(question) : ask(leader, question)));
      } catch (error) {
        // Nothing has happened; whoever leads next may do it.
        const again = error instanceof KvError && retried.has(error.code) && clock.monotonic() < deadline;
        if (!again) throw error;
      }
      await new Promise<void>((resolve) => {
        clock.after(askAgainMs, resolve);
      });
    }
  }

  isQuestion(question: Uint8Array): boolean {
    return question[0] === questionReconfigure;
  }

  /** What a member asks the leader. @throws KvError NOT_LEADER */
  async answer(question: Uint8Array): Promise<Uint8Array> {
    const { clock, raft, member, membership, proposals, handOver } = this.#options;
    const change = decodeQuestion(question);
    if (change.type === "remove" && change.member === member && raft.role === "leader") await handOver();
    if (raft.role !== "leader") throw new KvError("NOT_LEADER", "etcdserver: not leader");
    let added = noMember;
    if (change.type === "update") {
      await proposals.propose({ ...change, type: "member-peer-urls" });
    } else if (change.type === "add") {
      const { peerUrls } = change;
      added = addedMemberIdOf(peerUrls, Math.floor(clock.now() / 1000));
      await this.#propose(change, (id) => ({
        type: change.learner ? "add-learner" : "add-voter",
        member: added,
        context: encodePeerUrls(peerUrls, id),
      }));
    } else {
      const type = change.type === "remove" ? "remove" : "add-voter";
      await this.#propose(change, (id) => ({ type, member: change.member, context: encodeRequest(id) }));
    }
    const writer = new BytesWriter();
    writer.uint64(added);
    writer.raw(membership.image());
    return writer.finish();
  }

  /** Again as long as another change comes before this one: each time it is checked against what that one left. */
  async #propose(change: MemberChange, entry: (id: RequestId) => ConfChange): Promise<void> {
    const { clock, member, proposals, membership, timeoutMs } = this.#options;
    const deadline = clock.monotonic() + timeoutMs;
    while (clock.monotonic() < deadline) {
      const refused = membership.refusal(entry({ member, sequence: 0 }));
      // Whether a member that is to be promoted is in sync is asked before whether it is a learner, as etcd does.
      const isVoter = refused?.code === "MEMBER_NOT_LEARNER";
      if (change.type !== "add" && refused && !isVoter) throw refused;
      this.#check(change);
      if (isVoter) throw refused;
      const outcome = await proposals.proposeConfChange((id) => encodeConfChange(entry(id)));
      if (outcome.type !== "not-taken") return;
    }
    throw new KvError("TOO_MANY_REQUESTS", "etcdserver: too many requests");
  }

  /** @throws KvError NOT_ENOUGH_STARTED, UNHEALTHY, LEARNER_NOT_READY */
  #check(change: MemberChange): void {
    const { membership, member: self, activeSince, strict } = this.#options;
    const { voters } = membership;
    const isStarted = ({ name }: Member) => name !== "";
    const isConnected = ({ id }: Member) => this.#isConnected(id);
    switch (change.type) {
      case "add": {
        if (!strict) return;
        const started = voters.filter(isStarted).length;
        // The second of two must start before there is a quorum again, and there is no other way to two.
        const isSecond = voters.length === 1 && started === 1;
        if (!change.learner && !isSecond && started < quorumOf(voters.length + 1)) throw notEnoughStarted();
        // As if the new one, a learner, too, never came: the others must do without it.
        if (voters.length > 1 && voters.filter(isConnected).length < quorumOf(voters.length + 1))
          throw unhealthy();
        return;
      }
      case "promote": {
        if (!this.#isInSync(change.member)) {
          throw new KvError(
            "LEARNER_NOT_READY",
            "etcdserver: can only promote a learner member which is in sync with leader",
          );
        }
        if (!strict) return;
        const started = voters.filter(isStarted).length + 1;
        if (started < quorumOf(voters.length + 1)) throw notEnoughStarted();
        return;
      }
      case "remove": {
        if (!strict || membership.get(change.member)?.learner) return;
        const rest = voters.filter(({ id }) => id !== change.member);
        if (rest.filter(isStarted).length < quorumOf(rest.length)) throw notEnoughStarted();
        // One that is down is no part of the quorum that works.
        if (change.member !== self && activeSince(change.member) === undefined) return;
        if (voters.filter(isConnected).length - 1 < quorumOf(rest.length)) throw unhealthy();
        return;
      }
      case "update":
        return;
    }
  }

  #isConnected(member: MemberId): boolean {
    const { clock, member: self, activeSince, electionMs } = this.#options;
    if (member === self) return true;
    const since = activeSince(member);
    return since !== undefined && clock.monotonic() - since > healthyElections * electionMs;
  }

  #isInSync(member: MemberId): boolean {
    const { progress, lastIndex } = this.#options.raft.status;
    const match = progress.find((one) => one.member === member)?.match ?? 0;
    return match >= lastIndex * learnerReadyShare;
  }
}

function quorumOf(voters: number): number {
  return Math.floor(voters / 2) + 1;
}

function unhealthy(): KvError {
  return new KvError("UNHEALTHY", "etcdserver: unhealthy cluster");
}

function encodeQuestion(change: MemberChange): Uint8Array {
  const writer = new BytesWriter();
  writer.byte(questionReconfigure);
  writer.byte(changeTypes.indexOf(change.type));
  writer.uint64(change.type === "add" ? noMember : change.member);
  writer.byte(change.type === "add" && change.learner ? 1 : 0);
  writer.raw(utf8(JSON.stringify("peerUrls" in change ? change.peerUrls : [])));
  return writer.finish();
}

/** @throws MalformedBytesError */
function decodeQuestion(bytes: Uint8Array): MemberChange {
  const reader = new BytesReader(bytes);
  reader.byte();
  const type = changeTypes[reader.byte()];
  const member = reader.uint64() as MemberId;
  const learner = reader.byte() === 1;
  const peerUrls = JSON.parse(fromUtf8(reader.rest())) as string[];
  if (type === undefined) throw new MalformedBytesError("a change of members of an unknown type");
  if (type === "add") return { type, peerUrls, learner };
  return type === "update" ? { type, member, peerUrls } : { type, member };
}

function decodeAnswer(bytes: Uint8Array): Reconfigured {
  const reader = new BytesReader(bytes);
  const added = reader.uint64() as MemberId;
  const membership = new Membership();
  membership.restore(reader.rest());
  return { added, members: membership.members };
}
