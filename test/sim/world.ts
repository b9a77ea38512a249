/**
 * The world of one simulation: virtual time, one seed's chance, and the events still to come. Microtasks run natively; everything that
 * a real event loop would bring later (timers, disk, network, the next turn) is an event here, and nothing else moves time. Equal
 * seeds give equal orders of events, and so equal trace hashes.
 */
import { createHash } from "node:crypto";
import { type NumberSource, seededPrng } from "../../src/base/index.ts";

/** A process that may be paused, or be no more; its events wait, or never happen. */
export interface Process {
  readonly dead: boolean;
  /** Takes the event for later while the process is paused; false: it can run now. */
  defers(event: WorldEvent): boolean;
}

export interface WorldEvent {
  /** Milliseconds of virtual time. */
  at: number;
  order: number;
  /** Undefined: the world's own. */
  readonly process: Process | undefined;
  /** Undefined: cancelled. */
  run: (() => void) | undefined;
}

/** What only some days bring, by what the members log of it: the tests make sure that some do. */
export const rareLines = [
  "the last write to the log was cut short by a crash",
  "an image goes on where it broke off",
] as const;

/** Events handled in one real turn of the loop: Node drains microtasks between two immediates, which is all that an event needs. */
const eventsPerTurn = 128;
/** Lines kept for whoever wants to know what came before a failure. */
const linesKept = 400;

export class World {
  /** Milliseconds since the beginning. */
  now = 0;
  readonly random: NumberSource;
  /** Gets every line of the trace. */
  readonly onLine: ((line: string) => void) | undefined;
  readonly #heap: WorldEvent[] = [];
  readonly #notes = createHash("sha256");
  readonly #lines: string[] = [];
  #order = 0;
  #mixed = 0x811c9dc5;
  #failure: Error | undefined;
  events = 0;
  /** How often each was noted. */
  readonly rare = new Map<(typeof rareLines)[number], number>();

  constructor(seed: number, onLine?: (line: string) => void) {
    this.random = seededPrng(seed);
    this.onLine = onLine;
  }

  /** Calls back `delayMs` from now, unless the process is gone by then. */
  schedule(delayMs: number, run: () => void, process?: Process): WorldEvent {
    const event: WorldEvent = { at: this.now + Math.max(0, delayMs), order: this.#order++, process, run };
    this.#push(event);
    return event;
  }

  /** What was held back happens now, behind all that is due. */
  again(event: WorldEvent): void {
    event.at = this.now;
    event.order = this.#order++;
    this.#push(event);
  }

  sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => void this.schedule(milliseconds, resolve));
  }

  /** Resolves with true once the condition holds, looked at every so often; false: not within the time. */
  async until(condition: () => boolean, timeoutMs: number, everyMs = 20): Promise<boolean> {
    for (const end = this.now + timeoutMs; !condition(); ) {
      if (this.now >= end) return false;
      await this.sleep(everyMs);
    }
    return true;
  }

  /** A number from 0 up to and excluding `bound`. */
  below(bound: number): number {
    return Math.floor(this.random() * bound);
  }

  chance(share: number): boolean {
    return this.random() < share;
  }

  /** Between two bounds. */
  between(low: number, high: number): number {
    return low + this.random() * (high - low);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  /** Writes a line of the trace, which is part of the hash. */
  note(who: string, what: string): void {
    for (const rare of rareLines)
      if (what.includes(rare)) this.rare.set(rare, (this.rare.get(rare) ?? 0) + 1);
    const line = `${this.now.toFixed(3).padStart(12)} ${who.padEnd(8)} ${what}`;
    this.#notes.update(line);
    this.#lines.push(line);
    if (this.#lines.length > 2 * linesKept) this.#lines.splice(0, linesKept);
    this.onLine?.(line);
  }

  get lastLines(): readonly string[] {
    return this.#lines.slice(-linesKept);
  }

  /** Ends the run: a promise was broken. The first word counts. */
  fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.note("world", `FAILED: ${error.message}`);
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Of everything that has happened, in order. */
  get traceHash(): string {
    return this.#notes.copy().update(`${this.#mixed} ${this.events}`).digest("hex").slice(0, 16);
  }

  /** Lets time pass until `main` has ended, or something has failed. */
  run(main: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      let ended = false;
      const finish = (): void => {
        ended = true;
        if (this.#failure === undefined) resolve();
        else reject(this.#failure);
      };
      this.schedule(0, () => {
        main().then(finish, (error: Error) => {
          this.fail(error);
          finish();
        });
      });
      const step = (): void => {
        if (!ended) this.#step();
      };
      const turn = (): void => {
        if (this.#failure !== undefined) finish();
        if (ended) return;
        for (let i = 0; i < eventsPerTurn; i++) setImmediate(step);
        setImmediate(turn);
      };
      turn();
    });
  }

  #step(): void {
    if (this.#failure !== undefined) return;
    const event = this.#pop();
    if (event === undefined) {
      this.fail(new Error("nothing is left to happen"));
      return;
    }
    this.now = event.at;
    const { run, process } = event;
    if (run === undefined || process?.dead === true || process?.defers(event) === true) return;
    this.events++;
    this.#mixed = Math.imul(this.#mixed ^ ((event.at * 1000) | 0) ^ event.order, 0x01000193);
    try {
      run();
    } catch (error) {
      this.fail(error as Error);
    }
  }

  #push(event: WorldEvent): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as WorldEvent;
      if (!isBefore(event, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): WorldEvent | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || first === last) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as WorldEvent, heap[child] as WorldEvent))
        child++;
      if (!isBefore(heap[child] as WorldEvent, last)) break;
      heap[at] = heap[child] as WorldEvent;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(a: WorldEvent, b: WorldEvent): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
