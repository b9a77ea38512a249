import { fromUtf8 } from "../../../src/base/index.ts";
import type { KeyRange, KvError, KvEvent } from "../../../src/kv/index.ts";
import { type Change, type Model, shortened } from "../model.ts";
import { pairsMustBeWhole } from "./transactions.ts";

/**
 * One watch of one range: what comes is what the log has done there from where the watch stands, each change once, in order, revisions
 * whole, none left out; or the watch is told that it is compacted, and is.
 */
export class WatchChecker {
  readonly #model: Model;
  readonly #range: KeyRange;
  /** The first revision that has not been seen. */
  next = 1;

  constructor(model: Model, range: KeyRange) {
    this.#model = model;
    this.#range = range;
  }

  /** Everything up to `revision` came with these. */
  took(events: readonly KvEvent[], revision: number): void {
    const expected = this.missing(revision).map(textOfChange);
    const found = events.map(textOfEvent);
    if (expected.join() !== found.join())
      throw new Error(
        `from ${this.next} to ${revision} came ${found.join() || "nothing"}: by the log it is ${expected.join() || "nothing"}`,
      );
    if (this.#seesPairs)
      pairsMustBeWhole(
        events.filter(({ type }) => type === "put").map(({ kv }) => kv),
        `a watch at ${revision}`,
      );
    this.next = revision + 1;
  }

  closed(reason: KvError): void {
    if (reason.code === "STOPPED") return;
    if (reason.code !== "COMPACTED") throw reason;
    if (this.next >= this.#model.compactRevision)
      throw new Error(
        `it stands at ${this.next}, and was told that this is compacted: it is ${this.#model.compactRevision}`,
      );
  }

  /** What the log has done in the range up to `revision`, and has not come. */
  missing(revision: number): readonly Change[] {
    return this.#model.changes(this.#range, this.next, revision);
  }

  get #seesPairs(): boolean {
    return (
      fromUtf8(this.#range.key) <= "k-left" && fromUtf8(this.#range.rangeEnd ?? this.#range.key) > "k-right"
    );
  }
}

export function textOfChange({ key, value, revision, version }: Change): string {
  return value === undefined
    ? `delete ${key} at ${revision}`
    : `put ${key}=${shortened(value)} at ${revision} version ${version}`;
}

function textOfEvent({ type, kv }: KvEvent): string {
  return type === "delete"
    ? `delete ${fromUtf8(kv.key)} at ${kv.modRevision}`
    : `put ${fromUtf8(kv.key)}=${shortened(fromUtf8(kv.value))} at ${kv.modRevision} version ${kv.version}`;
}
