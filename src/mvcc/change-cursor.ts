import { assert, type Revision } from "../base/index.ts";
import type { KvEvent } from "../kv/index.ts";
import type { Keyspace } from "./keyspace.ts";
import { compacted } from "./range.ts";
import type { ChangeCursor } from "./types.ts";
import { noVersion } from "./version-table.ts";

/** Walks the change log. Standing still while the log is compacted below it is fine; then its next step tells. */
export class LogCursor implements ChangeCursor {
  readonly #space: Keyspace;
  #position: number;
  #version = noVersion;
  #key: Uint8Array | undefined;

  /** @throws KvError COMPACTED */
  constructor(space: Keyspace, revision: Revision) {
    if (revision < space.compactRevision) throw compacted(space);
    this.#space = space;
    this.#position = space.seekLog(revision);
  }

  /** @throws KvError COMPACTED when the change it would step to is gone */
  next(): boolean {
    const { log, versions, compactRevision } = this.#space;
    if (this.#position >= log.end) return false;
    if (this.#position < log.first) throw compacted(this.#space);
    const version = log.at(this.#position);
    if (versions.mod(version) < compactRevision) throw compacted(this.#space);
    this.#version = version;
    this.#key = undefined;
    this.#position++;
    return true;
  }

  get revision(): Revision {
    return this.#space.versions.mod(this.#current());
  }

  get type(): KvEvent["type"] {
    return this.#space.versions.writes(this.#current()) === 0 ? "delete" : "put";
  }

  get key(): Uint8Array {
    this.#key ??= this.#space.keyOf(this.#current());
    return this.#key;
  }

  event(prevKv: boolean): KvEvent {
    const space = this.#space;
    const kv = space.keyValue(this.#current());
    const before = prevKv ? space.before(this.#version) : noVersion;
    return before === noVersion
      ? { type: this.type, kv }
      : { type: this.type, kv, prevKv: space.keyValue(before) };
  }

  #current(): number {
    assert(this.#version !== noVersion, "the cursor stands before the first change");
    return this.#version;
  }
}
