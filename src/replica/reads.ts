/**
 * Linearizable reads without the log (thesis, 6.4): a quorum confirms who leads, and with it an index that holds everything
 * acknowledged before the question; once that is applied here, this state may answer. One round serves all reads that
 * came while the round before was under way.
 */
import type { Index } from "../base/index.ts";
import { KvError } from "../kv/index.ts";
import type { Clock, Random } from "../platform/index.ts";
import type { Raft, ReadState } from "../raft/index.ts";
import { pendingRequestsMax, readRetryMs } from "./limits.ts";

interface Reader {
  readonly deadline: number;
  resolve(): void;
  reject(error: Error): void;
}

interface Round {
  readonly context: number;
  readonly askedAt: number;
  readonly readers: readonly Reader[];
}

export class Reads {
  readonly #clock: Clock;
  readonly #raft: Raft;
  readonly #timeoutMs: number;
  readonly #onWork: () => void;
  readonly #onLost: () => void;
  readonly #onSlow: () => void;
  #context: number;
  #waiting: Reader[] = [];
  #round: Round | undefined;
  /** Confirmed, and waiting for the index to be applied. */
  #confirmed: { readonly index: Index; readonly readers: readonly Reader[] }[] = [];
  #count = 0;
  #closed: KvError | undefined;

  constructor(options: {
    clock: Clock;
    random: Random;
    raft: Raft;
    timeoutMs: number;
    onWork: () => void;
    /** A question found no answer in time. */
    onLost: () => void;
    /** A round has to be asked for again. */
    onSlow: () => void;
  }) {
    this.#clock = options.clock;
    this.#raft = options.raft;
    this.#timeoutMs = options.timeoutMs;
    this.#onWork = options.onWork;
    this.#onLost = options.onLost;
    this.#onSlow = options.onSlow;
    this.#context = Math.floor(options.random.number() * 2 ** 52);
  }

  /** Resolves when this member's state is at least as new as now. @throws KvError TIMEOUT, TOO_MANY_REQUESTS, STOPPED */
  confirm(): Promise<void> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    if (this.#count >= pendingRequestsMax) {
      return Promise.reject(new KvError("TOO_MANY_REQUESTS", "etcdserver: too many requests"));
    }
    this.#count++;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ deadline: this.#clock.monotonic() + this.#timeoutMs, resolve, reject });
      if (this.#round === undefined) this.#ask([]);
    });
  }

  /** A round came back. One that was given up meanwhile is ignored. */
  confirmed(state: ReadState, applied: Index): void {
    if (this.#round?.context !== state.context) return;
    const { readers } = this.#round;
    this.#round = undefined;
    this.#confirmed.push({ index: state.index, readers });
    this.applied(applied);
    if (this.#waiting.length > 0) this.#ask([]);
  }

  applied(index: Index): void {
    while (this.#confirmed[0] !== undefined && this.#confirmed[0].index <= index) {
      const { readers } = this.#confirmed.shift() as { readers: readonly Reader[] };
      this.#count -= readers.length;
      for (const reader of readers) reader.resolve();
    }
  }

  /** Gives up what is too old, and asks again what was not answered: the question or its answer was lost. */
  tick(): void {
    const now = this.#clock.monotonic();
    const alive = (readers: readonly Reader[]) => readers.filter((reader) => this.#keep(reader, now));
    this.#waiting = alive(this.#waiting);
    this.#confirmed = this.#confirmed.map(({ index, readers }) => ({ index, readers: alive(readers) }));
    const round = this.#round;
    if (round === undefined) return this.#waiting.length > 0 ? this.#ask([]) : undefined;
    if (now - round.askedAt < readRetryMs) return;
    this.#round = undefined;
    this.#onSlow();
    this.#ask(alive(round.readers));
  }

  /** A new leader: what the old one was asked will not be answered. */
  leaderChanged(): void {
    const readers = this.#round?.readers ?? [];
    this.#round = undefined;
    if (readers.length > 0 || this.#waiting.length > 0) this.#ask(readers);
  }

  close(error: KvError): void {
    this.#closed = error;
    const readers = [
      ...this.#waiting,
      ...(this.#round?.readers ?? []),
      ...this.#confirmed.flatMap((one) => one.readers),
    ];
    this.#waiting = [];
    this.#round = undefined;
    this.#confirmed = [];
    this.#count = 0;
    for (const reader of readers) reader.reject(error);
  }

  /** Starts a round for those of the last one and all who wait. Without a leader they go on waiting: `tick` asks again. */
  #ask(again: readonly Reader[]): void {
    const readers = [...again, ...this.#waiting];
    if (readers.length === 0) return;
    const context = this.#context++;
    if (this.#raft.readIndex(context)) {
      this.#waiting = [];
      this.#round = { context, askedAt: this.#clock.monotonic(), readers };
      this.#onWork();
    } else {
      this.#waiting = readers;
    }
  }

  #keep(reader: Reader, now: number): boolean {
    if (reader.deadline > now) return true;
    this.#count--;
    this.#onLost();
    reader.reject(new KvError("TIMEOUT", "etcdserver: request timed out"));
    return false;
  }
}
