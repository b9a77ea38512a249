/**
 * Clients that watch: from now on, from where they were, from long ago, from a revision to come; fast and slow; on one member after
 * another. What they get must be what the log has done in their range, each change once, in order, revisions whole, none left out;
 * or they are told that it is compacted. Progress says no more than what has come.
 */
import { type Revision, utf8 } from "../../src/base/index.ts";
import type { KeyRange, KvError, KvEvent, KvWatch } from "../../src/kv/index.ts";
import type { Work } from "./asking.ts";
import { progressMustBeBehind } from "./checkers/watch-progress.ts";
import { WatchChecker } from "./checkers/watches.ts";
import { allKeys } from "./clients.ts";
import type { Life } from "./life.ts";
import type { Model } from "./model.ts";

/** Where to begin. */
type From = "on" | "now" | "past" | "future";

export class Watcher {
  readonly #work: Work;
  readonly #name: string;
  readonly #checker: WatchChecker;
  #life: Life | undefined;
  #watch: KvWatch | undefined;
  /** Its answers while it has no room, in a row. */
  #refusing = false;
  #compacted = false;
  events = 0;

  constructor(work: Work, model: Model, name: string) {
    this.#work = work;
    this.#name = name;
    const range = work.world.pick<KeyRange>([
      allKeys,
      { key: utf8("k1"), rangeEnd: utf8("k5") },
      { key: utf8("k-left"), rangeEnd: utf8("k-s") },
    ]);
    const filter = work.world.pick([{}, {}, { noPut: true }, { noDelete: true }]);
    this.#checker = new WatchChecker(model, { ...range, ...filter });
  }

  /** Until work stops; then it goes on from where it is, and no further away. */
  async run(): Promise<void> {
    const { world } = this.#work;
    while (!this.#work.stopped) {
      this.#connect(world.pick(["on", "on", "now", "past", "future"] as const));
      const until = world.now + world.between(500, 20_000);
      await world.until(() => this.#rests(until), 30_000, 50);
      this.#leave();
      await world.sleep(world.random() * 200);
    }
  }

  /** Sees everything up to a revision. False: not within the time. */
  async finish(revision: number, timeoutMs: number): Promise<boolean> {
    const { world } = this.#work;
    return world.until(
      () => {
        if (this.#isOver) this.#connect(this.#compacted ? "now" : "on");
        this.#watch?.requestProgress();
        return this.#checker.missing(revision).length === 0;
      },
      timeoutMs,
      50,
    );
  }

  /** It is over, or for long enough; asks for progress now and then. */
  #rests(until: number): boolean {
    const { world, stopped } = this.#work;
    if (!this.#isOver && world.chance(0.05)) this.#watch?.requestProgress();
    return this.#isOver || stopped || world.now > until;
  }

  get #isOver(): boolean {
    return this.#watch === undefined || this.#life?.dead === true;
  }

  #leave(): void {
    if (this.#life?.dead === false) this.#watch?.close();
    this.#watch = undefined;
    this.#life = undefined;
  }

  #connect(from: From): void {
    const { world } = this.#work;
    const { replica, life } = world.pick(this.#work.machines());
    this.#leave();
    if (replica === undefined || life === undefined) return;
    const startRevision = this.#startOf(from, replica.header().revision);
    this.#life = life;
    this.#compacted = false;
    this.#refusing = false;
    const isMine = (): boolean => this.#life === life && !life.dead && this.#watch === watch;
    let watch: KvWatch | undefined;
    const prevKv = world.chance(0.3);
    try {
      watch = replica.watch(
        { ...this.#checker.query, startRevision, prevKv, progressNotify: world.chance(0.5) },
        {
          onEvents: (events, revision) =>
            !isMine() || this.#check(() => this.#take(events, revision, prevKv)),
          onProgress: (revision) => void (isMine() && this.#check(() => this.#takeProgress(revision))),
          onClosed: (reason) => void (isMine() && this.#check(() => this.#closed(reason))),
        },
      );
    } catch (error) {
      world.note(this.#name, `no watch on ${life.name}: ${(error as Error).message}`);
      return;
    }
    this.#watch = watch;
    this.#checker.next = startRevision === 0 ? watch.createdRevision + 1 : startRevision;
    world.note(this.#name, `watches on ${life.name} from ${startRevision}`);
  }

  #startOf(from: From, now: number): Revision {
    const { world } = this.#work;
    const revision = {
      on: this.#checker.next,
      now: 0,
      past: 1 + world.below(this.#checker.next),
      future: now + 1 + world.below(20),
    }[from];
    return revision as Revision;
  }

  #take(events: readonly KvEvent[], revision: number, prevKv: boolean): boolean {
    if (this.#refuses()) return false;
    this.#checker.took(events, revision, prevKv);
    this.events += events.length;
    return true;
  }

  #takeProgress(revision: number): boolean {
    progressMustBeBehind(this.#checker, revision);
    return true;
  }

  #closed(reason: KvError): boolean {
    this.#work.world.note(this.#name, `is told ${reason.code} at ${this.#checker.next}`);
    this.#watch = undefined;
    this.#checker.closed(reason);
    this.#compacted = reason.code === "COMPACTED";
    return true;
  }

  /** Sometimes it has no room for a while. */
  #refuses(): boolean {
    const { world, stopped } = this.#work;
    if (this.#refusing) return true;
    if (stopped || !world.chance(0.1)) return false;
    this.#refusing = true;
    const watch = this.#watch;
    world.schedule(
      world.random() * 1000,
      () => {
        if (this.#watch !== watch) return;
        this.#refusing = false;
        watch?.resume();
      },
      this.#life,
    );
    return true;
  }

  #check(seen: () => boolean): boolean {
    try {
      return seen();
    } catch (error) {
      const where = this.#life?.name;
      this.#work.world.fail(
        new Error(`watch ${this.#name} on ${where}: ${(error as Error).message}`, { cause: error }),
      );
      return true;
    }
  }
}
