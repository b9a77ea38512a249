import { tokensMax } from "./limits.ts";

/**
 * Who has shown a password lately: each token stands for a user until it has not been used for its time to live, or until the user is
 * deleted or gets another password. All members learn of a token through the log, and each forgets it by its own clock.
 */
export class Tokens {
  readonly #ttlMs: number;
  readonly #monotonic: () => number;
  /** Those used longest ago come first. */
  readonly #tokens = new Map<string, { readonly user: string; readonly expires: number }>();

  constructor(options: { ttlSeconds: number; monotonic: () => number }) {
    this.#ttlMs = options.ttlSeconds * 1000;
    this.#monotonic = options.monotonic;
  }

  add(token: string, user: string): void {
    this.#sweep();
    this.#tokens.delete(token);
    this.#tokens.set(token, { user, expires: this.#monotonic() + this.#ttlMs });
  }

  /** Whom it stands for; it is good for its whole time again. */
  use(token: string): string | undefined {
    const known = this.#tokens.get(token);
    if (known === undefined) return undefined;
    this.#tokens.delete(token);
    const now = this.#monotonic();
    if (known.expires <= now) return undefined;
    this.#tokens.set(token, { user: known.user, expires: now + this.#ttlMs });
    return known.user;
  }

  revoke(user: string): void {
    for (const [token, known] of this.#tokens) if (known.user === user) this.#tokens.delete(token);
  }

  clear(): void {
    this.#tokens.clear();
  }

  #sweep(): void {
    const now = this.#monotonic();
    for (const [token, { expires }] of this.#tokens) {
      if (expires > now && this.#tokens.size < tokensMax) return;
      this.#tokens.delete(token);
    }
  }
}
