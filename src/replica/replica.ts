/**
 * One member of the cluster, as its users see it: `Kv`, and what the cluster says of itself.
 *
 * A write is proposed, and answered when its entry is applied here; by then a quorum has it on disk. A linearizable read
 * waits until this member has applied what was committed when it was asked; a serializable one takes what is there.
 */
import { type MemberId, noMember, type Revision } from "../base/index.ts";
import {
  type Caller,
  type Header,
  type Kv,
  KvError,
  type KvWatch,
  type Leases,
  type Op,
  type RangeQuery,
  type RangeResult,
  type Txn,
  type TxnResult,
  type WatchObserver,
  type WatchQuery,
} from "../kv/index.ts";
import { checkTxn } from "../mvcc/index.ts";
import type { Timer } from "../platform/index.ts";
import type { Raft } from "../raft/index.ts";
import type { AccessService } from "./access-service.ts";
import type { Alarm } from "./alarms.ts";
import { Applier } from "./applier.ts";
import type { Command } from "./command.ts";
import type { KvHash } from "./compaction-hashes.ts";
import { Driver } from "./driver.ts";
import { handOver, heirOf } from "./handover.ts";
import type { Who } from "./lease-service.ts";
import {
  quotaBytesDefault,
  readRetryMs,
  removedGraceMs,
  requestTimeoutMs,
  ticksPerHeartbeat,
} from "./limits.ts";
import type { Member } from "./membership.ts";
import type { ReplicaParts } from "./parts.ts";
import type { Proposals } from "./proposals.ts";
import { hasPut, type Quota } from "./quota.ts";
import type { Reads } from "./reads.ts";
import type { MemberChange, Reconfigured } from "./reconfiguration.ts";
import { createServices, type Services } from "./services.ts";
import type { StateSnapshot } from "./snapshot.ts";
import type { Outcome, StateMachine } from "./state-machine.ts";
import type { ReplicaStatus } from "./status.ts";
import { encodeDescription } from "./transport/discovery.ts";
import { startTransport, type Transport } from "./transport/transport.ts";

export class Replica implements Kv {
  readonly memberId: MemberId;
  readonly clusterId: bigint;
  readonly leases: Leases;
  /** Users and roles. */
  readonly access: AccessService;
  /** Rejects when this member cannot go on: its disk failed, or it was removed. It answers nobody any more then. */
  readonly failed: Promise<never>;
  /** Resolves when this member has heard from a leader and applied everything that was committed before. */
  readonly ready: Promise<void>;
  readonly #parts: ReplicaParts;
  readonly #raft: Raft;
  readonly #state: StateMachine;
  readonly #proposals: Proposals;
  readonly #reads: Reads;
  readonly #quota: Quota;
  readonly #services: Services;
  readonly #applier: Applier;
  readonly #driver: Driver;
  readonly #leaderObservers = new Set<(leader: MemberId) => void>();
  readonly #rejectFailed: (error: Error) => void;
  readonly #resolveReady: () => void;
  #isReady = false;
  #transport: Transport | undefined;
  #ticker: Timer | undefined;
  /** Of checks that compare members. */
  #checks: Timer[] = [];
  #stopped = false;
  #closing: Promise<void> | undefined;
  #knownLeader: MemberId = noMember;
  #leaving: Timer | undefined;
  /** Asked for with every call. */
  #learner = false;

