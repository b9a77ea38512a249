/**
 * What takes long over the whole state, in steps between which everybody else has a turn: freeing what compactions have made unreachable,
 * hashing, gathering a snapshot.
 */
import type { Revision } from "../base/index.ts";
import type { MvccHash } from "../mvcc/index.ts";
import type { Clock, Loop } from "../platform/index.ts";
import type { Log } from "../telemetry/index.ts";
import { CompactionHashes, type KvHash } from "./compaction-hashes.ts";
import type { Durations } from "./durations.ts";
import { type StateSnapshot, snapshotOf } from "./snapshot.ts";
import type { StateMachine } from "./state-machine.ts";

/** Versions of keys freed, or hashed, in one step. */
const versionsPerStep = 5_000;

interface UpkeepOptions {
  readonly clock: Clock;
  readonly loop: Loop;
  readonly log: Log;
  readonly state: StateMachine;
  readonly durations: Durations;
  /** @throws KvError once the member has stopped */
  readonly checkRunning: () => void;
  readonly isStopped: () => boolean;
}

export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly #compactions = new CompactionHashes();
  #reclaiming: Promise<void> | undefined;
  #defragmenting = 0;

  constructor(options: UpkeepOptions) {
    this.#options = options;
  }

  /** Defragmentations under way. */
  get defragmenting(): number {
    return this.#defragmenting;
  }

  /** Hashes of what was kept at the last compactions. */
  get compactionHashes(): readonly KvHash[] {
    return this.#compactions.all;
  }

  /** A compaction was made: hashes what was kept until then, and frees what is unreachable now. */
  compacted(hashing: MvccHash | undefined): void {
    if (hashing !== undefined) this.#compactions.add(hashing);
    const { state, log, isStopped } = this.#options;
    const { compactRevision } = state.mvcc;
    const took = this.#timer();
    void this.reclaim().then(() => {
      if (isStopped()) return;
      const hash = this.compactionHashes.find(({ hashRevision }) => hashRevision === compactRevision)?.hash;
      log.info("finished scheduled compaction", {
        "compact-revision": compactRevision,
        took: `${took().toFixed(3)}ms`,
        ...(hash === undefined ? {} : { hash }),
      });
    });
  }

  /** Frees all that is unreachable now. One at a time: whoever comes meanwhile waits for the one under way, which finds theirs, too. */
  reclaim(): Promise<void> {
    this.#reclaiming ??= this.#reclaim();
    return this.#reclaiming;
  }

  /** Frees that, and moves together what is left. */
  async defragment(): Promise<void> {
    const { durations, state } = this.#options;
    this.#defragmenting++;
    const took = this.#timer();
    try {
      await this.reclaim();
      state.mvcc.condense();
      await this.reclaim();
    } finally {
      this.#defragmenting--;
    }
    durations.defragmentation.observe(took() / 1000);
  }

  /**
   * Of this member's history up to a revision (0: now). Where that was compacted lately, of what was kept until then.
   * @throws KvError COMPACTED, FUTURE_REVISION
   */
  async hash(revision: Revision): Promise<KvHash> {
    const made = this.#compactions.find(revision);
    if (made !== undefined) return made;
    return this.#hash(revision, this.#options.durations.hash);
  }

  /** Of the whole of it, as of now. */
  hashAll(): Promise<KvHash> {
    return this.#hash(0 as Revision, this.#options.durations.hashOfAll);
  }

  async #hash(revision: Revision, duration: Durations["hash"]): Promise<KvHash> {
    const { state, checkRunning } = this.#options;
    const took = this.#timer();
    const hashing = state.mvcc.hash(revision);
    try {
      for (;;) {
        const hash = hashing.step(versionsPerStep);
        const { compactRevision, revision: hashRevision } = hashing;
        if (hash !== undefined) {
          duration.observe(took() / 1000);
          return { hash, compactRevision, hashRevision };
        }
        await this.#turnOfIo();
        checkRunning();
      }
    } finally {
      hashing.close();
    }
  }

  /** The whole state as of now; close it. */
  async snapshot(): Promise<StateSnapshot> {
    const { state, durations } = this.#options;
    const took = this.#timer();
    const taken = snapshotOf(state, {
      turn: () => this.#turnOfIo(),
      onClosed: () => durations.snapshot.observe(took() / 1000),
    });
    while (taken.collect(versionsPerStep)) await taken.turn();
    return taken;
  }

  async #reclaim(): Promise<void> {
    const { state, durations, isStopped } = this.#options;
    const took = this.#timer();
    // Compactions that come meanwhile have a hash to be made first, which holds up the freeing.
    for (let goesOn = true; goesOn; ) {
      await this.#turnOfIo();
      if (isStopped()) {
        this.#compactions.close();
        break;
      }
      const step = this.#timer();
      const hashed = !this.#compactions.step(versionsPerStep);
      goesOn = !hashed || state.mvcc.reclaim(versionsPerStep);
      durations.compactionStep.observe(step());
    }
    durations.compaction.observe(took());
    // At once: what a compaction leaves from now on is nobody's yet.
    this.#reclaiming = undefined;
  }

  #turnOfIo(): Promise<void> {
    return new Promise((resolve) => this.#options.loop.soon(resolve));
  }

  /** Milliseconds since now. */
  #timer(): () => number {
    const { clock } = this.#options;
    const began = clock.monotonic();
    return () => clock.monotonic() - began;
  }
}
