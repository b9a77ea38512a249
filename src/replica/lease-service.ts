/**
 * Leases for clients. Which leases there are goes through the log; how much time is left only the leader knows, so everybody
 * else asks it.
 */
import { type Index, type LeaseId, type MemberId, noLease, noMember, type Term } from "../base/index.ts";
import { type Caller, type Header, KvError, type LeaseInfo, type Leases } from "../kv/index.ts";
import type { Clock, Random } from "../platform/index.ts";
import type { Raft } from "../raft/index.ts";
import { BytesReader } from "./bytes-reader.ts";
import { BytesWriter } from "./bytes-writer.ts";
import { leasesPerTurn } from "./limits.ts";
import { noLeader, type Proposals } from "./proposals.ts";
import type { Quota } from "./quota.ts";
import type { Reads } from "./reads.ts";
import type { StateMachine } from "./state-machine.ts";

/** Wait so long before a leader is looked for again. */
const askAgainMs = 20;
const retried: ReadonlySet<string> = new Set(["NO_LEADER", "NOT_LEADER", "LEADER_CHANGED"]);

const questionKeepAlive = 1;
const questionTimeToLive = 2;

export interface LeaseServiceOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly raft: Raft;
  readonly state: StateMachine;
  readonly proposals: Proposals;
  readonly reads: Reads;
  readonly quota: Quota;
  readonly member: MemberId;
  readonly electionMs: number;
  /** Until then a leader is looked for. */
  readonly timeoutMs: number;
  readonly header: () => Header;
  readonly ask: (member: MemberId, question: Uint8Array) => Promise<Uint8Array>;
  readonly onRenewed: () => void;
}

/** Whose rights count. @throws KvError INVALID_AUTH_TOKEN */
export type Who = () => Caller;

export class LeaseService implements Leases {
  readonly #options: LeaseServiceOptions;
  #turning = false;
  #reign: Term | undefined;

  constructor(options: LeaseServiceOptions) {
    this.#options = options;
  }

  /** The same for somebody whose rights are asked for. */
  as(who: Who): Leases {
    const { access, lessor } = this.#options.state;
    const isAdmin = (caller: Caller): boolean => access.isAdmin(caller);
    return {
      grant: async (lease) => this.grant(lease, who()),
      revoke: async (id) => this.revoke(id, who()),
      keepAlive: async (id) => {
        const caller = who();
        access.requireUser(caller);
        if (!isAdmin(caller)) access.requireWriteOfKeys(caller, lessor.keys(id));
        return this.keepAlive(id);
      },
      timeToLive: async (id, options) => {
        const caller = who();
        access.requireUser(caller);
        const answer = await this.timeToLive(id, options);
        if (answer.lease && !isAdmin(caller)) access.requireReadOfKeys(caller, answer.lease.keys);
        return answer;
      },
      list: async () => {
        const caller = who();
        const answer = await this.list();
        access.requireUser(caller);
        if (access.enabled && !isAdmin(caller))
          for (const id of answer.ids) access.requireReadOfKeys(caller, lessor.keys(id));
        return answer;
      },
    };
  }

