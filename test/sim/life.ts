/** One life of a process on a machine, from its start to its end, however it ends: its clock, its loop, its chance. */
import { seededPrng } from "../../src/base/index.ts";
import type { Clock, Loop, Random, Timer } from "../../src/platform/index.ts";
import type { Process, World, WorldEvent } from "./world.ts";

/** What the machine's clock does. */
export interface ClockError {
  /** Milliseconds that pass on the machine for one in the world. */
  rate: number;
  /** Of the wall clock. */
  offsetMs: number;
}

/** Whether the machine loses its power at a step of its process: a disk operation, something sent, or whatever the process hears of next. */
export type LosesPower = (at: string) => boolean;

/** Wall time at the world's beginning: a round number in 2026. */
const epochMs = 1_790_000_000_000;
/** What a turn of the loop takes, at most. */
const turnMs = 0.03;

export class Life implements Process {
  dead = false;
  readonly world: World;
  /** Of the machine. */
  readonly name: string;
  /** Resolves when this life ends. */
  readonly ended: Promise<undefined>;
  readonly clock: Clock;
  readonly loop: Loop;
  readonly random: Random;
  readonly #losesPower: LosesPower;
  #end: (value: undefined) => void = () => {};
  #paused = false;
  #deferred: WorldEvent[] = [];
  readonly #requests = new WeakSet<WorldEvent>();

  constructor(world: World, name: string, clockError: ClockError, losesPower: LosesPower) {
    this.world = world;
    this.#losesPower = losesPower;
    this.name = name;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.clock = this.#makeClock(clockError);
    this.loop = {
      soon: (run) => void world.schedule(world.random() * turnMs, run, this),
      next: (run) => void world.schedule(0, run, this),
    };
    this.random = randomOf(world);
  }

  defers(event: WorldEvent): boolean {
    if (this.#paused) this.#deferred.push(event);
    return this.#paused || !this.step("a turn");
  }

  /** False: the process is no more, and the step was not made. */
  step(at: string): boolean {
    return !this.dead && !this.#losesPower(at);
  }

  get paused(): boolean {
    return this.#paused;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    const deferred = this.#deferred.splice(0);
    const isRequest = (event: WorldEvent) => this.#requests.has(event);
    // Whom the loop hears first of all who have waited is chance: the clients, or the other members.
    const first = this.world.chance(0.5) ? deferred.filter(isRequest) : [];
    for (const event of first) this.world.again(event);
    for (const event of deferred) if (!first.includes(event)) this.world.again(event);
  }

  /** Has the process do something for somebody outside, as a request that comes in does: later while it is paused, never once it is dead. */
  run<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const event = this.world.schedule(0, () => work().then(resolve, reject), this);
      this.#requests.add(event);
    });
  }

  end(): void {
    this.dead = true;
    this.#deferred = [];
    this.#end(undefined);
  }

  #makeClock(error: ClockError): Clock {
    const { world } = this;
    const bornAt = world.now;
    const monotonicAtBirth = world.between(0, 1e6);
    let monotonic = monotonicAtBirth;
    let lookedAt = bornAt;
    // The rate may change while time passes.
    const now = (): number => {
      monotonic += (world.now - lookedAt) * error.rate;
      lookedAt = world.now;
      return monotonic;
    };
    return {
      now: () => Math.floor(epochMs + world.now + error.offsetMs),
      monotonic: now,
      after: (milliseconds, fire) => timerOf(world.schedule(milliseconds / error.rate, fire, this)),
      every: (milliseconds, fire): Timer => {
        const fireAndWait = (): void => {
          event = world.schedule(milliseconds / error.rate, fireAndWait, this);
          fire();
        };
        let event = world.schedule(milliseconds / error.rate, fireAndWait, this);
        return {
          cancel() {
            event.run = undefined;
          },
        };
      },
    };
  }
}

function timerOf(event: WorldEvent): Timer {
  return {
    cancel() {
      event.run = undefined;
    },
  };
}

function randomOf(world: World): Random {
  const number = seededPrng(Math.floor(world.random() * 2 ** 32));
  const bytes = (length: number) => Uint8Array.from({ length }, () => Math.floor(number() * 256));
  return { number, bytes, uuid: () => Buffer.from(bytes(16)).toString("hex") };
}
