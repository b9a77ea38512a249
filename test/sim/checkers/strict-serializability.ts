/**
 * What clients saw, checked as it comes in. Revisions make strict serializability cheap: a write's revision is its place among all writes,
 * a read's revision names the state that it must show, and neither may lie before what was over when the request began.
 * A request without an outcome may have happened, once, at any time.
 */
import { fromUtf8 } from "../../../src/base/index.ts";
import {
  type KeyRange,
  type KeyValue,
  KvError,
  type Op,
  type OpResult,
  type RangeResult,
  type Txn,
  type TxnResult,
} from "../../../src/kv/index.ts";
import type { Model } from "../model.ts";
import { Replay } from "./historical-reads.ts";
import { WriteRevisions } from "./revisions.ts";

/** With these a request may have happened, or may yet. */
const unknown: ReadonlySet<string> = new Set(["TIMEOUT", "LEADER_CHANGED", "STOPPED"]);

type Answer = Pick<TxnResult, "succeeded" | "results">;

/** An operation that was carried out, and its answer. */
interface Done {
  readonly op: Op;
  readonly result: OpResult;
}

/** A request that has begun. */
export interface Request {
  /** What had been seen by then by anybody. */
  readonly floor: number;
  /** What it writes, each value once in the whole run. */
  readonly values: readonly string[];
}

export class History {
  readonly #model: Model;
  readonly #replay: Replay;
  readonly #revisions = new WriteRevisions();
  /** The newest revision that an answer has shown. */
  #floor = 1;
  /** Values of requests that surely never happened. */
  readonly #refused = new Set<string>();
  readonly counts = { answered: 0, refused: 0, unknown: 0 };

  constructor(model: Model) {
    this.#model = model;
    this.#replay = new Replay(model);
  }

  begin(values: readonly string[] = []): Request {
    return { floor: this.#floor, values };
  }

  /** A linearizable read of a range as it is now. */
  read(request: Request, range: KeyRange, { header, kvs, count }: RangeResult): void {
    this.#mustNotBeOld(request, header.revision, "a linearizable read");
    this.#replay.mustShow(range, header.revision, kvs, count);
    this.#answered(header.revision);
  }

  /** From one member's state, perhaps stale; or of an old revision. */
  readAt(range: KeyRange, revision: number, { kvs, count, header }: RangeResult): void {
    if (revision > header.revision)
      throw new Error(`revision ${revision} was read on a member that is at ${header.revision}`);
    this.#replay.mustShow(range, revision, kvs, count);
    this.counts.answered++;
  }

  /** A transaction, also of transactions. */
  wrote(request: Request, txn: Txn, { header, succeeded, results }: TxnResult): void {
    const { revision } = header;
    const done = laidOut(txn, { succeeded, results });
    const isWrite = ({ op, result }: Done) =>
      op.type === "put" || (result.type === "delete" && result.deleted > 0);
    const changed = done.some(isWrite);
    const changes = changed ? this.#model.changes(everything, revision, revision) : [];
    const expected = done.flatMap(({ op }) =>
      op.type === "put" ? [`put ${fromUtf8(op.key)}=${fromUtf8(op.value)}`] : [],
    );
    const found = changes.flatMap(({ key, value }) => (value === undefined ? [] : [`put ${key}=${value}`]));
    const before = changed ? revision - 1 : revision;
    this.#mustNotBeOld(request, before, "a transaction");
    if (expected.join() !== found.join())
      throw new Error(
        `a transaction was answered at revision ${revision} with ${expected.join()}: by the log that revision did ${found.join()}`,
      );
    this.#mustHaveCompared(txn, { succeeded, results }, before);
    for (const { op, result } of done) {
      if (op.type === "put") this.#mustBeWrittenOnce(fromUtf8(op.value), revision);
      if (op.type === "delete" && result.type === "delete")
        this.#mustHaveDeleted(op, result.prevKvs, result.deleted, before);
      if (op.type === "range" && result.type === "range")
        this.#replay.mustShow(op, revision, result.kvs, result.count);
    }
    if (changed) this.#revisions.wrote(revision, expected.join() || "a delete");
    this.#answered(revision);
  }

  /** Anything else that the log has done. */
  answeredAt(revision: number): void {
    this.#answered(revision);
  }

  /** It failed, with what it says of itself. */
  failed(request: Request, error: unknown): void {
    if (!(error instanceof KvError)) throw error;
    if (unknown.has(error.code)) {
      this.counts.unknown++;
      return;
    }
    this.counts.refused++;
    for (const value of request.values) this.#refused.add(value);
  }

  /** Whoever was asked is no more. */
  lost(): void {
    this.counts.unknown++;
  }

  /** At the end: nothing happened twice, and nothing that was refused. */
  end(): void {
    for (const [value, revisions] of this.#model.writesOf) {
      if (revisions.length > 1)
        throw new Error(`${value} was written at revisions ${revisions.join()}, by one request`);
      if (this.#refused.has(value))
        throw new Error(`${value} was refused, and written at revision ${revisions[0]}`);
    }
  }

  #answered(revision: number): void {
    this.counts.answered++;
    if (revision > this.#model.revision)
      throw new Error(`revision ${revision} was shown, the log has made ${this.#model.revision}`);
    this.#floor = Math.max(this.#floor, revision);
  }

  #mustNotBeOld({ floor }: Request, revision: number, what: string): void {
    if (revision < floor)
      throw new Error(
        `strict serializability: ${what} stands at revision ${revision}, ${floor} had been seen before it began`,
      );
  }

  #mustHaveCompared(txn: Txn, { succeeded, results }: Answer, before: number): void {
    if (this.#model.holds(txn.compare, before) !== succeeded)
      throw new Error(
        `compares of a transaction were ${succeeded} after revision ${before}: by the log they were not`,
      );
    for (const [i, op] of (succeeded ? txn.success : txn.failure).entries()) {
      const result = results[i];
      if (op.type === "txn" && result?.type === "txn") this.#mustHaveCompared(op, result, before);
    }
  }

  #mustBeWrittenOnce(value: string, revision: number): void {
    const revisions = this.#model.writesOf.get(value) ?? [];
    if (revisions.length !== 1 || revisions[0] !== revision)
      throw new Error(
        `${value} was acknowledged at revision ${revision}: by the log it was written at ${revisions.join() || "none"}`,
      );
  }

  #mustHaveDeleted(range: KeyRange, prevKvs: readonly KeyValue[], deleted: number, before: number): void {
    const expected = this.#model.at(range, before);
    if (deleted !== expected.length)
      throw new Error(`${deleted} keys were deleted after revision ${before}: there were ${expected.length}`);
    this.#replay.mustShow(range, before, prevKvs, deleted);
  }
}

const everything: KeyRange = { key: new Uint8Array([0]), rangeEnd: new Uint8Array([0]) };

/** What was carried out, in order, that of inner transactions in its place. @throws Error where answers are missing */
function laidOut(txn: Txn, { succeeded, results }: Answer): readonly Done[] {
  return (succeeded ? txn.success : txn.failure).flatMap((op, i) => {
    const result = results[i];
    if (result?.type !== op.type)
      throw new Error(`a ${op.type} was answered with ${result?.type ?? "nothing"}`);
    return op.type === "txn" && result.type === "txn" ? laidOut(op, result) : [{ op, result }];
  });
}
