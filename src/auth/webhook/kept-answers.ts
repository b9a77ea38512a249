import type { Clock } from "../../platform/index.ts";

/** Answers remembered; the one that was given first is forgotten first. */
const answersMax = 8192;

/** Answers of the last time, by the question. */
export class KeptAnswers<Answer> {
  readonly #clock: Clock;
  readonly #entries = new Map<string, { readonly answer: Answer; readonly until: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(question: string): Answer | undefined {
    const entry = this.#entries.get(question);
    if (entry === undefined || this.#clock.monotonic() < entry.until) return entry?.answer;
    this.#entries.delete(question);
    return undefined;
  }

  add(question: string, answer: Answer, ttlMs: number): void {
    if (ttlMs <= 0) return;
    this.#entries.delete(question);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size >= answersMax && oldest !== undefined) this.#entries.delete(oldest);
    this.#entries.set(question, { answer, until: this.#clock.monotonic() + ttlMs });
  }
}
