import type { Clock } from "../../platform/index.ts";
import type { AccessRequest, Decision } from "../access.ts";

/** Answers remembered; the one that was given first is forgotten first. */
const decisionsMax = 8192;
/** What a client chooses freely of a request is longer than that: nobody will ask the same again. Characters. */
const freeCharsMax = 10_000;

/** Answers of the last time, by the question. */
export class KeptDecisions {
  readonly #clock: Clock;
  readonly #entries = new Map<string, { readonly decision: Decision; readonly until: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  static isWorthIt({ verb, path, resource }: AccessRequest): boolean {
    const texts = [verb, path, ...Object.values(resource ?? {})];
    return texts.reduce((sum, text) => sum + text.length, 0) < freeCharsMax;
  }

  get(question: string): Decision | undefined {
    const entry = this.#entries.get(question);
    if (entry === undefined || this.#clock.monotonic() < entry.until) return entry?.decision;
    this.#entries.delete(question);
    return undefined;
  }

  add(question: string, decision: Decision, ttlMs: number): void {
    if (ttlMs <= 0) return;
    this.#entries.delete(question);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size >= decisionsMax && oldest !== undefined) this.#entries.delete(oldest);
    this.#entries.set(question, { decision, until: this.#clock.monotonic() + ttlMs });
  }
}
