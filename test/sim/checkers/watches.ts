import { fromUtf8 } from "../../../src/base/index.ts";
import type { KvError, KvEvent, WatchQuery } from "../../../src/kv/index.ts";
import { type Change, type Model, shortened } from "../model.ts";
import { pairsMustBeWhole } from "./transactions.ts";

/**
 * One watch of one range: what comes is what the log has done there from where the watch stands, each change once, in order, revisions
 * whole, none left out; or the watch is told that it is compacted, and is.
 */
export class WatchChecker {
  readonly #model: Model;
  readonly query: Pick<WatchQuery, "key" | "rangeEnd" | "noPut" | "noDelete">;
  /** The first revision that has not been seen. */
  next = 1;

  constructor(model: Model, query: WatchChecker["query"]) {
    this.#model = model;
    this.query = query;
  }

  /** Everything up to `revision` came with these. */
  took(events: readonly KvEvent[], revision: number, prevKv: boolean): void {
    const expected = this.missing(revision).map(textOfChange);
    const found = events.map(textOfEvent);
    if (expected.join() !== found.join())
      throw new Error(
        `from ${this.next} to ${revision} came ${found.join() || "nothing"}: by the log it is ${expected.join() || "nothing"}`,
      );
    for (const event of events) this.#mustShowBefore(event, prevKv);
    if (this.#seesPairs)
      pairsMustBeWhole(
        events.filter(({ type }) => type === "put").map(({ kv }) => kv),
        `a watch at ${revision}`,
      );
    this.next = revision + 1;
  }

  /** What was there before comes with an event where it was asked for; what is compacted need not. */
  #mustShowBefore({ kv: { key, modRevision }, prevKv }: KvEvent, wanted: boolean): void {
    const before = wanted ? this.#model.before(fromUtf8(key), modRevision) : undefined;
    if (before !== undefined && prevKv === undefined && modRevision - 1 < this.#model.compactRevision) return;
    const expected =
      before && `${shortened(before.value ?? "")} at ${before.revision} version ${before.version}`;
    const found =
      prevKv && `${shortened(fromUtf8(prevKv.value))} at ${prevKv.modRevision} version ${prevKv.version}`;
    if (found !== expected)
      throw new Error(
        `before ${fromUtf8(key)} at ${modRevision} came ${found}: by the log it was ${expected}`,
      );
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
    const { noPut, noDelete } = this.query;
    return this.#model
      .changes(this.query, this.next, revision)
      .filter(({ value }) => (value === undefined ? !noDelete : !noPut));
  }

  get #seesPairs(): boolean {
    return (
      fromUtf8(this.query.key) <= "k-left" && fromUtf8(this.query.rangeEnd ?? this.query.key) > "k-right"
    );
  }
}

export function textOfChange({ key, value, revision, createRevision, version, lease }: Change): string {
  return value === undefined
    ? `delete ${key} at ${revision}`
    : `put ${key}=${shortened(value)} at ${revision} create ${createRevision} version ${version} lease ${lease}`;
}

function textOfEvent({ type, kv }: KvEvent): string {
  return type === "delete"
    ? `delete ${fromUtf8(kv.key)} at ${kv.modRevision}`
    : `put ${fromUtf8(kv.key)}=${shortened(fromUtf8(kv.value))} at ${kv.modRevision} create ${kv.createRevision} version ${kv.version} lease ${kv.lease}`;
}
