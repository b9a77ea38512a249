import type { Revision } from "../../base/index.ts";
import type { Clock, Timer } from "../../platform/index.ts";
import { tooLargeResourceVersion } from "../errors.ts";
import { StorageError } from "../ports.ts";

/** How long a read waits for its revision: upstream's blockTimeout. */
const waitMsMax = 3_000;
/** How often the store is asked again whether there is nothing new, while somebody waits. */
const askMs = 100;
/** Readers that wait at once; more are turned away. */
const waitingMax = 10_000;

interface Waiting {
  readonly revision: Revision;
  readonly timer: Timer;
  readonly resolve: () => void;
  readonly reject: (error: StorageError) => void;
}

/** Lets readers wait until the cache has seen a revision. */
export class Freshness {
  readonly #clock: Clock;
  readonly #askProgress: () => void;
  readonly #waiting = new Set<Waiting>();
  #asking: Timer | undefined;
  #revision = 0 as Revision;

  /** `askProgress`: asks the store to say how far it is, for a quiet resource has no events to tell it. */
  constructor(clock: Clock, askProgress: () => void) {
    this.#clock = clock;
    this.#askProgress = askProgress;
  }

  get revision(): Revision {
    return this.#revision;
  }

  /** Resolves once everything up to `revision` is known. @throws StorageError TOO_LARGE_RESOURCE_VERSION after 3 s, UNAVAILABLE */
  async waitFor(revision: Revision, asked: string): Promise<void> {
    if (this.#revision >= revision) return;
    if (this.#waiting.size >= waitingMax) {
      throw new StorageError("UNAVAILABLE", "", "too many requests wait for the watch cache");
    }
    await new Promise<void>((resolve, reject) => {
      // Not in the background: somebody in this process may wait for nothing but this answer.
      const timer = this.#clock.after(waitMsMax, () => {
        this.#waiting.delete(waiting);
        this.#stopAsking();
        reject(tooLargeResourceVersion(asked, this.#revision));
      });
      const waiting: Waiting = { revision, timer, resolve, reject };
      this.#waiting.add(waiting);
      this.#asking ??= this.#clock.every(askMs, this.#askProgress, { background: true });
      this.#askProgress();
    });
  }

  /** Everything up to `revision` is known. */
  advance(revision: Revision): void {
    if (revision <= this.#revision) return;
    this.#revision = revision;
    if (this.#waiting.size === 0) return;
    for (const waiting of this.#waiting) {
      if (waiting.revision > revision) continue;
      this.#waiting.delete(waiting);
      waiting.timer.cancel();
      waiting.resolve();
    }
    this.#stopAsking();
  }

  close(): void {
    for (const waiting of this.#waiting) {
      waiting.timer.cancel();
      waiting.reject(new StorageError("UNAVAILABLE", "", "the watch cache is closed"));
    }
    this.#waiting.clear();
    this.#stopAsking();
  }

  #stopAsking(): void {
    if (this.#waiting.size > 0) return;
    this.#asking?.cancel();
    this.#asking = undefined;
  }
}
