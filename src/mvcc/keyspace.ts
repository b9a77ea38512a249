import { emptyBytes, type LeaseId, noLease, type Revision } from "../base/index.ts";
import type { KeyRange, KeyValue } from "../kv/index.ts";
import { ChangeLog } from "./change-log.ts";
import type { HashSeed } from "./key-hash.ts";
import { KeyOrder } from "./key-order.ts";
import { KeyTable, noKey } from "./key-table.ts";
import { noVersion, type VersionFields, VersionTable } from "./version-table.ts";

/** Stands for "as new as there is" where a revision is asked for. */
export const newest = Number.POSITIVE_INFINITY;

/** Entries of sparse slabs looked at for each version that may be freed. */
const evacuatedPerVersion = 4;

/** The tables of one store and the rules that hold them together: who points to whom, and what may be forgotten. */
export class Keyspace {
  readonly keys: KeyTable;
  readonly order: KeyOrder;
  readonly versions: VersionTable = new VersionTable();
  /** Versions made since the last compaction whose memory was reclaimed. */
  readonly log: ChangeLog = new ChangeLog();
  revision = 1 as Revision;
  /** -1 before any compaction. */
  compactRevision = -1 as Revision;
  #pins = 0;
  /** Of the last change: its revision, and its position among the changes of that. */
  #lastMod = 0;
  #lastSub = 0;
  /** Position in the log up to which changes at the compacted revision have given up the version below them. */
  #loosened = 0;

  constructor(seed: HashSeed) {
    this.keys = new KeyTable(seed);
    this.order = new KeyOrder(this.keys, (id) => this.visible(id, newest) !== noVersion);
  }

  /** The key's version at a revision; noVersion when it did not exist then. */
  find(key: Uint8Array, revision: number): number {
    const id = this.keys.find(key);
    return id === noKey ? noVersion : this.visible(id, revision);
  }

  /** The version of a key at a revision; noVersion when it did not exist then. */
  visible(id: number, revision: number): number {
    const version = this.versions.at(this.keys.head(id), revision);
    return version !== noVersion && this.versions.writes(version) === 0 ? noVersion : version;
  }

  /**
   * Calls `visit` with the version at `revision` of every key of the range that existed then, in key order, until it answers
   * false; once it answers "count", the rest is only counted. Answers how many there were.
   */
  scan(range: KeyRange, revision: number, visit: (version: number) => boolean | "count"): number {
    const { key, rangeEnd } = range;
    if (rangeEnd === undefined || rangeEnd.length === 0) {
      const version = this.find(key, revision);
      if (version === noVersion) return 0;
      visit(version);
      return 1;
    }
    let counting = false;
    let count = 0;
    const toLast = rangeEnd.length === 1 && rangeEnd[0] === 0;
    this.order.scan(key, toLast ? undefined : rangeEnd, {
      key: (id) => {
        const version = this.visible(id, revision);
        if (version === noVersion) return true;
        count++;
        if (counting) return true;
        const answer = visit(version);
        counting = answer === "count";
        return answer !== false;
      },
      leaf: (live, modMax) => {
        // What has not changed since the revision is now as it was then.
        if (!counting || modMax > revision) return false;
        count += live;
        return true;
      },
    });
    return count;
  }

  /** The key's id; a new key gets one, and must get a version. */
  idOf(key: Uint8Array): number {
    const hash = this.keys.hash(key);
    const found = this.keys.find(key, hash);
    if (found !== noKey) return found;
    const id = this.keys.add(key, hash);
    this.order.add(id, key);
    return id;
  }

