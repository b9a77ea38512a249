import type { Revision } from "../base/index.ts";
import type { SelectionPredicate, StorageEvent } from "./ports.ts";
import type { StoredObject } from "./stored-object.ts";

/** One object before and after one write. Its events are made once and shared by everybody who watches. */
export class Change {
  readonly revision: Revision;
  /** Undefined: deleted. */
  readonly current: StoredObject | undefined;
  /** Undefined: created. */
  readonly previous: StoredObject | undefined;
  #added: StorageEvent | undefined;
  #modified: StorageEvent | undefined;
  #deleted: StorageEvent | undefined;

  constructor(revision: Revision, current: StoredObject | undefined, previous: StoredObject | undefined) {
    this.revision = revision;
    this.current = current;
    this.previous = previous;
  }

  /**
   * What the change means to somebody who sees only a selection: entering it is ADDED, leaving it DELETED with the object as it
   * was last seen, at the revision of the change. Undefined: nothing.
   */
  seenThrough(predicate: SelectionPredicate): StorageEvent | undefined {
    const { current, previous } = this;
    const isIn = current?.matches(predicate) === true;
    const wasIn = previous?.matches(predicate) === true;
    if (isIn && wasIn) {
      this.#modified ??= { type: "MODIFIED", stored: current, previous };
      return this.#modified;
    }
    if (isIn) {
      this.#added ??= { type: "ADDED", stored: current };
      return this.#added;
    }
    if (!wasIn) return undefined;
    this.#deleted ??= { type: "DELETED", stored: previous.at(this.revision), previous };
    return this.#deleted;
  }
}