  constructor(parts: ReplicaParts) {
    const { platform, config, identity, raft, state } = parts;
    this.#parts = parts;
    this.#raft = raft;
    this.#state = state;
    this.memberId = identity.memberId;
    this.clusterId = identity.clusterId;
    const failed = Promise.withResolvers<never>();
    this.failed = failed.promise;
    this.#rejectFailed = failed.reject;
    // Whether anybody listens is not ours to say.
    this.failed.catch(() => {});
    const ready = Promise.withResolvers<void>();
    this.ready = ready.promise;
    this.#resolveReady = ready.resolve;
    this.#services = createServices(parts, {
      onWork: () => this.#driver.asked(),
      header: () => this.header(),
      ask: (member, question) => this.#ask(member, question),
      activeSince: (member) => this.#transport?.activeSince(member),
      onLeader: (observer) => this.onLeader(observer),
      handOver: () => this.#handOver(),
      raise: (alarm) => this.alarm({ action: "activate", ...alarm }),
      isStopped: () => this.#stopped,
      checkRunning: () => this.#checkRunning(),
    });
    const { proposals, reads, quota, leases, access, upkeep } = this.#services;
    this.#proposals = proposals;
    this.#reads = reads;
    this.#quota = quota;
    this.leases = leases;
    this.access = access;
    this.#applier = new Applier({
      clock: platform.clock,
      member: this.memberId,
      state,
      proposals,
      quota,
      metrics: parts.metrics,
      isReady: () => this.#isReady,
      applyConfChange: (change) => this.#driver.applyConfChange(change),
      onCompacted: (hashing) => upkeep.compacted(hashing),
      onMembers: () => this.#setPeers(),
      onRemoved: () => this.#leave(),
    });
    parts.metrics.watch({
      status: () => this.status(),
      pending: () => this.#proposals.count,
      state,
      member: this.memberId,
      now: () => platform.clock.now(),
      walBytes: () => parts.wal.stats.bytes,
      installing: () => this.#driver.installing,
      defragmenting: () => upkeep.defragmenting,
      isActive: (member) => this.#transport?.activeSince(member) !== undefined,
    });
    this.#driver = new Driver(
      {
        ...parts,
        loop: platform.loop,
        clock: platform.clock,
        member: this.memberId,
        snapshotCount: config.snapshotCount,
        heartbeatMs: config.heartbeatMs,
        apply: (entries) => this.#applier.apply(entries),
        onInstalled: () => this.#installed(),
        onTurn: () => this.#noticeLeader(),
        onFailed: (error) => this.#failWith(error),
      },
      { proposals: this.#proposals, reads: this.#reads },
    );
  }

  /** Listens to the other members and begins to take part. */
  async start(): Promise<void> {
    const { platform, config, log, identity, images } = this.#parts;
    this.#transport = await startTransport({
      platform,
      log,
      clusterId: identity.clusterId,
      member: identity.memberId,
      listen: [config.listenPeer, ...(config.alsoListenPeer ?? [])],
      tls: config.tls,
      onMessage: (message) => this.#driver.step(message),
      onQuestion: (question) =>
        this.#services.hashes.isQuestion(question)
          ? this.#services.hashes.answer(question)
          : this.#services.reconfiguration.isQuestion(question)
            ? this.#services.reconfiguration.answer(question)
            : this.#services.leases.answer(question),
      onUnreachable: (member) => {
        if (!this.#stopped) this.#raft.reportUnreachable(member);
      },
      onConnected: (member) => this.#driver.connected(member),
      receiver: images,
      metrics: this.#parts.metrics.peers,
      isRemoved: (member) => this.#state.membership.isRemoved(member),
      onRemoved: () => this.#leave(),
      peerUrls: () => this.#state.membership.get(identity.memberId)?.peerUrls ?? [],
      describe: () => encodeDescription(this.clusterId, this.#state.membership),
    });
    this.#setPeers();
    if (this.#state.membership.isRemoved(this.memberId)) this.#leave();
    const { corruptionCheckMs = 0, compactionCheckMs = 0 } = config;
    if (corruptionCheckMs > 0) this.#checks.push(this.#services.corruption.every(corruptionCheckMs));
    if (compactionCheckMs > 0) this.#checks.push(this.#services.compactionCheck.every(compactionCheckMs));
    this.#ticker = platform.clock.every(config.heartbeatMs / ticksPerHeartbeat, () => this.#tick());
    this.#driver.start(this.#transport);
    this.#becomeReady();
  }

  /** The first linearizable read: it waits for a leader, and until what was committed when that one was asked is applied here. */
  #becomeReady(): void {
    this.#reads.confirm().then(
      () => {
        this.#isReady = true;
        this.#resolveReady();
      },
      () => {
        // Nobody leads for long, or there is too much to do: neither ends by itself only because a question did.
        if (!this.#stopped) this.#parts.platform.clock.after(readRetryMs, () => this.#becomeReady());
      },
    );
  }

  /** This store for somebody whose rights are asked for, with every call anew. */
  as(who: Who): Kv {
    return {
      range: async (query) => this.range(query, who()),
      txn: (txn) => {
        try {
          return this.txn(txn, who());
        } catch (error) {
          return Promise.reject(error);
        }
      },
      compact: async (revision, options) => this.compact(revision, options, who()),
      watch: (query, observer) => {
        this.#state.access.requireRead(who(), query);
        return this.watch(query, observer);
      },
      leases: this.#services.leases.as(who),
    };
  }

  /** Without a caller the program itself asks, and may see everything. */
  async range(query: RangeQuery, caller?: Caller): Promise<RangeResult> {
    this.#checkRunning();
    if (!query.serializable) await this.#reads.confirm();
    if (caller !== undefined) this.#state.access.requireRead(caller, query);
    const { clock } = this.#parts.platform;
    const { range, rangeFailed } = this.#parts.metrics.durations;
    const began = clock.monotonic();
    try {
      const { kvs, count, more } = this.#state.mvcc.range(query);
      range.observe((clock.monotonic() - began) / 1000);
      return { header: this.header(), kvs, count, more };
    } catch (error) {
      rangeFailed.observe((clock.monotonic() - began) / 1000);
      throw error;
    }
  }

  /** No async function: a write that only has to be proposed costs one promise. */
  txn(txn: Txn, caller?: Caller): Promise<TxnResult> {
    try {
      this.#checkRunning();
      checkTxn(txn, this.#parts.config.txnOpsMax);
      if (isReadOnly(txn)) return this.#readTxn(txn, caller);
      if (this.#quota.exceeded && hasPut(txn)) return this.#quota.refuse();
      const command: Command = caller === undefined ? { type: "txn", txn } : { type: "txn", txn, caller };
      return this.#proposals.ask(command, this.#txnResult);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #readTxn(txn: Txn, caller: Caller | undefined): Promise<TxnResult> {
    await this.#reads.confirm();
    if (caller !== undefined && this.#state.access.enabled)
      this.#state.access.requireTxn(caller, txn, this.#state.leaseKeys);
    const { succeeded, results } = this.#state.mvcc.apply(txn);
    return { header: this.header(), succeeded, results };
  }

  readonly #txnResult = (outcome: Outcome): TxnResult => {
    if (outcome.type !== "txn") throw new Error(`a transaction ended as ${outcome.type}`);
    const { succeeded, results, revision } = outcome;
    return { header: this.#headerAt(revision), succeeded, results };
  };

  async compact(revision: Revision, options: { physical?: boolean } = {}, caller?: Caller): Promise<Header> {
    this.#checkRunning();
    const outcome = await this.#proposals.propose({ type: "compact", revision, ...(caller && { caller }) });
    if (options.physical === true) await this.#services.upkeep.reclaim();
    return this.#headerAt(outcome.revision);
  }

  /** Frees all that compactions have made unreachable, an image under way waited for. */
  async defragment(): Promise<void> {
    this.#checkRunning();
    await this.#driver.settled();
    await this.#services.upkeep.defragment();
  }

  watch(query: WatchQuery, observer: WatchObserver): KvWatch {
    this.#checkRunning();
    return this.#state.hub.watch(query, observer);
  }

  /** Where and when it is now. */
  header(): Header {
    return this.#headerAt(this.#state.mvcc.revision);
  }

  /** By id. @throws KvError TIMEOUT */
  async members(options: { linearizable: boolean }): Promise<readonly Member[]> {
    this.#checkRunning();
    if (options.linearizable) await this.#reads.confirm();
    return this.#state.membership.members;
  }

  /** Who belongs to the cluster after a voter or a learner was added, and its id. @throws KvError, as of all changes below: see Reconfiguration */
  addMember(peerUrls: readonly string[], options: { learner: boolean }): Promise<Reconfigured> {
    return this.#change({ type: "add", peerUrls, ...options });
  }

  /** The member ends by itself, where it runs. */
  async removeMember(member: MemberId): Promise<readonly Member[]> {
    return (await this.#change({ type: "remove", member })).members;
  }

  async updateMember(member: MemberId, peerUrls: readonly string[]): Promise<readonly Member[]> {
    return (await this.#change({ type: "update", member, peerUrls })).members;
  }

  /** Makes a learner that has caught up a voter. */
  async promoteMember(member: MemberId): Promise<readonly Member[]> {
    const { metrics } = this.#parts;
    try {
      const { members } = await this.#change({ type: "promote", member });
      metrics.promotions.add();
      return members;
    } catch (error) {
      metrics.promotionFailed(error);
      throw error;
    }
  }

  /** Has another voter lead. Only the leader can. @throws KvError NOT_LEADER, BAD_TRANSFEREE, TIMEOUT */
  async moveLeader(to: MemberId): Promise<void> {
    this.#checkRunning();
    if (this.#raft.role !== "leader") throw new KvError("NOT_LEADER", "etcdserver: not leader");
    if (!this.#raft.status.confState.voters.includes(to))
      throw new KvError("BAD_TRANSFEREE", "etcdserver: bad leader transferee");
    if (!(await handOver(this.#services.handover, to, requestTimeoutMs + 2 * this.#parts.config.electionMs)))
      throw new KvError("TIMEOUT", "etcdserver: request timed out");
  }

  /** Tells the cluster this member's name and where its clients reach it. @throws KvError */
  async publish(attributes: { name: string; clientUrls: readonly string[] }): Promise<void> {
    this.#checkRunning();
    await this.#proposals.propose({ type: "member-attributes", member: this.memberId, ...attributes });
  }

  /** What is raised now, as far as this member knows. */
  alarms(): readonly Alarm[] {
    return this.#state.alarms.all;
  }

  /** There is less room on the disk than the log and an image may need: puts are refused. */
  get diskIsLow(): boolean {
    return this.#services.diskSpace.isLow;
  }

  /** Raises or lifts an alarm on all members, or asks what is raised. Answers the alarms concerned. @throws KvError */
  async alarm(
    request: { readonly action: "get" } | ({ readonly action: "activate" | "deactivate" } & Alarm),
  ): Promise<readonly Alarm[]> {
    this.#checkRunning();
    if (request.action === "get") {
      await this.#reads.confirm();
      return this.alarms();
    }
    const { action, alarm, member } = request;
    const outcome = await this.#proposals.propose({ type: "alarm", action, alarm, member });
    if (outcome.type !== "alarm") throw new Error(`an alarm ended as ${outcome.type}`);
    for (const one of outcome.alarms) {
      this.#parts.log.warn(action === "activate" ? "an alarm is raised" : "an alarm is lifted", {
        alarm: one.alarm,
        member: one.member.toString(16),
      });
    }
    return outcome.alarms;
  }

  status(): ReplicaStatus {
    const { leader, role, commit } = this.#raft.status;
    const { totalBytes, usedBytes } = this.#state.mvcc.sizes;
    const { quotaBytes = quotaBytesDefault } = this.#parts.config;
    // Who belongs to the cluster is there before any key.
    const membersBytes = this.#state.membership.image().length;
    return {
      header: this.header(),
      leader,
      role,
      committedIndex: commit,
      appliedIndex: this.#state.applied.index,
      learner: this.isLearner(),
      dbSizeBytes: totalBytes + membersBytes,
      dbSizeInUseBytes: usedBytes + membersBytes,
      ...(Number.isFinite(quotaBytes) ? { dbQuotaBytes: quotaBytes } : {}),
    };
  }

  /** Has the log, and no vote. */
  isLearner(): boolean {
    return this.#learner;
  }

  /** Hash of this member's history up to a revision (0: now). @throws KvError COMPACTED, FUTURE_REVISION */
  async hashKv(revision: Revision): Promise<KvHash> {
    this.#checkRunning();
    return this.#services.upkeep.hash(revision);
  }

  /** Hash of this member's whole history, as of now. */
  async hash(): Promise<number> {
    this.#checkRunning();
    return (await this.#services.upkeep.hashAll()).hash;
  }

  /** Compares what this member holds with the others. @throws Error where one holds something else at the same revision */
  async checkCorruption(): Promise<void> {
    this.#checkRunning();
    await this.#services.corruption.beforeServing();
  }

  /** The whole state as of now, this member's word for it; close it. */
  async snapshot(): Promise<StateSnapshot> {
    this.#checkRunning();
    return this.#services.upkeep.snapshot();
  }

  /** Where peers reach this member. */
  get peerAddress(): { readonly host: string; readonly port: number } | undefined {
    return this.#transport?.address;
  }

  /** Called with every new leader, noMember when it is lost. The answer ends it. */
  onLeader(observer: (leader: MemberId) => void): () => void {
    this.#leaderObservers.add(observer);
    return () => this.#leaderObservers.delete(observer);
  }

  /** Ends cleanly: what was acknowledged is on the disk anyway. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (!this.#stopped) await this.#handOver();
    this.#stop(new KvError("STOPPED", "etcdserver: server stopped"));
    await this.#transport?.close();
    await this.#driver.settled();
    await this.#parts.wal.close().catch(() => {});
    await this.#parts.lock.release();
  }

  /** Lets somebody else lead before this member goes, so that nobody has to wait for an election. */
  async #handOver(): Promise<void> {
    const heir = heirOf(this.#raft);
    if (heir !== noMember) await handOver(this.#services.handover, heir, this.#parts.config.electionMs);
  }

  async #change(change: MemberChange): Promise<Reconfigured> {
    this.#checkRunning();
    return this.#services.reconfiguration.change(change);
  }

  /** One that joined has a log to receive before it knows the others by itself. */
  #setPeers(): void {
    const { membership } = this.#state;
    const { memberId, peers = [] } = this.#parts.identity;
    const self = membership.get(memberId);
    this.#learner = self?.learner ?? false;
    const isKnown = self !== undefined || membership.isRemoved(memberId);
    const told = isKnown ? [] : peers.filter(({ id }) => membership.get(id) === undefined);
    this.#transport?.setPeers([...told, ...membership.members]);
  }

  /** This member was removed: it answers what it has been asked, then ends. */
  #leave(): void {
    if (this.#leaving !== undefined || this.#stopped) return;
    const { platform, config, log } = this.#parts;
    const error = new Error(
      `member ${this.memberId.toString(16)} (${config.name}) was removed from the cluster: to have this machine back in it, ` +
        "add a member anew (etcdctl member add) and start it with an empty --data-dir and --initial-cluster-state existing",
    );
    log.warn("this member was removed from the cluster and will end", { graceMs: removedGraceMs });
    this.#leaving = platform.clock.after(removedGraceMs, () => this.#failWith(error));
  }

  #headerAt(revision: Revision): Header {
    return { clusterId: this.clusterId, memberId: this.memberId, revision, term: this.#raft.term };
  }

  #ask(member: MemberId, question: Uint8Array): Promise<Uint8Array> {
    if (this.#transport === undefined)
      return Promise.reject(new KvError("NO_LEADER", "etcdserver: no leader"));
    return this.#transport.ask(member, question);
  }

  #tick(): void {
    this.#proposals.expire();
    this.#reads.tick();
    this.#services.leases.turn();
    this.#services.diskSpace.tick();
    this.#state.hub.tick(this.#parts.platform.clock.monotonic());
    this.#driver.tick();
  }

  #installed(): void {
    this.#state.hub.restored();
    this.#setPeers();
    if (this.#state.membership.isRemoved(this.memberId)) this.#leave();
    this.#applier.replaced();
  }

  #noticeLeader(): void {
    const { leader, role, term } = this.#raft;
    this.#services.leases.roleIs(role, term);
    if (leader === this.#knownLeader) return;
    this.#knownLeader = leader;
    const message = leader === noMember ? "nobody leads" : "a new leader";
    this.#parts.log.info(message, { leader: leader.toString(16), term, role });
    if (leader !== noMember) {
      this.#parts.metrics.leaderChanges.add();
      this.#reads.leaderChanged();
    }
    for (const observer of this.#leaderObservers) observer(leader);
    this.#driver.turnSoon();
  }

  #checkRunning(): void {
    if (this.#stopped) throw new KvError("STOPPED", "etcdserver: server stopped");
  }

  #failWith(error: Error): void {
    if (this.#stopped) return;
    this.#parts.log.error("this member cannot go on", { error: error.message });
    this.#stop(new KvError("STOPPED", `etcdserver: server stopped: ${error.message}`));
    void this.#transport?.close();
    this.#rejectFailed(error);
  }

  #stop(reason: KvError): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#driver.stop();
    this.#ticker?.cancel();
    for (const check of this.#checks) check.cancel();
    this.#leaving?.cancel();
    this.#proposals.close(reason);
    this.#reads.close(reason);
    this.#state.hub.close(reason);
  }
}

function isReadOnly({ success, failure }: Txn): boolean {
  return success.every(reads) && failure.every(reads);
}

function reads(op: Op): boolean {
  return op.type === "range" || (op.type === "txn" && isReadOnly(op));
}
