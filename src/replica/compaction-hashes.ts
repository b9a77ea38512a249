import type { Revision } from "../base/index.ts";
import { KvError } from "../kv/index.ts";
import type { MvccHash } from "../mvcc/index.ts";
import { compactionHashesMax } from "./limits.ts";

/** Of the history between two revisions. */
export interface KvHash {
  readonly hash: number;
  /** 0: from the beginning on. */
  readonly compactRevision: Revision;
  readonly hashRevision: Revision;
}

interface Pending {
  readonly hashing: MvccHash;
  readonly result: PromiseWithResolvers<KvHash>;
}

/**
 * Hashes of what was kept at the last compactions, each up to its revision, before what it made unreachable is freed. etcd answers them
 * whenever it is asked for the hash at such a revision, until it is started again.
 */
export class CompactionHashes {
  #done: KvHash[] = [];
  #pending: Pending[] = [];

  /** The newest last. */
  get all(): readonly KvHash[] {
    return this.#done;
  }

  /** A compaction was made. More than a few that wait hold up freeing for nothing: this one has no hash then. */
  add(hashing: MvccHash): void {
    if (this.#pending.length >= compactionHashesMax) return hashing.close();
    const result = Promise.withResolvers<KvHash>();
    // Whether anybody waits for it is not ours to say.
    result.promise.catch(() => {});
    this.#pending.push({ hashing, result });
  }

  /** Does a part of what is to do; false: all is done. */
  step(records: number): boolean {
    const [first] = this.#pending;
    if (first === undefined) return false;
    const { hashing, result } = first;
    const hash = hashing.step(records);
    if (hash !== undefined) {
      this.#pending.shift();
      const { compactRevision, revision: hashRevision } = hashing;
      const made = { hash, compactRevision, hashRevision };
      this.#done = [...this.#done, made].slice(-compactionHashesMax);
      result.resolve(made);
    }
    return this.#pending.length > 0;
  }

  /** The one at a revision, waited for where it is being made. */
  find(revision: Revision): KvHash | Promise<KvHash> | undefined {
    return (
      this.#done.find(({ hashRevision }) => hashRevision === revision) ??
      this.#pending.find(({ hashing }) => hashing.revision === revision)?.result.promise
    );
  }

  /** Gives up what is not done. */
  close(): void {
    for (const { hashing, result } of this.#pending.splice(0)) {
      hashing.close();
      result.reject(new KvError("STOPPED", "etcdserver: server stopped"));
    }
  }
}