  put(key: number, value: Uint8Array, lease: LeaseId, mod: Revision): void {
    const { keys, versions } = this;
    const previous = keys.head(key);
    const writes = previous === noVersion ? 0 : versions.writes(previous);
    const create = writes === 0 ? mod : versions.create(previous);
    const version = versions.add(
      { key, mod, create, writes: writes + 1, lease, sub: this.#subOf(mod) },
      value,
      previous,
    );
    keys.setHead(key, version);
    this.order.changed(key, mod, writes === 0 ? 1 : 0);
    this.log.push(version);
  }

  /** Deletes a key that exists. */
  delete(key: number, mod: Revision): void {
    const fields = { key, mod, create: 0 as Revision, writes: 0, lease: noLease, sub: this.#subOf(mod) };
    const version = this.versions.add(fields, emptyBytes, this.keys.head(key));
    this.keys.setHead(key, version);
    this.order.changed(key, mod, -1);
    this.log.push(version);
  }

  /** Takes a version over as it is. `logged`: it is a change that watchers may ask for. */
  adopt(fields: VersionFields, value: Uint8Array, logged: boolean): void {
    const { key, mod, writes } = fields;
    const existed = this.visible(key, newest) !== noVersion;
    const version = this.versions.add(fields, value, this.keys.head(key));
    this.keys.setHead(key, version);
    this.order.changed(key, mod, (writes === 0 ? 0 : 1) - (existed ? 1 : 0));
    if (logged) this.log.push(version);
  }

  /** Counts the changes of one revision, from 0. */
  #subOf(mod: Revision): number {
    this.#lastSub = mod === this.#lastMod ? this.#lastSub + 1 : 0;
    this.#lastMod = mod;
    return this.#lastSub;
  }

  /** The key of a version. */
  keyOf(version: number): Uint8Array {
    return this.keys.view(this.versions.key(version));
  }

  /** The version as it is handed out. A tombstone has a key and a modRevision. */
  keyValue(version: number, keysOnly = false): KeyValue {
    const { versions } = this;
    return {
      key: this.keyOf(version),
      value: keysOnly ? emptyBytes : versions.value(version),
      createRevision: versions.create(version),
      modRevision: versions.mod(version),
      version: versions.writes(version),
      lease: versions.lease(version),
    };
  }

  /** What the key was before the revision that made this version; noVersion when it did not exist or that is compacted. */
  before(version: number): number {
    const revision = this.versions.mod(version) - 1;
    if (revision < this.compactRevision) return noVersion;
    const previous = this.versions.at(this.versions.previous(version), revision);
    return previous !== noVersion && this.versions.writes(previous) === 0 ? noVersion : previous;
  }

  /** Position in the log of the first change at `revision` or later. */
  seekLog(revision: number): number {
    return this.log.seek(revision, (version) => this.versions.mod(version));
  }

  get pinned(): boolean {
    return this.#pins > 0;
  }

  /** Nothing is forgotten until `unpin`. */
  pin(): void {
    this.#pins++;
  }

  unpin(): void {
    this.#pins--;
  }

  /**
   * Forgets up to `limit` versions that the compaction made unreachable; true while there may be more. Every change up to the
   * compacted revision has made the version below it unreachable; one before it leaves the log, and takes its key along if it is
   * a deletion that nothing has followed. A deletion that was followed goes with what followed it.
   *
   *     compacted at 7, versions of a key 9 → 6 → 4          change 6 takes 4 away; 6 is what revisions 7 and 8 see
   *     compacted at 7, versions of a key 7 → 6              change 7 takes 6 away, and stays for those who watch from 7 on
   *     compacted at 7, versions of a key 6 (deleted) → 4    change 6 takes 4 away, then itself and the key
   */
  reclaim(limit: number): boolean {
    if (this.pinned) return true;
    const { keys, log, versions, compactRevision } = this;
    for (let done = 0; done < limit; done++) {
      const oldest = log.first < log.end ? log.at(log.first) : noVersion;
      if (oldest !== noVersion && versions.mod(oldest) < compactRevision) {
        log.shift();
        this.#removeBelow(oldest);
        if (versions.writes(oldest) === 0 && keys.head(versions.key(oldest)) === oldest)
          this.#removeKey(oldest);
        continue;
      }
      this.#loosened = Math.max(this.#loosened, log.first);
      const version = this.#loosened < log.end ? log.at(this.#loosened) : noVersion;
      if (version !== noVersion && versions.mod(version) === compactRevision) {
        this.#loosened++;
        // One of the same revision is still in the log; it goes when this one leaves the log.
        if (versions.mod(versions.previous(version)) < compactRevision) this.#removeBelow(version);
        continue;
      }
      const entries = (limit - done) * evacuatedPerVersion;
      const more = versions.values.evacuate(entries);
      return keys.bytes.evacuate(entries) || more;
    }
    return true;
  }

  #removeBelow(version: number): void {
    const previous = this.versions.previous(version);
    if (previous === noVersion) return;
    this.versions.remove(previous);
    this.versions.cut(version);
  }

  /** Removes the key of a deletion that is its only version. */
  #removeKey(version: number): void {
    const key = this.versions.key(version);
    this.order.remove(this.keys.view(key));
    this.keys.remove(key);
    this.versions.remove(version);
  }
}
