import type { Clock, Timer } from "../../platform/index.ts";
import type { Watcher } from "./watcher-index.ts";

/** Upstream's: a client that reconnects is at most about so far behind. */
const intervalMs = 60_000;
/** The watchers of a resource take turns, so that not all are written to at once. */
const turns = 6;

/** Says whose bookmark is due, each about once a minute. Its timer runs only while somebody wants bookmarks. */
export class BookmarkSchedule {
  readonly #clock: Clock;
  readonly #onDue: (watchers: ReadonlySet<Watcher>) => void;
  readonly #groups: Set<Watcher>[] = Array.from({ length: turns }, () => new Set());
  readonly #groupOf = new Map<Watcher, Set<Watcher>>();
  #timer: Timer | undefined;
  #turn = 0;

  constructor(clock: Clock, onDue: (watchers: ReadonlySet<Watcher>) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  add(watcher: Watcher): void {
    // The group whose turn has just been: a whole interval from now.
    const group = this.#groups[(this.#turn + turns - 1) % turns] as Set<Watcher>;
    group.add(watcher);
    this.#groupOf.set(watcher, group);
    this.#timer ??= this.#clock.every(intervalMs / turns, () => this.#next(), { background: true });
  }

  delete(watcher: Watcher): void {
    this.#groupOf.get(watcher)?.delete(watcher);
    this.#groupOf.delete(watcher);
    if (this.#groupOf.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #next(): void {
    const group = this.#groups[this.#turn] as Set<Watcher>;
    this.#turn = (this.#turn + 1) % turns;
    if (group.size > 0) this.#onDue(group);
  }
}