  async grant(
    lease: { id: LeaseId; ttlSeconds: number },
    caller?: Caller,
  ): Promise<{ header: Header; id: LeaseId; ttlSeconds: number }> {
    const { quota } = this.#options;
    if (quota.exceeded) await quota.refuse();
    const id = lease.id === noLease ? this.#freshId() : lease.id;
    // The bytes of a negative time would not be read back; the lessor raises it to the minimum anyway.
    const ttlSeconds = Math.max(0, lease.ttlSeconds);
    const outcome = await this.#options.proposals.propose({
      type: "lease-grant",
      id,
      ttlSeconds,
      ...(caller && { caller }),
    });
    const granted = outcome.type === "lease-grant" ? outcome.ttlSeconds : ttlSeconds;
    return { header: { ...this.#options.header(), revision: outcome.revision }, id, ttlSeconds: granted };
  }

  async revoke(id: LeaseId, caller?: Caller): Promise<Header> {
    const { revision } = await this.#options.proposals.propose({
      type: "lease-revoke",
      id,
      expiredInTerm: 0 as Term,
      ...(caller && { caller }),
    });
    return { ...this.#options.header(), revision };
  }

  async keepAlive(id: LeaseId): Promise<{ header: Header; ttlSeconds: number }> {
    const answer = await this.#askLeader(questionKeepAlive, id);
    const ttlSeconds = new BytesReader(answer).number();
    return { header: this.#options.header(), ttlSeconds };
  }

  async timeToLive(
    id: LeaseId,
    options: { keys?: boolean } = {},
  ): Promise<{ header: Header; lease: LeaseInfo | undefined }> {
    const reader = new BytesReader(await this.#askLeader(questionTimeToLive, id));
    if (reader.byte() === 0) return { header: this.#options.header(), lease: undefined };
    const [grantedTtlSeconds, ttlSeconds] = [reader.number(), reader.number()];
    const applied = reader.number() as Index;
    // The leader may be ahead of this member, which names the keys.
    if (options.keys && this.#options.state.applied.index < applied) await this.#options.reads.confirm();
    const keys = options.keys ? this.#options.state.lessor.keys(id) : [];
    return { header: this.#options.header(), lease: { id, grantedTtlSeconds, ttlSeconds, keys } };
  }

  async list(): Promise<{ header: Header; ids: readonly LeaseId[] }> {
    await this.#options.reads.confirm();
    return { header: this.#options.header(), ids: this.#options.state.lessor.list() };
  }

  /** What another member, or this one, asks the leader. @throws KvError NOT_LEADER */
  async answer(question: Uint8Array): Promise<Uint8Array> {
    const { clock, raft, state, reads } = this.#options;
    const reader = new BytesReader(question);
    const kind = reader.byte();
    const id = BigInt.asIntN(64, reader.uint64()) as LeaseId;
    // A leader that was replaced without knowing must not renew: a quorum says that this one still leads.
    await reads.confirm();
    if (raft.role !== "leader" || !state.lessor.primary)
      throw new KvError("NOT_LEADER", "etcdserver: not leader");
    const writer = new BytesWriter();
    if (kind === questionKeepAlive) {
      writer.number(await this.#renew(id, clock.monotonic()));
      return writer.finish();
    }
    const lease = state.lessor.timeToLive(id, clock.monotonic());
    writer.byte(lease === undefined ? 0 : 1);
    writer.number(lease?.grantedTtlSeconds ?? 0);
    writer.number(Math.max(0, lease?.ttlSeconds ?? 0));
    writer.number(state.applied.index);
    return writer.finish();
  }

  /**
   * Called after every turn. A leader counts from when it has applied something of its own term: then it has seen all renewals that leaders
   * before it have answered.
   */
  roleIs(role: Raft["role"], term: Term): void {
    const { clock, state, electionMs } = this.#options;
    const reign = role === "leader" && state.applied.term === term ? term : undefined;
    if (reign === this.#reign) return;
    this.#reign = reign;
    // A lease may have been renewed just before the old leader was lost: everyone gets an election's time on top.
    if (reign !== undefined) state.lessor.promote(clock.monotonic(), electionMs);
    else state.lessor.demote();
  }

  /** Revokes what has run out and replicates remaining times, a bounded number at a time. */
  turn(): void {
    const { clock, state, proposals } = this.#options;
    const now = clock.monotonic();
    const deadline = state.lessor.nextDeadline();
    if (this.#reign === undefined || this.#turning || deadline === undefined || deadline > now) return;
    const expired = state.lessor.expired(now, leasesPerTurn);
    const checkpoints = state.lessor.checkpoints(now, leasesPerTurn);
    const commands = expired.map(
      (id) => ({ type: "lease-revoke", id, expiredInTerm: this.#reign as Term }) as const,
    );
    const writes: Promise<unknown>[] = commands.map((command) => proposals.propose(command));
    if (checkpoints.length > 0)
      writes.push(
        proposals.propose({
          type: "lease-checkpoint",
          leases: checkpoints,
          countedInTerm: this.#reign,
        }),
      );
    if (writes.length === 0) return;
    this.#turning = true;
    // What failed is named again by the lessor a little later.
    void Promise.allSettled(writes).then(() => {
      this.#turning = false;
    });
  }

  /** Seconds; 0: no such lease. @throws KvError, where the next leader may not know of it: it is not renewed then, as far as anybody can tell */
  async #renew(id: LeaseId, now: number): Promise<number> {
    const { state, proposals } = this.#options;
    const reign = this.#reign as Term;
    try {
      const { ttlSeconds, checkpointCleared } = state.lessor.renew(id, now);
      if (checkpointCleared) {
        const leases = [{ id, remainingTtlSeconds: 0 }];
        await proposals.propose({ type: "lease-checkpoint", leases, countedInTerm: reign });
        if (this.#reign !== reign) throw new KvError("NOT_LEADER", "etcdserver: not leader");
      }
      this.#options.onRenewed();
      return ttlSeconds;
    } catch (error) {
      if (error instanceof KvError && error.code === "LEASE_NOT_FOUND") return 0;
      throw error;
    }
  }

  async #askLeader(kind: number, id: LeaseId): Promise<Uint8Array> {
    const { clock, raft, member, ask, timeoutMs } = this.#options;
    const writer = new BytesWriter();
    writer.byte(kind);
    writer.uint64(id);
    const question = writer.finish();
    const deadline = clock.monotonic() + timeoutMs;
    for (;;) {
      const leader = raft.leader;
      try {
        if (leader === noMember) throw noLeader();
        return await (leader === member ? this.answer(question) : ask(leader, question));
      } catch (error) {
        // Asking twice does no harm. Whoever leads next may know better.
        const again = error instanceof KvError && retried.has(error.code) && clock.monotonic() < deadline;
        if (!again) throw error;
      }
      await new Promise<void>((resolve) => {
        clock.after(askAgainMs, resolve);
      });
    }
  }

  /** 63 bits, never 0. */
  #freshId(): LeaseId {
    const bytes = Buffer.from(this.#options.random.bytes(8));
    return (BigInt.asUintN(63, bytes.readBigUInt64LE()) || 1n) as LeaseId;
  }
}
