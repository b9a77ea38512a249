import { emptyBytes } from "../base/index.ts";
import type { Keyspace } from "./keyspace.ts";
import { noVersion } from "./version-table.ts";

const keysPerStep = 256;

/**
 * Everything a store keeps up to a revision, one version after the other, in an order that depends on nothing but the
 * history: first, by key, what each key was before the compacted revision, if that is still visible; then all changes from the
 * compacted revision on. It may take its time: the store keeps what it needs until it ends.
 */
export class Extract {
  readonly revision: number;
  readonly compactRevision: number;
  readonly #space: Keyspace;
  #base: number[] = [];
  #baseIndex = 0;
  /** Where the next keys are looked for; undefined after the last. */
  #nextKey: Uint8Array | undefined;
  #position: number;
  readonly #end: number;
  #open = true;

  /** `compactRevision`: where the history begins; an earlier one than the last only as long as nothing was reclaimed since that. */
  constructor(space: Keyspace, revision: number, compactRevision: number = space.compactRevision) {
    this.#space = space;
    this.revision = revision;
    this.compactRevision = compactRevision;
    this.#nextKey = this.compactRevision > 1 ? emptyBytes : undefined;
    this.#position = space.seekLog(this.compactRevision);
    this.#end = space.seekLog(revision + 1);
    space.pin();
  }

  /** The next version; noVersion at the end. */
  next(): number {
    while (this.#baseIndex === this.#base.length && this.#nextKey !== undefined && this.#open)
      this.#collect();
    if (this.#baseIndex < this.#base.length) return this.#base[this.#baseIndex++] as number;
    if (this.#position < this.#end && this.#open) return this.#space.log.at(this.#position++);
    this.close();
    return noVersion;
  }

  /** Whether it is from the second part. */
  isLogged(version: number): boolean {
    return this.#space.versions.mod(version) >= this.compactRevision;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#base = [];
    this.#baseIndex = 0;
    this.#space.unpin();
  }

  /** The next few keys. Keys may come meanwhile, which is no matter: their changes are all too new. None go. */
  #collect(): void {
    const space = this.#space;
    const from = this.#nextKey as Uint8Array;
    this.#base = [];
    this.#baseIndex = 0;
    this.#nextKey = undefined;
    let keys = 0;
    space.order.scan(from, undefined, {
      key: (id) => {
        if (keys++ === keysPerStep) {
          this.#nextKey = space.keys.view(id);
          return false;
        }
        const version = space.visible(id, this.compactRevision);
        if (version !== noVersion && !this.isLogged(version)) this.#base.push(version);
        return true;
      },
    });
  }
}
