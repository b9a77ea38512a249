/** Passwords as they are kept: bcrypt, as etcd keeps them, so that users move with snapshots from one to the other. */
import { randomBytes, timingSafeEqual } from "node:crypto";
import { KvError } from "../kv/index.ts";
import type { Bcrypt } from "./bcrypt.ts";
import {
  passwordBytesMax,
  passwordCostDefault,
  passwordCostHighest,
  passwordCostMax,
  passwordCostMin,
  passwordsWaitingMax,
} from "./limits.ts";

const saltLetters = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/** The last of a salt's 22 letters has two bits that count. */
const saltEnds = ".Oeu";
/** Salt, with the cost in it, and hash. */
const format = /^(\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{22})[./A-Za-z0-9]{31}$/;

/** Hashes and compares, off this thread. */
export class Passwords {
  readonly #cost: number;
  #bcrypt: Promise<Bcrypt> | undefined;
  #waiting = 0;

  /** `cost`: the logarithm of the work; one that bcrypt does not know counts as the default. */
  constructor(cost: number = passwordCostDefault) {
    const known = cost >= passwordCostMin && cost <= passwordCostMax ? cost : passwordCostDefault;
    this.#cost = Math.min(known, passwordCostHighest);
  }

  /** @throws KvError PASSWORD_TOO_LONG, TOO_MANY_REQUESTS */
  async hash(password: string): Promise<string> {
    if (Buffer.byteLength(password) > passwordBytesMax)
      throw new KvError("PASSWORD_TOO_LONG", `bcrypt: password length exceeds ${passwordBytesMax} bytes`);
    return this.#hash(password, `$2a$${String(this.#cost).padStart(2, "0")}$${randomSalt()}`);
  }

  /** False, too, where the hash is none, or one that takes too long. @throws KvError TOO_MANY_REQUESTS */
  async matches(password: string, passwordHash: string): Promise<boolean> {
    const [, salt = "", cost = ""] = format.exec(passwordHash) ?? [];
    if (salt === "" || Number(cost) > passwordCostHighest) return false;
    const actual = await this.#hash(password, salt);
    return timingSafeEqual(Buffer.from(actual), Buffer.from(passwordHash));
  }

  async #hash(password: string, salt: string): Promise<string> {
    if (this.#waiting >= passwordsWaitingMax)
      throw new KvError("TOO_MANY_REQUESTS", "too many passwords at once");
    this.#waiting++;
    try {
      this.#bcrypt ??= import("./bcrypt.ts").then(({ startBcrypt }) => startBcrypt());
      return await (await this.#bcrypt)(password, salt);
    } finally {
      this.#waiting--;
    }
  }
}

function randomSalt(): string {
  const bytes = [...randomBytes(22)];
  return bytes.map((byte, i) => (i < 21 ? saltLetters[byte % 64] : saltEnds[byte % 4])).join("");
}
