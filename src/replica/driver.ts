/**
 * The raft core's hands and feet: it makes durable what the core says, sends what it says, has applied what is committed.
 *
 *   proposals ─→ core ─→ Ready ─→ log (durable) ─→ messages that had to wait
 *                          │  └─→ messages that need not wait
 *                          └─→ committed entries ─→ owner's state machine
 *
 * Everything runs on one thread; between two awaits nothing interleaves. While the disk is busy, a turn comes when all sockets that had
 * something to say have been read, so that what they brought shares one Ready, and with it one write. Several writes may be on their way to
 * the disk; the log ends them in order. Nothing that a Ready promises leaves before its write, and all before it, are durable.
 */
import { assert, type Index, type MemberId, noMember } from "../base/index.ts";
import type { Clock, Loop } from "../platform/index.ts";
import type { ConfChange, Entry, Message, Raft, Ready, SnapshotMeta } from "../raft/index.ts";
import { SnapshotDamagedError } from "../snapshot/index.ts";
import type { Log } from "../telemetry/index.ts";
import type { Wal } from "../wal/index.ts";
import { HeartbeatWatch } from "./heartbeat-watch.ts";
import { imageOf, restoreImage } from "./image.ts";
import { ImageSchedule } from "./image-schedule.ts";
import type { Images } from "./images.ts";
import { imageRetryMs } from "./limits.ts";
import { LoneWriter } from "./lone-writer.ts";
import type { ReplicaMetrics } from "./metrics.ts";
import { isStale, type Proposals } from "./proposals.ts";
import type { Reads } from "./reads.ts";
import type { StateMachine } from "./state-machine.ts";
import type { Transport } from "./transport/transport.ts";

/** Readys handled before I/O gets its turn. */
const readysPerTurn = 8;

export interface DriverOptions {
  readonly loop: Loop;
  readonly clock: Clock;
  readonly metrics: ReplicaMetrics;
  readonly member: MemberId;
  readonly raft: Raft;
  readonly wal: Wal;
  readonly images: Images;
  readonly state: StateMachine;
  readonly log: Log;
  /** Entries applied between two images, at least. */
  readonly snapshotCount: number;
  readonly heartbeatMs: number;
  /** Applies committed entries, in order. What it throws ends this member. */
  readonly apply: (entries: readonly Entry[]) => void;
  /** The state was replaced by an image that the leader sent. */
  readonly onInstalled: () => void;
  /** After every turn: who leads may have changed. */
  readonly onTurn: () => void;
  readonly onFailed: (error: Error) => void;
}

export class Driver {
  readonly #options: DriverOptions;
  readonly #raft: Raft;
  readonly #proposals: Proposals;
  readonly #reads: Reads;
  #transport: Transport | undefined;
  #turnIsDue = false;
  /** A leader's image is being taken in: the core waits. */
  #installing = false;
  #imageUnderWay: Promise<void> | undefined;
  /** After one that could not be written. */
  #imageNotBefore = 0;
  readonly #schedule: ImageSchedule;
  #stopped = false;
  /** Writes given to the log that are not durable yet. */
  #writes = 0;
  readonly #loneWriter = new LoneWriter();
  /** Committed when this life began: its own past is complete once that is applied. */
  readonly #startCommit: Index;
  #mayStandAlone = true;
  /** Somebody has led in this life. */
  #ledBefore = false;
  readonly #connected = new Set<MemberId>();
  readonly #heartbeats: HeartbeatWatch;

