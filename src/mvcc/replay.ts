import { type LeaseId, noLease, type Revision } from "../base/index.ts";
import { KvError } from "../kv/index.ts";
import type { HashSeed } from "./key-hash.ts";
import { Keyspace } from "./keyspace.ts";
import type { StoredVersion } from "./types.ts";

/** Builds a store from what another one kept, version by version in the order they were written, and believes none of it. */
export class Replay {
  readonly #space: Keyspace;
  #mod = 0;
  #sub = 0;

  constructor(seed: HashSeed) {
    this.#space = new Keyspace(seed);
  }

  /** A version without a key only raises the revision. @throws KvError CORRUPT */
  add({ kv, sub, deleted }: StoredVersion): void {
    const { key, value, modRevision: mod, createRevision: create, version: writes } = kv;
    if (!Number.isSafeInteger(mod) || mod < 1 || mod < this.#mod || (mod === this.#mod && sub <= this.#sub))
      throw corrupt(`revision ${mod}/${sub} comes after ${this.#mod}/${this.#sub}`);
    this.#mod = mod;
    this.#sub = sub;
    if (key.length === 0) return;
    const id = this.#space.idOf(key);
    if (deleted) {
      const fields = { key: id, mod, create: 0 as Revision, writes: 0, lease: noLease, sub };
      this.#space.adopt(fields, new Uint8Array(0), true);
      return;
    }
    const fits = Number.isSafeInteger(create) && create >= 1 && create <= mod;
    if (!fits || !Number.isSafeInteger(writes) || writes < 1)
      throw corrupt(`a version is impossible: modified ${mod}, created ${create}, written ${writes} times`);
    this.#space.adopt({ key: id, mod, create, writes, lease: kv.lease as LeaseId, sub }, value, true);
  }

  /**
   * `compactRevision`: what only revisions below it need is to go; 0: nothing was ever compacted. `skipRevisions`: so many revisions pass, and
   * everything before the last of them is compacted.
   */
  finish(compactRevision: number, skipRevisions: number): Keyspace {
    const space = this.#space;
    space.revision = (Math.max(1, this.#mod, compactRevision) + skipRevisions) as Revision;
    if (skipRevisions > 0) space.compactRevision = space.revision;
    else if (compactRevision > 0) space.compactRevision = compactRevision as Revision;
    return space;
  }
}

function corrupt(why: string): KvError {
  return new KvError("CORRUPT", `the history of the keys is damaged: ${why}`);
}
