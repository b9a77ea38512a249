import type { UserInfo } from "../../apimachinery/index.ts";
import type { Clock } from "../../platform/index.ts";
import type { TokenVerdict } from "./ports.ts";

/** A token is looked at again after so long: what it speaks of may be gone. Upstream's success TTL. Milliseconds. */
const trustMs = 10_000;
/** Tokens remembered; the one that was used first is forgotten first. */
const tokensMax = 4096;

interface Entry {
  readonly user: UserInfo;
  /** Monotonic time until which it is trusted. */
  readonly until: number;
  /** Wall time from which on it is void. */
  readonly expiresAt: number;
}

/** Good tokens of the last seconds, so that a request costs one look-up. Bad ones are never remembered. */
export class VerifiedTokens {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(token: string): UserInfo | undefined {
    const entry = this.#entries.get(token);
    if (entry === undefined) return undefined;
    if (this.#clock.monotonic() < entry.until && this.#clock.now() < entry.expiresAt) return entry.user;
    this.#entries.delete(token);
    return undefined;
  }

  add(token: string, { user, expiresAt = Number.POSITIVE_INFINITY }: TokenVerdict): void {
    this.#entries.delete(token);
    if (this.#entries.size >= tokensMax) {
      const [oldest = ""] = this.#entries.keys();
      this.#entries.delete(oldest);
    }
    this.#entries.set(token, { user, until: this.#clock.monotonic() + trustMs, expiresAt });
  }
}
