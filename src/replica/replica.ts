/**
 * One member of the cluster, as its users see it: `Kv` (`kv-service.ts`), what operators ask of the cluster (`administration.ts`), and what the member
 * says of itself. Here the parts are put together, begin and end.
 */
import { type MemberId, noMember, type Revision } from "../base/index.ts";
import {
  type Caller,
  type Header,
  type Kv,
  KvError,
  type KvWatch,
  type Leases,
  type RangeQuery,
  type RangeResult,
  type Txn,
  type TxnResult,
  type WatchObserver,
  type WatchQuery,
} from "../kv/index.ts";
import type { Timer } from "../platform/index.ts";
import type { AccessService } from "./access-service.ts";
import { Administration } from "./administration.ts";
import type { Alarm } from "./alarms.ts";
import { Applier } from "./applier.ts";
import type { KvHash } from "./compaction-hashes.ts";
import { Driver } from "./driver.ts";
import { handOver, heirOf } from "./handover.ts";
import { KvService } from "./kv-service.ts";
import { Leadership } from "./leadership.ts";
import type { Who } from "./lease-service.ts";
import { quotaBytesDefault, readRetryMs, removedGraceMs, ticksPerHeartbeat } from "./limits.ts";
import type { Member } from "./membership.ts";
import type { ReplicaParts } from "./parts.ts";
import { Peers } from "./peers.ts";
import type { Reconfigured } from "./reconfiguration.ts";
import { createServices, type Services } from "./services.ts";
import type { StateSnapshot } from "./snapshot.ts";
import type { ReplicaStatus } from "./status.ts";

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
  readonly #services: Services;
  readonly #keys: KvService;
  readonly #administration: Administration;
  readonly #peers: Peers;
  readonly #leadership: Leadership;
  readonly #applier: Applier;
  readonly #driver: Driver;
  readonly #rejectFailed: (error: Error) => void;
  readonly #resolveReady: () => void;
  #isReady = false;
  #ticker: Timer | undefined;
  /** Of checks that compare members. */
  #checks: Timer[] = [];
  #stopped = false;
  #closing: Promise<void> | undefined;
  #leaving: Timer | undefined;

  constructor(parts: ReplicaParts) {
    const { platform, config, identity, log, metrics, raft, state } = parts;
    const { clock } = platform;
    this.#parts = parts;
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
    const checkRunning = () => this.#checkRunning();
    this.#peers = new Peers(parts, {
      services: () => this.#services,
      onMessage: (message) => this.#driver.step(message),
      onConnected: (member) => this.#driver.connected(member),
      onUnreachable: (member) => {
        if (!this.#stopped) raft.reportUnreachable(member);
      },
      onRemoved: () => this.#leave(),
    });
    this.#services = createServices(parts, {
      onWork: () => this.#driver.asked(),
      header: () => this.header(),
      ask: (member, question) => this.#peers.ask(member, question),
      activeSince: (member) => this.#peers.activeSince(member),
      onLeader: (observer) => this.onLeader(observer),
      handOver: () => this.#handOver(),
      raise: (alarm) => this.alarm({ action: "activate", ...alarm }),
      isStopped: () => this.#stopped,
      checkRunning,
    });
    const { proposals, reads, quota, leases, access, upkeep } = this.#services;
    this.leases = leases;
    this.access = access;
    this.#keys = new KvService({
      ...this.#services,
      clock,
      loop: platform.loop,
      durations: metrics.durations,
      state,
      txnOpsMax: config.txnOpsMax,
      headerAt: (revision) => this.#headerAt(revision),
      checkRunning,
    });
    this.#administration = new Administration({
      ...this.#services,
      member: this.memberId,
      electionMs: config.electionMs,
      log,
      metrics,
      raft,
      state,
      checkRunning,
    });
    this.#leadership = new Leadership({
      raft,
      log,
      onChange: (leader) => {
        if (leader === noMember) return;
        metrics.leaderChanges.add();
        reads.leaderChanged();
      },
    });
    this.#applier = new Applier({
      clock,
      member: this.memberId,
      state,
      proposals,
      quota,
      metrics,
      isReady: () => this.#isReady,
      applyConfChange: (change) => this.#driver.applyConfChange(change),
      onCompacted: (hashing) => upkeep.compacted(hashing),
      onMembers: () => this.#peers.changed(),
      onRemoved: () => this.#leave(),
    });
    metrics.watch({
      status: () => this.status(),
      pending: () => proposals.count,
      state,
      member: this.memberId,
      now: () => clock.now(),
      walBytes: () => parts.wal.stats.bytes,
      installing: () => this.#driver.installing,
      defragmenting: () => upkeep.defragmenting,
      isActive: (member) => this.#peers.activeSince(member) !== undefined,
    });
    this.#driver = new Driver(
      {
        ...parts,
        loop: platform.loop,
        clock,
        member: this.memberId,
        snapshotCount: config.snapshotCount,
        heartbeatMs: config.heartbeatMs,
        apply: (entries) => this.#applier.apply(entries),
        onInstalled: () => this.#installed(),
        onTurn: () => this.#turned(),
        onFailed: (error) => this.#failWith(error),
      },
      { proposals, reads },
    );
  }

  /** Listens to the other members and begins to take part. */
  async start(): Promise<void> {
    const { platform, config, state } = this.#parts;
    const transport = await this.#peers.start();
    if (state.membership.isRemoved(this.memberId)) this.#leave();
    const { corruption, compactionCheck } = this.#services;
    const { corruptionCheckMs = 0, compactionCheckMs = 0 } = config;
    if (corruptionCheckMs > 0) this.#checks.push(corruption.every(corruptionCheckMs));
    if (compactionCheckMs > 0) this.#checks.push(compactionCheck.every(compactionCheckMs));
    this.#ticker = platform.clock.every(config.heartbeatMs / ticksPerHeartbeat, () => this.#tick());
    this.#driver.start(transport);
    this.#becomeReady();
  }

  /** The first linearizable read: it waits for a leader, and until what was committed when that one was asked is applied here. */
  #becomeReady(): void {
    this.#services.reads.confirm().then(
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

  // Keys.

  /** This store for somebody whose rights are asked for, with every call anew. */
  as(who: Who): Kv {
    return this.#keys.as(who);
  }

  /** Without a caller the program itself asks, and may see everything. */
  range(query: RangeQuery, caller?: Caller): Promise<RangeResult> {
    return this.#keys.range(query, caller);
  }

  txn(txn: Txn, caller?: Caller): Promise<TxnResult> {
    return this.#keys.txn(txn, caller);
  }

  compact(revision: Revision, options?: { physical?: boolean }, caller?: Caller): Promise<Header> {
    return this.#keys.compact(revision, options, caller);
  }

  watch(query: WatchQuery, observer: WatchObserver): KvWatch {
    return this.#keys.watch(query, observer);
  }

  /** Frees all that compactions have made unreachable, an image under way waited for. */
  async defragment(): Promise<void> {
    this.#checkRunning();
    await this.#driver.settled();
    await this.#services.upkeep.defragment();
  }

  /** Where and when it is now. */
  header(): Header {
    return this.#headerAt(this.#parts.state.mvcc.revision);
  }

  // The cluster.

  /** By id. @throws KvError TIMEOUT */
  members(options: { linearizable: boolean }): Promise<readonly Member[]> {
    return this.#administration.members(options);
  }

  /** Who belongs to the cluster after a voter or a learner was added, and its id. @throws KvError, as of all changes below: see Reconfiguration */
  addMember(peerUrls: readonly string[], options: { learner: boolean }): Promise<Reconfigured> {
    return this.#administration.change({ type: "add", peerUrls, ...options });
  }

  /** The member ends by itself, where it runs. */
  async removeMember(member: MemberId): Promise<readonly Member[]> {
    return (await this.#administration.change({ type: "remove", member })).members;
  }

  async updateMember(member: MemberId, peerUrls: readonly string[]): Promise<readonly Member[]> {
    return (await this.#administration.change({ type: "update", member, peerUrls })).members;
  }

  /** Makes a learner that has caught up a voter. */
  async promoteMember(member: MemberId): Promise<readonly Member[]> {
    return (await this.#administration.change({ type: "promote", member })).members;
  }

  /** Has another voter lead. Only the leader can. @throws KvError NOT_LEADER, BAD_TRANSFEREE, TIMEOUT */
  moveLeader(to: MemberId): Promise<void> {
    return this.#administration.moveLeader(to);
  }

  /** Tells the cluster this member's name and where its clients reach it. @throws KvError */
  publish(attributes: { name: string; clientUrls: readonly string[] }): Promise<void> {
    return this.#administration.publish(attributes);
  }

  /** What is raised now, as far as this member knows. */
  alarms(): readonly Alarm[] {
    return this.#parts.state.alarms.all;
  }

  /** There is less room on the disk than the log and an image may need: puts are refused. */
  get diskIsLow(): boolean {
    return this.#services.diskSpace.isLow;
  }

  /** Raises or lifts an alarm on all members, or asks what is raised. Answers the alarms concerned. @throws KvError */
  alarm(
    request: { readonly action: "get" } | ({ readonly action: "activate" | "deactivate" } & Alarm),
  ): Promise<readonly Alarm[]> {
    return this.#administration.alarm(request);
  }

  /** Called with every new leader, noMember when it is lost. The answer ends it. */
  onLeader(observer: (leader: MemberId) => void): () => void {
    return this.#leadership.observe(observer);
  }

  // This member.

  status(): ReplicaStatus {
    const { raft, state, config } = this.#parts;
    const { leader, role, commit } = raft.status;
    const { totalBytes, usedBytes } = state.mvcc.sizes;
    const { quotaBytes = quotaBytesDefault } = config;
    // Who belongs to the cluster is there before any key.
    const membersBytes = state.membership.image().length;
    return {
      header: this.header(),
      leader,
      role,
      committedIndex: commit,
      appliedIndex: state.applied.index,
      learner: this.isLearner(),
      dbSizeBytes: totalBytes + membersBytes,
      dbSizeInUseBytes: usedBytes + membersBytes,
      ...(Number.isFinite(quotaBytes) ? { dbQuotaBytes: quotaBytes } : {}),
    };
  }

  /** Has the log, and no vote. */
  isLearner(): boolean {
    return this.#peers.isLearner;
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
    return this.#peers.address;
  }

  /** Ends cleanly: what was acknowledged is on the disk anyway. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (!this.#stopped) await this.#handOver();
    this.#stop(new KvError("STOPPED", "etcdserver: server stopped"));
    await this.#peers.close();
    await this.#driver.settled();
    await this.#parts.wal.close().catch(() => {});
    await this.#parts.lock.release();
  }

  /** Lets somebody else lead before this member goes, so that nobody has to wait for an election. */
  async #handOver(): Promise<void> {
    const heir = heirOf(this.#parts.raft);
    if (heir !== noMember) await handOver(this.#services.handover, heir, this.#parts.config.electionMs);
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
    return { clusterId: this.clusterId, memberId: this.memberId, revision, term: this.#parts.raft.term };
  }

  #tick(): void {
    const { proposals, reads, leases, diskSpace } = this.#services;
    proposals.expire();
    reads.tick();
    leases.turn();
    diskSpace.tick();
    this.#parts.state.hub.tick(this.#parts.platform.clock.monotonic());
    this.#driver.tick();
  }

  #installed(): void {
    const { hub, membership } = this.#parts.state;
    hub.restored();
    this.#peers.changed();
    if (membership.isRemoved(this.memberId)) this.#leave();
    this.#applier.replaced();
  }

  /** After every turn: who leads may have changed. */
  #turned(): void {
    const { role, term } = this.#parts.raft;
    this.#services.leases.roleIs(role, term);
    if (this.#leadership.look()) this.#driver.turnSoon();
  }

  #checkRunning(): void {
    if (this.#stopped) throw new KvError("STOPPED", "etcdserver: server stopped");
  }

  #failWith(error: Error): void {
    if (this.#stopped) return;
    this.#parts.log.error("this member cannot go on", { error: error.message });
    this.#stop(new KvError("STOPPED", `etcdserver: server stopped: ${error.message}`));
    void this.#peers.close();
    this.#rejectFailed(error);
  }

  #stop(reason: KvError): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#driver.stop();
    this.#ticker?.cancel();
    for (const check of this.#checks) check.cancel();
    this.#leaving?.cancel();
    this.#services.proposals.close(reason);
    this.#services.reads.close(reason);
    this.#parts.state.hub.close(reason);
  }
}
