import { fromUtf8 } from "../../../src/base/index.ts";
import type { KeyRange } from "../../../src/kv/index.ts";
import type { StateSnapshot } from "../../../src/replica/snapshot.ts";
import type { Model } from "../model.ts";
import { Replay } from "./historical-reads.ts";

/** What members say of their histories: of the same revisions, compacted at the same one, the hash is the same, on every member and in every life. */
export class HashBook {
  readonly #hashes = new Map<string, number>();

  found({
    hash,
    hashRevision,
    compactRevision,
  }: {
    hash: number;
    hashRevision: number;
    compactRevision: number;
  }): void {
    const name = `${hashRevision}, compacted at ${compactRevision},`;
    const other = this.#hashes.get(name) ?? hash;
    if (other !== hash) throw new Error(`hashes: of revision ${name} one is ${hash}, another ${other}`);
    this.#hashes.set(name, hash);
  }
}

/** A snapshot has what the log has made up to its revision, whatever was written while it was taken. */
export function mustBeSnapshot(model: Model, range: KeyRange, taken: StateSnapshot): void {
  const newest = new Map<
    string,
    { readonly deleted: boolean; readonly kv: Parameters<Replay["mustShow"]>[2][number] }
  >();
  let last = 0;
  for (const { kv, deleted } of taken.versions()) {
    if (kv.modRevision < last || kv.modRevision > taken.revision)
      throw new Error(`snapshot: of revision ${taken.revision} has ${kv.modRevision} after ${last}`);
    last = kv.modRevision;
    newest.set(fromUtf8(kv.key), { deleted, kv });
  }
  const kvs = [...newest]
    .filter(([, { deleted }]) => !deleted)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { kv }]) => kv);
  new Replay(model).mustShow(range, taken.revision, kvs, kvs.length);
}
