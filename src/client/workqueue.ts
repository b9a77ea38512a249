import type { Clock, Timer } from "../platform/index.ts";
import { errorText, type Log } from "./log.ts";

export interface WorkqueueOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Brings one key up to date. A rejection puts the key back, later each time. */
  readonly process: (key: string) => Promise<void>;
  /** Keys in work at a time. 5 by default. */
  readonly concurrency?: number;
  /** First delay after a failure, doubled with each further one. 5 ms by default, as client-go. */
  readonly retryBaseMs?: number;
  /** 1,000 s by default, as client-go. */
  readonly retryMaxMs?: number;
  /** Failures in a row after which a key is dropped until it is added again; unlimited by default. */
  readonly retriesMax?: number;
}

/**
 * Keys to work on. A key waits at most once however often it is added; one that is added while it is in work comes again
 * afterwards; it is never in work twice. So the queue is as long as there are objects, not as there are changes.
 */
export interface Workqueue {
  /** Work begins; until then keys only gather. */
  start(): void;
  add(key: string): void;
  /** Adds the key in so many milliseconds; of several delays the earliest counts. */
  addAfter(key: string, milliseconds: number): void;
  /** Keys that wait, without those delayed. */
  readonly waiting: number;
  /** Nothing waits and nothing is in work; delayed keys do not count. */
  readonly idle: boolean;
  /** Takes nothing more, drops what waits or is delayed, and resolves when what is in work has ended. */
  stop(): Promise<void>;
}

export function createWorkqueue(options: WorkqueueOptions): Workqueue {
  const { clock, log, name, process } = options;
  const concurrency = options.concurrency ?? 5;
  const retryBaseMs = options.retryBaseMs ?? 5;
  const retryMaxMs = options.retryMaxMs ?? 1_000_000;
  const retriesMax = options.retriesMax ?? Number.POSITIVE_INFINITY;
  /** Insertion order is the order of work. */
  const waiting = new Set<string>();
  const working = new Set<string>();
  const again = new Set<string>();
  const delayed = new Map<string, { timer: Timer; due: number }>();
  const failures = new Map<string, number>();
  let started = false;
  let stopped = false;
  let pumping = false;
  let drained: (() => void) | undefined;

  function add(key: string): void {
    if (stopped) return;
    if (working.has(key)) {
      again.add(key);
      return;
    }
    waiting.add(key);
    if (pumping) return;
    // Not at once: the caller is in the middle of a batch of changes that may touch the same key.
    pumping = true;
    queueMicrotask(pump);
  }

  function pump(): void {
    pumping = false;
    if (!started || stopped) return;
    for (const key of waiting) {
      if (working.size >= concurrency) return;
      waiting.delete(key);
      working.add(key);
      void work(key);
    }
  }

  async function work(key: string): Promise<void> {
    let failed = false;
    try {
      await process(key);
      failures.delete(key);
    } catch (error) {
      failed = true;
      const count = (failures.get(key) ?? 0) + 1;
      if (count > retriesMax) {
        log.warn("giving up until the object changes", { queue: name, key, error: errorText(error) });
        failures.delete(key);
        failed = false;
      } else {
        log.debug("will try again", { queue: name, key, failures: count, error: errorText(error) });
        failures.set(key, count);
      }
    }
    working.delete(key);
    if (stopped) {
      if (working.size === 0) drained?.();
      return;
    }
    if (again.delete(key)) waiting.add(key);
    else if (failed) {
      const exponent = Math.min((failures.get(key) ?? 1) - 1, 30);
      addAfter(key, Math.min(retryBaseMs * 2 ** exponent, retryMaxMs));
    }
    pump();
  }

  function addAfter(key: string, milliseconds: number): void {
    if (stopped) return;
    if (milliseconds <= 0) {
      add(key);
      return;
    }
    const due = clock.monotonic() + milliseconds;
    const earlier = delayed.get(key);
    if (earlier !== undefined) {
      if (earlier.due <= due) return;
      earlier.timer.cancel();
    }
    const timer = clock.after(
      milliseconds,
      () => {
        delayed.delete(key);
        add(key);
      },
      { background: true },
    );
    delayed.set(key, { timer, due });
  }

  return {
    start() {
      started = true;
      pump();
    },
    add,
    addAfter,
    get waiting() {
      return waiting.size;
    },
    get idle() {
      return waiting.size === 0 && working.size === 0;
    },
    async stop() {
      stopped = true;
      waiting.clear();
      again.clear();
      for (const { timer } of delayed.values()) timer.cancel();
      delayed.clear();
      if (working.size > 0) {
        await new Promise<void>((resolve) => {
          drained = resolve;
        });
      }
    },
  };
}
