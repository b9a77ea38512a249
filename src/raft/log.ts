import { assert, type Index, type Term } from "../base/index.ts";
import { AppliedEntries, entryOverheadBytes } from "./applied-entries.ts";
import type { Entry } from "./types.ts";

const slotsMin = 64;
const none: readonly Entry[] = [];

/** What one entry, or the proposal of one, counts for in every byte limit. */
export function entryBytes(entry: { readonly data: Uint8Array }): number {
  return entry.data.length + entryOverheadBytes;
}

export function totalBytes(entries: readonly { readonly data: Uint8Array }[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += entryBytes(entry);
  return bytes;
}

/** One write handed to the owner and not yet reported durable. */
interface Write {
  readonly first: Index;
  readonly last: Index;
  readonly term: Term;
}

/**
 * The replicated log in memory, and how far each stage has come:
 *
 * ```
 *      offset        applied   handedOut    stable    written     lastIndex
 *   ─────┼──────────────┼──────────┼──────────┼──────────┼────────────┤
 *    compacted: only    the state  in some    durable    in some      known
 *    index and term     machine    Ready's    here       Ready's
 *    are remembered     has it     committed             entries
 * ```
 *
 * Invariants: offset ≤ applied ≤ handedOut ≤ min(commit, stable); stable ≤ written ≤ lastIndex; commit ≤ lastIndex.
 *
 * Entries that are not applied live in a ring whose slot is the index modulo the capacity, so nothing moves when either end does; those
 * that are applied are packed away.
 */
export class RaftLog {
  /** Highest index that is forgotten, and its term. */
  offset: Index;
  offsetTerm: Term;
  lastIndex: Index;
  commit: Index;
  applied: Index;
  handedOut: Index;
  stable: Index;
  written: Index;
  /**
   * The first committed conf change of which it is not durable here that it is committed. It is not handed out: a member that acts by it and
   * forgets it in a crash would need the votes of members that the change let go.
   */
  #heldChange: Index | undefined;
  /** A conf change was committed since `takeCommitMustSync` was asked. */
  #commitMustSync = false;
  #slots: (Entry | undefined)[];
  #mask: number;
  /** Those after `offset` up to `applied`, if that is beyond. */
  #packed: AppliedEntries;
  #writes: Write[] = [];
  /** The last slice made: followers in step, the disk and the transport share one array. */
  #slice: readonly Entry[] = none;

  /** `entries` follow `offset` without a gap and are durable. */
  constructor(restored: {
    readonly offset: Index;
    readonly offsetTerm: Term;
    readonly entries: readonly Entry[];
    readonly commit: Index;
    readonly applied: Index;
  }) {
    this.offset = restored.offset;
    this.offsetTerm = restored.offsetTerm;
    this.lastIndex = restored.offset;
    this.#slots = new Array<Entry | undefined>(slotsMin).fill(undefined);
    this.#mask = slotsMin - 1;
    this.#packed = new AppliedEntries(restored.offset);
    this.commit = restored.commit;
    this.applied = restored.applied;
    this.handedOut = restored.applied;
    this.stable = restored.offset;
    this.written = restored.offset;
    for (const entry of restored.entries) this.append(entry);
    this.stable = this.lastIndex;
    this.written = this.lastIndex;
    assert(this.commit <= this.lastIndex, `commit ${this.commit} is beyond the log's end ${this.lastIndex}`);
    assert(
      this.offset <= this.applied && this.applied <= this.commit,
      `applied ${this.applied} is outside of ${this.offset}..${this.commit}`,
    );
    this.#packApplied();
  }

  get lastTerm(): Term {
    return this.lastIndex === this.offset ? this.offsetTerm : this.at(this.lastIndex).term;
  }

  /** An entry that is known to be there. */
  at(index: Index): Entry {
    if (index <= this.#packed.lastIndex && index > this.offset) return this.#packed.entry(index);
    const entry = this.#slots[index & this.#mask];
    // Here and in `append` the check comes first, for the message would be built for every entry.
    if (entry?.index !== index) assert(false, `no entry ${index} in ${this.offset}..${this.lastIndex}`);
    return entry;
  }

  /** The term of an index; undefined where it is compacted or not there yet. */
  termAt(index: Index): Term | undefined {
    if (index < this.offset || index > this.lastIndex) return undefined;
    if (index === this.offset) return this.offsetTerm;
    return index <= this.#packed.lastIndex ? this.#packed.term(index) : this.at(index).term;
  }

  matches(index: Index, term: Term): boolean {
    return this.termAt(index) === term;
  }

  /** Whether a log ending so may lead us: paper, section 5.4.1. */
  isUpToDate(lastIndex: Index, lastTerm: Term): boolean {
    const ownTerm = this.lastTerm;
    return lastTerm > ownTerm || (lastTerm === ownTerm && lastIndex >= this.lastIndex);
  }

  /**
   * The highest index up to `index` whose term is at most `term`: where a log that has `term` there could agree with
   * ours at best (paper, end of section 5.3, but skipping by both logs' terms). Terms never fall along the log, so it
   * is searched by halves. What is compacted counts as agreed.
   */
  lastIndexOfTerm(index: Index, term: Term): Index {
    let low = this.offset;
    let high = Math.min(index, this.lastIndex) as Index;
    if (high <= low) return Math.min(index, low) as Index;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2) as Index;
      if ((this.termAt(middle) as Term) <= term) low = middle;
      else high = (middle - 1) as Index;
    }
    return low;
  }

  append(entry: Entry): void {
    if (entry.index !== this.lastIndex + 1) assert(false, `entry ${entry.index} after ${this.lastIndex}`);
    if (this.#live === this.#slots.length) this.#resize(this.#slots.length * 2);
    this.#slots[entry.index & this.#mask] = entry;
    this.lastIndex = entry.index;
  }

  /** Takes a leader's entries, the first of which follows an entry both have; drops ours from the first conflict on. */
  appendFromLeader(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.index <= this.lastIndex) {
        if (entry.index <= this.offset || this.matches(entry.index, entry.term)) continue;
        assert(
          entry.index > this.commit,
          `the leader contradicts entry ${entry.index}, committed up to ${this.commit}`,
        );
        this.#truncate((entry.index - 1) as Index);
      }
      this.append(entry);
    }
  }

  /** True when it advanced. */
  commitTo(index: Index): boolean {
    if (index <= this.commit) return false;
    assert(index <= this.lastIndex, `commit ${index} is beyond the log's end ${this.lastIndex}`);
    for (let i = (this.commit + 1) as Index; i <= index; i++) {
      if (this.at(i).type !== "conf-change") continue;
      this.#heldChange ??= i;
      this.#commitMustSync = true;
    }
    this.commit = index;
    return true;
  }

  /** True once for commit indexes that must be durable before what they commit is applied. */
  takeCommitMustSync(): boolean {
    const mustSync = this.#commitMustSync;
    this.#commitMustSync = false;
    return mustSync;
  }

  /** It is durable here that everything up to `index` is committed. */
  markCommitDurable(index: Index): void {
    let held = this.#heldChange;
    if (held === undefined || held > index) return;
    held = Math.max(held, index + 1) as Index;
    while (held <= this.commit && this.at(held).type !== "conf-change") held++;
    this.#heldChange = held <= this.commit ? held : undefined;
  }

  /** Entries `from`..`to` as an array that must not be written to. */
  slice(from: Index, to: Index): readonly Entry[] {
    const length = to - from + 1;
    if (length <= 0) return none;
    if (this.#slice.length === length && this.#slice[0]?.index === from) return this.#slice;
    const entries = new Array<Entry>(length);
    for (let i = 0; i < length; i++) entries[i] = this.at((from + i) as Index);
    this.#slice = entries;
    return entries;
  }

  /** The last index such that `from`..it stay within `bytesMax`; `from` itself always does. */
  endWithin(from: Index, to: Index, bytesMax: number): Index {
    let end = from;
    let bytes = entryBytes(this.at(from));
    while (end < to) {
      bytes += entryBytes(this.at((end + 1) as Index));
      if (bytes > bytesMax) break;
      end++;
    }
    return end;
  }

  get hasUnwritten(): boolean {
    return this.written < this.lastIndex;
  }

  /** Hands out what has to be written, once. */
  takeUnwritten(): readonly Entry[] {
    if (this.written === this.lastIndex) return none;
    const first = (this.written + 1) as Index;
    const entries = this.slice(first, this.lastIndex);
    this.#writes.push({ first, last: this.lastIndex, term: this.lastTerm });
    this.written = this.lastIndex;
    return entries;
  }

  /**
   * The write that ended so is durable, and all before it. What a later write, or one still to come, replaces is not:
   * the same index and even the same term may have been written, truncated and be on its way once more.
   */
  markDurable(index: Index, term: Term): void {
    const position = this.#writes.findIndex((write) => write.last === index && write.term === term);
    if (position < 0) return;
    this.#writes.splice(0, position + 1);
    let stable = Math.min(index, this.written);
    for (const write of this.#writes) stable = Math.min(stable, write.first - 1);
    this.stable = Math.max(this.stable, stable) as Index;
  }

  get hasCommitted(): boolean {
    return this.handedOut < this.#applicable;
  }

  /** Hands out what can be applied, once. */
  takeCommitted(bytesMax: number): readonly Entry[] {
    if (!this.hasCommitted) return none;
    const first = (this.handedOut + 1) as Index;
    const last = this.endWithin(first, this.#applicable, bytesMax);
    this.handedOut = last;
    return this.slice(first, last);
  }

  get #applicable(): Index {
    const held = this.#heldChange ?? Number.POSITIVE_INFINITY;
    return Math.min(this.commit, this.stable, held - 1) as Index;
  }

  appliedTo(index: Index): void {
    assert(
      index >= this.applied && index <= this.handedOut,
      `applied ${index}, after ${this.applied} of ${this.handedOut}`,
    );
    this.applied = index;
    this.#packApplied();
  }

  /** Where to compact so that at most `bytesMax` bytes of entries stay below `index`, which is applied. */
  trailingStart(index: Index, bytesMax: number): Index {
    let start = index;
    let bytes = 0;
    while (start > this.offset) {
      bytes += this.#packed.weight(start);
      if (bytes > bytesMax) break;
      start--;
    }
    return start;
  }

  /** Forgets entries up to `index`. */
  compact(index: Index): void {
    if (index <= this.offset) return;
    assert(index <= this.applied, `compacting to ${index}, applied is ${this.applied}`);
    this.#forget(index);
    this.#slice = none;
    if (this.#slots.length > slotsMin && this.#live < this.#slots.length >> 3)
      this.#resize(this.#slots.length >> 2);
  }

  /** Forgets applied entries up to `index` but for the last `bytesMax` bytes. */
  forget(index: Index, bytesMax: number): void {
    const excess = this.#packed.excessUpTo(Math.min(index, this.applied) as Index, bytesMax);
    if (excess > this.offset) this.#forget(excess);
  }

  /** Replaces the whole log by an image taken at `index`; that image counts as handed out, not as applied. */
  restore(index: Index, term: Term): void {
    this.#slots = new Array<Entry | undefined>(slotsMin).fill(undefined);
    this.#mask = slotsMin - 1;
    this.#packed = new AppliedEntries(index);
    this.#slice = none;
    // Everything on its way to the disk is replaced by the image: a word about it says nothing any more.
    this.#writes = [];
    this.#heldChange = undefined;
    this.#commitMustSync = false;
    this.offset = index;
    this.offsetTerm = term;
    this.lastIndex = index;
    this.commit = index;
    this.handedOut = index;
    this.stable = index;
    this.written = index;
  }

  /** Entries in the ring. */
  get #live(): number {
    return this.lastIndex - this.#packed.lastIndex;
  }

  #forget(index: Index): void {
    this.offsetTerm = this.#packed.term(index);
    this.#packed.dropUpTo(index);
    this.offset = index;
  }

  #packApplied(): void {
    for (let i = (this.#packed.lastIndex + 1) as Index; i <= this.applied; i++) {
      this.#packed.add(this.at(i));
      this.#slots[i & this.#mask] = undefined;
    }
  }

  /** Drops what is after `index`. */
  #truncate(index: Index): void {
    for (let i = index + 1; i <= this.lastIndex; i++) this.#slots[i & this.#mask] = undefined;
    this.lastIndex = index;
    this.written = Math.min(this.written, index) as Index;
    this.stable = Math.min(this.stable, index) as Index;
    this.#slice = none;
  }

  #resize(capacity: number): void {
    const slots = new Array<Entry | undefined>(Math.max(slotsMin, capacity)).fill(undefined);
    const mask = slots.length - 1;
    for (let i = this.#packed.lastIndex + 1; i <= this.lastIndex; i++)
      slots[i & mask] = this.#slots[i & this.#mask];
    this.#slots = slots;
    this.#mask = mask;
  }
}
