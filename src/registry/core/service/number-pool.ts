import type { NumberSource } from "../../../base/index.ts";
import type { Holder, Reservations } from "./reservations.ts";

/** Why something could not be had; the texts are upstream's. */
export class AllocationError extends Error {
  override readonly name = "AllocationError";
}

/** Tries at random before all that is free is looked up: enough as long as the pool is half empty. */
const guessesMax = 8;

export interface NumberPoolOptions {
  readonly first: bigint;
  readonly last: bigint;
  /**
   * Below this numbers are handed out by themselves only when the rest is used up, so that those that people choose by hand
   * are seldom taken (KEP-3070, KEP-3668).
   */
  readonly dynamicFrom: bigint;
  readonly reservations: Reservations;
  readonly random: NumberSource;
  nameOf(number: bigint): string;
}

/** A range of numbers of which each is handed out once. */
export class NumberPool {
  readonly #options: NumberPoolOptions;

  constructor(options: NumberPoolOptions) {
    this.#options = options;
  }

  contains(number: bigint): boolean {
    return number >= this.#options.first && number <= this.#options.last;
  }

  /** False: somebody has it. */
  take(number: bigint, holder: Holder): Promise<boolean> {
    return this.#options.reservations.take(this.#options.nameOf(number), holder);
  }

  isTaken(number: bigint): Promise<boolean> {
    return this.#options.reservations.isTaken(this.#options.nameOf(number));
  }

  release(number: bigint, holder: Holder): Promise<void> {
    return this.#options.reservations.release(this.#options.nameOf(number), holder);
  }

  /** Any number of the dynamic band, else of the static one. @throws AllocationError "range is full" */
  async takeAny(holder: Holder): Promise<bigint> {
    const { first, last, dynamicFrom, random, reservations, nameOf } = this.#options;
    const dynamicSize = Number(last - dynamicFrom + 1n);
    for (let guess = 0; guess < guessesMax && dynamicSize > 0; guess++) {
      const number = dynamicFrom + BigInt(Math.floor(random() * dynamicSize));
      if (await this.take(number, holder)) return number;
    }
    const taken = await reservations.taken();
    for (const band of [
      { from: dynamicFrom, to: last },
      { from: first, to: dynamicFrom - 1n },
    ]) {
      for (let number = band.from; number <= band.to; number++) {
        if (!taken.has(nameOf(number)) && (await this.take(number, holder))) return number;
      }
    }
    throw new AllocationError("range is full");
  }
}

/** How many numbers at the beginning of a range are left to people: a share of it within bounds. */
export function staticBand(size: bigint, bounds: { min: number; max: number; share: number }): bigint {
  const { min, max, share } = bounds;
  if (size < BigInt(min)) return 0n;
  return BigInt(Math.max(min, Math.min(max, Math.floor(Number(size) / share))));
}
