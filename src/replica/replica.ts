/**
 * One member of the cluster: the raft core's hands and feet. It persists what the core says, sends what it says, applies what is committed,
 * and offers the result as `Kv`.
 *
 *   requests ─→ proposals ─→ raft ─→ Ready ─→ log (durable) ─→ messages that had to wait
 *                                      │  └─→ messages that need not wait
 *                                      └─→ committed entries ─→ state machine ─→ watchers, outcomes, reads
 *
 * Everything runs on one thread; between two awaits nothing interleaves. A turn of the loop is a microtask, so that all requests which one
 * read of a socket brought share one Ready, and with it one write.
 */
import { type Index, type MemberId, noMember, type Revision } from "../base/index.ts";
import {
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
import type { Platform, Timer } from "../platform/index.ts";
import { decodeConfChange, type Entry, type Message, type Raft, type Ready } from "../raft/index.ts";
import type { Log } from "../telemetry/index.ts";
import type { Wal } from "../wal/index.ts";
import { decodeCommand, type RequestId } from "./command.ts";
import type { ReplicaConfig } from "./config.ts";
import type { Identity } from "./identity.ts";
import { imageOf, restoreImage } from "./image.ts";
import type { Images } from "./images.ts";
import { LeaseService } from "./lease-service.ts";
import { requestTimeoutMs } from "./limits.ts";
import type { Member } from "./membership.ts";
import { Proposals } from "./proposals.ts";
import { Reads } from "./reads.ts";
import type { Outcome, StateMachine } from "./state-machine.ts";
import { startTransport, type Transport } from "./transport/transport.ts";

/** This member's view of itself and the cluster, now. */
export interface ReplicaStatus {
  readonly header: Header;
  /** noMember: nobody, as far as this member knows. */
  readonly leader: MemberId;
  readonly role: Raft["role"];
  readonly committedIndex: Index;
  readonly appliedIndex: Index;
  readonly learner: boolean;
  /** Bytes the store takes, and bytes of it that hold data. */
  readonly dbSizeBytes: number;
  readonly dbSizeInUseBytes: number;
}

/** What `openReplica` found on the disk and made of it. */
export interface ReplicaParts {
  readonly platform: Platform;
  readonly config: ReplicaConfig;
  readonly log: Log;
  readonly identity: Identity;
  readonly state: StateMachine;
  readonly raft: Raft;
  readonly wal: Wal;
  readonly images: Images;
  readonly lock: { release(): Promise<void> };
}

/** Versions of compacted keys freed in one tick. */
const reclaimPerTick = 20_000;

export class Replica implements Kv {
  readonly memberId: MemberId;
  readonly clusterId: bigint;
  readonly leases: Leases;
  /** Rejects when this member cannot go on: its disk failed. It answers nobody any more then. */
  readonly failed: Promise<never>;
  readonly #parts: ReplicaParts;
  readonly #raft: Raft;
  readonly #state: StateMachine;
  readonly #proposals: Proposals;
  readonly #reads: Reads;
  readonly #leaseService: LeaseService;
  readonly #leaderObservers = new Set<(leader: MemberId) => void>();
  #transport: Transport | undefined;
  #ticker: Timer | undefined;
  #rejectFailed: (error: Error) => void = () => {};
  #turnIsDue = false;
  /** A leader's image is being taken in: the core waits. */
  #installing = false;
  #imageUnderWay: Promise<void> | undefined;
  #stopped = false;
  /** Of the last write given to the log. */
  #written: Promise<void> = Promise.resolve();
  #knownLeader: MemberId = noMember;
  #lastImageIndex: Index;

  constructor(parts: ReplicaParts) {
    this.#parts = parts;
    this.#raft = parts.raft;
    this.#state = parts.state;
    this.memberId = parts.identity.memberId;
    this.clusterId = parts.identity.clusterId;
    this.#lastImageIndex = parts.state.applied.index;
    this.failed = new Promise<never>((_, reject) => {
      this.#rejectFailed = reject;
    });
    // Whether anybody listens is not ours to say.
    this.failed.catch(() => {});
    const { clock, random } = parts.platform;
    const shared = {
      clock,
      random,
      raft: parts.raft,
      timeoutMs: requestTimeoutMs + 2 * parts.config.electionMs,
      onWork: () => this.#turnSoon(),
    };
    this.#proposals = new Proposals({ ...shared, member: this.memberId });
    this.#reads = new Reads(shared);
    this.#leaseService = new LeaseService({
      ...shared,
      state: parts.state,
      proposals: this.#proposals,
      reads: this.#reads,
      member: this.memberId,
      electionMs: parts.config.electionMs,
      header: () => this.header(),
      ask: (member, question) => this.#ask(member, question),
    });
    this.leases = this.#leaseService;
  }

  /** Listens to the other members and begins to take part. */
  async start(): Promise<void> {
    const { platform, config, log, identity, images } = this.#parts;
    this.#transport = await startTransport({
      platform,
      log,
      clusterId: identity.clusterId,
      member: identity.memberId,
      listen: config.listenPeer,
      tls: config.tls,
      onMessage: (message) => this.#step(message),
      onQuestion: (question) => this.#leaseService.answer(question),
      onUnreachable: (member) => this.#raft.reportUnreachable(member),
      receiver: images,
      isRemoved: (member) => this.#state.membership.isRemoved(member),
    });
    this.#transport.setPeers(this.#peers());
    this.#ticker = platform.clock.every(config.heartbeatMs, () => this.#tick());
    // Alone, there is nobody to wait for.
    if (config.initialMembers.length === 1) this.#raft.campaign();
    this.#turnSoon();
  }

  async range(query: RangeQuery): Promise<RangeResult> {
    this.#checkRunning();
    if (!query.serializable) await this.#reads.confirm();
    const { kvs, count, more } = this.#state.mvcc.range(query);
    return { header: this.header(), kvs, count, more };
  }

  async txn(txn: Txn): Promise<TxnResult> {
    this.#checkRunning();
    checkTxn(txn);
    if (isReadOnly(txn)) {
      await this.#reads.confirm();
      const { succeeded, results } = this.#state.mvcc.apply(txn);
      return { header: this.header(), succeeded, results };
    }
    const outcome = await this.#proposals.propose({ type: "txn", txn });
    if (outcome.type !== "txn") throw new Error(`a transaction ended as ${outcome.type}`);
    return {
      header: this.#headerAt(outcome.revision),
      succeeded: outcome.succeeded,
      results: outcome.results,
    };
  }

  async compact(revision: Revision, options: { physical?: boolean } = {}): Promise<Header> {
    this.#checkRunning();
    const outcome = await this.#proposals.propose({ type: "compact", revision });
    if (options.physical) while (this.#state.mvcc.reclaim(reclaimPerTick)) await this.#pause();
    return this.#headerAt(outcome.revision);
  }

  watch(query: WatchQuery, observer: WatchObserver): KvWatch {
    this.#checkRunning();
    return this.#state.hub.watch(query, observer);
  }

  /** Where and when it is now. */
  header(): Header {
    return this.#headerAt(this.#state.mvcc.revision);
  }

  /** @throws KvError TIMEOUT */
  async members(options: { linearizable: boolean }): Promise<readonly Member[]> {
    if (options.linearizable) await this.#reads.confirm();
    return this.#state.membership.members;
  }

  /** Tells the cluster this member's name and where its clients reach it. @throws KvError */
  async publish(attributes: { name: string; clientUrls: readonly string[] }): Promise<void> {
    await this.#proposals.propose({ type: "member-attributes", member: this.memberId, ...attributes });
  }

  status(): ReplicaStatus {
    const { leader, role, commit } = this.#raft.status;
    const { totalBytes, usedBytes } = this.#state.mvcc.sizes;
    return {
      header: this.header(),
      leader,
      role,
      committedIndex: commit,
      appliedIndex: this.#state.applied.index,
      learner: this.#state.membership.get(this.memberId)?.learner ?? false,
      dbSizeBytes: totalBytes,
      dbSizeInUseBytes: usedBytes,
    };
  }

  /** Hash of this member's history up to a revision (0: now). @throws KvError COMPACTED, FUTURE_REVISION */
  async hashKv(
    revision: Revision,
  ): Promise<{ hash: number; compactRevision: Revision; hashRevision: Revision }> {
    const hashing = this.#state.mvcc.hash(revision);
    for (;;) {
      const hash = hashing.step(reclaimPerTick);
      if (hash !== undefined)
        return { hash, compactRevision: hashing.compactRevision, hashRevision: hashing.revision };
      await this.#pause();
    }
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

  /** Makes room for somebody else to lead, where there is. */
  transferLeadership(to: MemberId): void {
    this.#raft.transferLeadership(to);
    this.#turnSoon();
  }

  /** Ends cleanly: what was acknowledged is on the disk anyway. */
  async close(): Promise<void> {
    if (this.#stopped) return;
    this.#stop(new KvError("STOPPED", "etcdserver: server stopped"));
    await this.#transport?.close();
    await this.#imageUnderWay?.catch(() => {});
    await this.#parts.wal.close().catch(() => {});
    await this.#parts.lock.release();
  }

  #headerAt(revision: Revision): Header {
    return { clusterId: this.clusterId, memberId: this.memberId, revision, term: this.#raft.term };
  }

  #peers(): { id: MemberId; peerUrls: readonly string[] }[] {
    return this.#state.membership.members.map(({ id, peerUrls }) => ({ id, peerUrls }));
  }

  #ask(member: MemberId, question: Uint8Array): Promise<Uint8Array> {
    if (this.#transport === undefined)
      return Promise.reject(new KvError("NO_LEADER", "etcdserver: no leader"));
    return this.#transport.ask(member, question);
  }

  #step(message: Message): void {
    if (this.#stopped) return;
    this.#raft.step(message);
    this.#turnSoon();
  }

  #tick(): void {
    if (this.#installing) return;
    this.#raft.tick();
    this.#proposals.tick();
    this.#reads.tick();
    this.#leaseService.turn();
    this.#state.hub.tick(this.#parts.platform.clock.monotonic());
    this.#state.mvcc.reclaim(reclaimPerTick);
    this.#turnSoon();
  }

  #turnSoon(): void {
    if (this.#turnIsDue || this.#stopped) return;
    this.#turnIsDue = true;
    queueMicrotask(() => {
      this.#turnIsDue = false;
      try {
        this.#turn();
      } catch (error) {
        this.#failWith(error as Error);
      }
    });
  }

  #turn(): void {
    while (!this.#stopped && !this.#installing && this.#raft.hasReady()) this.#handle(this.#raft.takeReady());
    this.#noticeLeader();
  }

  #handle(ready: Ready): void {
    for (const message of ready.messages) this.#send(message);
    if (ready.snapshot !== undefined) {
      this.#installing = true;
      this.#install(ready).then(
        () => {
          this.#installing = false;
          this.#turnSoon();
        },
        (error: Error) => this.#failWith(error),
      );
      return;
    }
    this.#persist(ready);
    if (ready.committed.length > 0) this.#apply(ready.committed);
    for (const read of ready.readStates) this.#reads.confirmed(read, this.#state.applied.index);
  }

  /** Durable before visible: votes and acknowledgements leave only when what they promise is on the disk. */
  #persist({ hardState, entries, messagesAfterPersist, mustSync }: Ready): void {
    const { wal } = this.#parts;
    const fail = (error: Error) => this.#failWith(error);
    if (mustSync) this.#written = wal.append({ hardState, entries });
    else if (hardState !== undefined) wal.append({ hardState, sync: false }).catch(fail);
    else if (messagesAfterPersist.length === 0) return;
    const last = entries.at(-1);
    this.#written.then(() => {
      if (this.#stopped) return;
      this.#raft.persisted(last, hardState);
      for (const message of messagesAfterPersist) this.#send(message);
      this.#turnSoon();
    }, fail);
  }

  #send(message: Message): void {
    if (message.type !== "snapshot") return this.#transport?.send(message);
    const report = (outcome: "installed" | "failed") => {
      if (this.#stopped) return;
      this.#raft.reportSnapshot(message.to, outcome);
      this.#turnSoon();
    };
    this.#sendImage(message).then(
      () => report("installed"),
      (error: Error) => {
        this.#parts.log.warn("an image could not be sent", {
          member: message.to.toString(16),
          error: error.message,
        });
        report("failed");
      },
    );
  }

  async #sendImage(message: Message & { type: "snapshot" }): Promise<void> {
    if (this.#transport === undefined) throw new Error("not started");
    await this.#transport.sendImage(message, this.#parts.images.read(message.snapshot));
  }

  /** Takes in the image that the transport has put on the disk: first the log says so, then the state is replaced. */
  async #install({ snapshot, hardState, entries, messagesAfterPersist }: Ready): Promise<void> {
    if (snapshot === undefined) return;
    const { wal, images, log } = this.#parts;
    log.info("installing an image from the leader", { index: snapshot.index });
    await this.#written;
    await wal.append({ snapshot, hardState, entries });
    await restoreImage(this.#state, images.read(snapshot));
    this.#state.applied = { index: snapshot.index, term: snapshot.term };
    this.#lastImageIndex = snapshot.index;
    this.#state.hub.restored();
    this.#raft.persisted(entries.at(-1), hardState);
    this.#raft.applied(snapshot.index);
    for (const message of messagesAfterPersist) this.#send(message);
    this.#transport?.setPeers(this.#peers());
    this.#reads.applied(snapshot.index);
  }

  #apply(entries: readonly Entry[]): void {
    const settled: { id: RequestId; outcome: Outcome | KvError }[] = [];
    for (const entry of entries) {
      if (entry.type === "conf-change") this.#applyConfChange(entry);
      else if (entry.data.length > 0) settled.push(this.#applyCommand(entry));
      this.#state.applied = entry;
    }
    const { index } = this.#state.applied;
    this.#raft.applied(index);
    this.#state.hub.publish();
    for (const { id, outcome } of settled) this.#proposals.settle(id, outcome);
    this.#reads.applied(index);
    if (index - this.#lastImageIndex >= this.#parts.config.snapshotCount) this.#takeImage();
  }

  #applyCommand(entry: Entry): { id: RequestId; outcome: Outcome | KvError } {
    const { id, command } = decodeCommand(entry.data);
    try {
      return { id, outcome: this.#state.apply(command, entry.term) };
    } catch (error) {
      // A refusal is an outcome, the same on all members; anything else is a mistake of ours, and must not go on.
      if (error instanceof KvError) return { id, outcome: error };
      throw error;
    }
  }

  #applyConfChange(entry: Entry): void {
    const change = decodeConfChange(entry.data);
    if (change === undefined) return;
    this.#raft.applyConfChange(change);
    this.#state.membership.apply(change);
    this.#transport?.setPeers(this.#peers());
  }

  /** Writes an image in the background, fixed now; the log behind it is let go when it is durable. */
  #takeImage(): void {
    if (this.#imageUnderWay !== undefined || this.#stopped) return;
    const { images, wal, log } = this.#parts;
    const { index, term } = this.#state.applied;
    this.#lastImageIndex = index;
    const meta = { index, term, confState: this.#raft.status.confState };
    const chunks = imageOf(this.#state);
    const work = async () => {
      await images.write(meta, chunks);
      await wal.append({ snapshot: meta });
      if (this.#stopped) return;
      this.#raft.compact(index);
      await wal.release(images.releasable);
      await images.removeOld();
    };
    this.#imageUnderWay = work()
      .catch((error: Error) => {
        chunks.return?.();
        // The log still has everything: the next image will try again.
        if (!this.#stopped) log.error("an image could not be written", { index, error: error.message });
      })
      .finally(() => {
        this.#imageUnderWay = undefined;
      });
  }

  #noticeLeader(): void {
    const { leader, role, term } = this.#raft;
    this.#leaseService.roleIs(role, term);
    if (leader === this.#knownLeader) return;
    this.#knownLeader = leader;
    this.#parts.log.info(leader === noMember ? "nobody leads" : "a new leader", {
      leader: leader.toString(16),
      term,
      role,
    });
    if (leader !== noMember) {
      this.#proposals.leaderIs(leader);
      this.#reads.leaderChanged();
    }
    for (const observer of this.#leaderObservers) observer(leader);
  }

  /** Gives I/O a turn. */
  #pause(): Promise<void> {
    return new Promise((resolve) => this.#parts.platform.clock.after(0, resolve));
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
    this.#stopped = true;
    this.#ticker?.cancel();
    this.#proposals.close(reason);
    this.#reads.close(reason);
    this.#state.hub.close(reason);
  }
}

function isReadOnly(txn: Txn): boolean {
  const reads = (ops: readonly Op[]): boolean =>
    ops.every((op) => op.type === "range" || (op.type === "txn" && isReadOnly(op)));
  return reads(txn.success) && reads(txn.failure);
}
