/**
 * Passwords as they are kept: scrypt (RFC 7914), computed on the thread pool, with a random salt, and with its parameters beside it so that
 * they may change.
 *
 *     $scrypt$ln=14,r=8,p=1$salt$hash      salt and hash in base64
 */
import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { KvError } from "../kv/index.ts";
import {
  passwordCostDefault,
  passwordCostHighest,
  passwordCostMax,
  passwordCostMin,
  passwordsAtOnceMax,
  passwordsWaitingMax,
} from "./limits.ts";

const saltBytes = 16;
const hashBytes = 32;
const blockSize = 8;
/** bcrypt's cost 10 takes about as long as scrypt with 2^14 rounds. */
const roundsAboveCost = 4;
const format = /^\$scrypt\$ln=(\d{1,2}),r=8,p=1\$([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+)$/;

/** Hashes and compares, a few at a time. */
export class Passwords {
  readonly #logRounds: number;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  /** `cost`: as of bcrypt, the logarithm of the work; one that bcrypt does not know counts as the default. */
  constructor(cost: number = passwordCostDefault) {
    const known = cost >= passwordCostMin && cost <= passwordCostMax ? cost : passwordCostDefault;
    this.#logRounds = Math.min(known, passwordCostHighest) + roundsAboveCost;
  }

  /** @throws KvError TOO_MANY_REQUESTS */
  async hash(password: string): Promise<string> {
    const salt = randomBytes(saltBytes);
    const hash = await this.#scrypt(password, salt, this.#logRounds);
    return `$scrypt$ln=${this.#logRounds},r=8,p=1$${salt.toString("base64")}$${hash.toString("base64")}`;
  }

  /** False, too, where the hash is none of ours. @throws KvError TOO_MANY_REQUESTS */
  async matches(password: string, passwordHash: string): Promise<boolean> {
    const [, logRounds, salt = "", hash = ""] = format.exec(passwordHash) ?? [];
    if (logRounds === undefined || Number(logRounds) > passwordCostHighest + roundsAboveCost) return false;
    const expected = Buffer.from(hash, "base64");
    const actual = await this.#scrypt(password, Buffer.from(salt, "base64"), Number(logRounds));
    return expected.length === actual.length && timingSafeEqual(expected, actual);
  }

  async #scrypt(password: string, salt: Uint8Array, logRounds: number): Promise<Buffer> {
    await this.#turn();
    try {
      return await new Promise<Buffer>((resolve, reject) => {
        const cost = 2 ** logRounds;
        // Twice what it needs.
        const maxmem = 256 * blockSize * cost;
        scrypt(password, salt, hashBytes, { cost, blockSize, maxmem }, (error, hash) =>
          error ? reject(error) : resolve(hash),
        );
      });
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }

  async #turn(): Promise<void> {
    if (this.#running >= passwordsAtOnceMax) {
      if (this.#waiting.length >= passwordsWaitingMax)
        throw new KvError("TOO_MANY_REQUESTS", "too many passwords at once");
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#running++;
  }
}