  constructor(options: DriverOptions, requests: { proposals: Proposals; reads: Reads }) {
    this.#options = options;
    this.#raft = options.raft;
    this.#proposals = requests.proposals;
    this.#reads = requests.reads;
    const { snapshotCount, state, clock, log, metrics, heartbeatMs } = options;
    this.#heartbeats = new HeartbeatWatch({ clock, log, heartbeatMs, late: metrics.heartbeatsLate });
    this.#schedule = new ImageSchedule({
      snapshotCount,
      usedBytes: () => state.mvcc.usedBytes,
      lastIndex: state.applied.index,
    });
    this.#startCommit = options.raft.status.commit;
  }

  start(transport: Transport): void {
    this.#transport = transport;
    this.turnSoon();
  }

  get installing(): boolean {
    return this.#installing;
  }

  /** Nothing is taken from the core any more. */
  stop(): void {
    this.#stopped = true;
  }

  /** Resolves when no image is being written any more. */
  async settled(): Promise<void> {
    await this.#imageUnderWay;
  }

  tick(): void {
    if (this.#installing || this.#stopped) return;
    this.#raft.tick();
    this.turnSoon();
  }

  step(message: Message): void {
    if (this.#stopped || isStale(message, this.#raft.term)) return;
    this.#raft.step(message);
    this.turnSoon();
  }

  /**
   * A member is connected both ways. Whoever starts need not wait for an election time-out where nobody leads: the first of
   * the voters stands as soon as it can reach a quorum. Where somebody leads, PreVote makes this mean nothing.
   */
  connected(member: MemberId): void {
    this.#connected.add(member);
    if (this.#stopped || this.#ledBefore || this.#installing) return;
    if (this.#options.state.applied.index < this.#startCommit) return;
    const { leader, role, confState } = this.#raft.status;
    const { voters } = confState;
    const reached = voters.filter((voter) => voter === this.#options.member || this.#connected.has(voter));
    const isFirst = voters.every((voter) => voter >= this.#options.member);
    if (leader !== noMember || role !== "follower" || !isFirst || reached.length <= voters.length / 2) return;
    this.#raft.campaign();
    this.turnSoon();
  }

  turnSoon(): void {
    if (this.#turnIsDue || this.#stopped) return;
    this.#turnIsDue = true;
    this.#options.loop.soon(this.#takeTurn);
  }

  /**
   * Somebody has asked for something. An idle disk waits for nobody else: whoever comes meanwhile shares the next write. But during one that is
   * made on the spot nobody can come; so who is there already is to share it.
   */
  asked(): void {
    if (this.#writes > 0) this.#loneWriter.joined();
    if (this.#writes > 0 || this.#loneWriter.isAlone) return this.turnSoon();
    if (this.#turnIsDue || this.#stopped) return;
    this.#turnIsDue = true;
    this.#options.loop.next(this.#takeTurn);
  }

  applyConfChange(change: ConfChange | undefined): void {
    this.#raft.applyConfChange(change);
  }

  readonly #takeTurn = (): void => {
    this.#turnIsDue = false;
    this.#guard(() => this.#turn());
  };

  #turn(): void {
    if (this.#stopped) return;
    if (!this.#installing) this.#proposals.flush();
    for (let i = 0; i < readysPerTurn; i++) {
      if (this.#stopped || this.#installing || !this.#raft.hasReady()) break;
      this.#handle(this.#raft.takeReady());
    }
    if (this.#stopped) return;
    if (this.#raft.wantsImage && this.#options.clock.monotonic() >= this.#imageNotBefore) this.#takeImage();
    if (this.#mayStandAlone) this.#standAlone();
    if (this.#raft.leader !== noMember) this.#ledBefore = true;
    this.#options.onTurn();
    if (!this.#installing && this.#raft.hasReady()) this.turnSoon();
  }

  /** A mistake of ours ends the member: going on from a state that nobody has proved right could lose what was acknowledged. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#options.onFailed(error as Error);
    }
  }

  /** The only voter has nobody to wait for. Whether it is that, it knows when it has applied what it had committed. */
  #standAlone(): void {
    if (this.#options.state.applied.index < this.#startCommit) return;
    this.#mayStandAlone = false;
    const { confState, role } = this.#raft.status;
    if (confState.voters.length !== 1 || confState.voters[0] !== this.#options.member || role === "leader")
      return;
    this.#raft.campaign();
  }

  #handle(ready: Ready): void {
    for (const message of ready.messages) this.#send(message);
    if (ready.snapshot !== undefined) {
      assert(ready.committed.length === 0, `${ready.committed.length} entries to apply come with an image`);
      this.#installing = true;
      this.#install(ready, ready.snapshot).catch(this.#options.onFailed);
      return;
    }
    this.#persist(ready);
    if (ready.committed.length > 0) this.#apply(ready.committed);
    for (const read of ready.readStates) this.#reads.confirmed(read, this.#options.state.applied.index);
  }

  /** Durable before visible: votes and acknowledgements leave only when what they promise is on the disk. */
  #persist({ hardState, entries, messages, messagesAfterPersist, mustSync }: Ready): void {
    if (hardState === undefined && entries.length === 0 && messagesAfterPersist.length === 0) return;
    if (entries.length > 0) this.#loneWriter.writes(entries.length);
    // What others are told beside it must not wait for it.
    const alone = this.#loneWriter.isAlone && messages.length === 0;
    this.#writes++;
    // Without a need to sync this resolves with what was written before it.
    this.#options.wal.append({ hardState, entries, sync: mustSync, alone }).then(() => {
      this.#writes--;
      if (this.#stopped) return;
      this.#guard(() => {
        this.#raft.persisted(entries.at(-1), hardState);
        for (const message of messagesAfterPersist) this.#send(message);
      });
      // At once: who waits for what is durable now has waited long enough, and what comes meanwhile shares the next write.
      this.#takeTurn();
    }, this.#options.onFailed);
  }

  #apply(entries: readonly Entry[]): void {
    const { state, apply } = this.#options;
    apply(entries);
    const { index, term } = entries.at(-1) as Entry;
    state.applied = { index, term };
    this.#raft.applied(index);
    this.#reads.applied(index);
    if (this.#schedule.applied(entries)) this.#takeImage();
  }

  #send(message: Message): void {
    if (message.type !== "snapshot") {
      if (message.type === "heartbeat") this.#heartbeats.sent(message.to, message.term);
      const taken = this.#transport?.send(message) ?? false;
      if (!taken && message.type === "propose") this.#proposals.returned(message.entries);
      return;
    }
    const report = (outcome: "installed" | "failed"): void => {
      if (this.#stopped) return;
      this.#guard(() => this.#raft.reportSnapshot(message.to, outcome));
      this.turnSoon();
    };
    this.#sendImage(message).then(
      () => report("installed"),
      (error: Error) => {
        const member = message.to.toString(16);
        this.#options.log.warn("an image could not be sent", { member, error: error.message });
        // The state is sound: another image is what the member gets next.
        if (error instanceof SnapshotDamagedError) this.#takeImage();
        report("failed");
      },
    );
  }

  async #sendImage(message: Message & { type: "snapshot" }): Promise<void> {
    if (this.#transport === undefined) throw new Error("not started");
    await this.#transport.sendImage(message, () => this.#options.images.read(message.snapshot));
  }

  /** Takes in the image that the transport has put on the disk: first the log says so, then the state is replaced. */
  async #install(ready: Ready, snapshot: SnapshotMeta): Promise<void> {
    const { wal, images, log, state } = this.#options;
    const { hardState, entries, messagesAfterPersist } = ready;
    log.info("installing an image from the leader", { index: snapshot.index });
    await wal.append({ snapshot, hardState, entries });
    await restoreImage(state, images.read(snapshot));
    if (this.#stopped) return;
    state.applied = { index: snapshot.index, term: snapshot.term };
    this.#schedule.taken(snapshot.index);
    this.#raft.persisted(entries.at(-1), hardState);
    this.#raft.applied(snapshot.index);
    for (const message of messagesAfterPersist) this.#send(message);
    this.#installing = false;
    this.#options.onInstalled();
    for (const read of ready.readStates) this.#reads.confirmed(read, snapshot.index);
    this.#reads.applied(snapshot.index);
    this.turnSoon();
    this.#imageUnderWay ??= this.#background(this.#letGo());
  }

  /** Writes an image in the background, fixed now; the log behind it is let go when it is durable. */
  #takeImage(): void {
    if (this.#imageUnderWay !== undefined || this.#stopped) return;
    const { index, term } = this.#options.state.applied;
    this.#schedule.taken(index);
    const meta = { index, term, confState: this.#raft.status.confState };
    this.#imageUnderWay = this.#background(this.#writeImage(meta, imageOf(this.#options.state)));
  }

  async #writeImage(meta: SnapshotMeta, chunks: IterableIterator<Uint8Array>): Promise<void> {
    try {
      await this.#options.images.write(meta, chunks);
    } finally {
      chunks.return?.();
    }
    await this.#options.wal.append({ snapshot: meta });
    if (this.#stopped) return;
    this.#raft.compact(meta);
    this.turnSoon();
    await this.#letGo();
  }

  /** Frees the disk of images and log that nobody needs. */
  async #letGo(): Promise<void> {
    const { images, wal } = this.#options;
    await wal.release((images.releasable + 1) as Index);
    await images.removeOld();
  }

  #background(work: Promise<void>): Promise<void> {
    return work
      .catch((error: Error) => {
        // The log on the disk still has everything, and the next image tries again.
        this.#imageNotBefore = this.#options.clock.monotonic() + imageRetryMs;
        if (!this.#stopped)
          this.#options.log.error("an image could not be written", { error: error.message });
      })
      .finally(() => {
        this.#imageUnderWay = undefined;
      });
  }
}
