import type { Answer } from "./answer.ts";
import { cachedAnswersMax, rotationsMax } from "./limits.ts";

/**
 * Answers about the cluster as bytes, by the bytes of their question. Any change in the cluster drops them all: an answer is never
 * older than the informers. Each holds the orders of its records that are handed out in turn.
 */
export class AnswerCache {
  readonly #entries = new Map<string, { readonly variants: Buffer[]; turn: number }>();

  clear(): void {
    this.#entries.clear();
  }

  /** Everything of a query but its id. */
  keyOf(query: Uint8Array): string {
    return (query as Buffer).toString("latin1", 2);
  }

  /** A copy under this query's id. */
  get(key: string, query: Uint8Array): Buffer | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    entry.turn = (entry.turn + 1) % entry.variants.length;
    const answer = Buffer.from(entry.variants[entry.turn] as Buffer);
    answer[0] = query[0] as number;
    answer[1] = query[1] as number;
    return answer;
  }

  /** Keeps an answer, written in all its orders. */
  put(key: string, answer: Answer, write: (answer: Answer) => Buffer): void {
    if (this.#entries.size >= cachedAnswersMax) this.#entries.clear();
    this.#entries.set(key, { variants: rotationsOf(answer).map(write), turn: 0 });
  }
}

/** The answer with its records in turn at the front. An alias stays before what it leads to. */
function rotationsOf(answer: Answer): Answer[] {
  const aliases = answer.answers.filter(({ type }) => type === "CNAME");
  const others = answer.answers.filter(({ type }) => type !== "CNAME");
  if (others.length < 2) return [answer];
  return Array.from({ length: Math.min(others.length, rotationsMax) }, (_, turn) => {
    // Spread over the whole list, where it is longer than there are turns.
    const first = Math.floor((turn * others.length) / Math.min(others.length, rotationsMax));
    return { ...answer, answers: [...aliases, ...others.slice(first), ...others.slice(0, first)] };
  });
}
