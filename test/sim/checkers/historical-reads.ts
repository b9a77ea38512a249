import { fromUtf8 } from "../../../src/base/index.ts";
import type { KeyRange, KeyValue } from "../../../src/kv/index.ts";
import { type Change, type Model, shortened } from "../model.ts";
import { pairsMustBeWhole } from "./transactions.ts";

/** Reads equal replay: what a range held at a revision is what the log's writes up to it have left there, every field of it. */
export class Replay {
  readonly #model: Model;

  constructor(model: Model) {
    this.#model = model;
  }

  mustShow(range: KeyRange, revision: number, kvs: readonly KeyValue[], count: number): void {
    const expected = this.#model.at(range, revision);
    if (count !== expected.length)
      throw new Error(`${count} keys at revision ${revision}: by the log there are ${expected.length}`);
    for (const [i, change] of expected.entries()) mustBe(change, kvs[i], revision);
    if (range.rangeEnd !== undefined) pairsMustBeWhole(kvs, `a read of revision ${revision}`);
  }
}

function mustBe(change: Change, kv: KeyValue | undefined, revision: number): void {
  const { key, value = "", createRevision, version, lease } = change;
  const expected = textOf(key, value, change.revision, createRevision, version, lease);
  const found =
    kv &&
    textOf(fromUtf8(kv.key), fromUtf8(kv.value), kv.modRevision, kv.createRevision, kv.version, kv.lease);
  if (found !== expected)
    throw new Error(`at revision ${revision} there was ${found}: by the log it is ${expected}`);
}

function textOf(
  key: string,
  value: string,
  mod: number,
  create: number,
  version: number,
  lease: bigint,
): string {
  return `${key}=${shortened(value)} mod ${mod} create ${create} version ${version} lease ${lease}`;
}
