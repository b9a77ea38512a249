/**
 * What the cluster must look like: the committed log, replayed by the simplest means. It knows the store's state at every revision,
 * what has changed when, which leases there are and who belongs to the cluster, and is never asked to forget.
 */
import { fromUtf8, type MemberId } from "../../src/base/index.ts";
import type { Compare, KeyRange, Op, Txn } from "../../src/kv/index.ts";
import { type ConfState, decodeConfChange, type Entry } from "../../src/raft/index.ts";
import { type Command, decodeCommand } from "../../src/replica/command.ts";
import { Membership } from "../../src/replica/membership.ts";
import { hasPut } from "../../src/replica/quota.ts";

/** One change of one key. `value` undefined: deleted. */
export interface Change {
  readonly revision: number;
  readonly key: string;
  readonly value: string | undefined;
  readonly createRevision: number;
  readonly version: number;
  readonly lease: bigint;
}

interface LeaseModel {
  /** As asked for. */
  readonly ttlSeconds: number;
  /** By the last checkpoint; 0: none. */
  remainingTtlSeconds: number;
  readonly keys: Set<string>;
}

/** After an entry was applied. */
interface Point {
  readonly term: number;
  readonly data: Uint8Array;
  readonly revision: number;
  readonly compactRevision: number;
  readonly conf: ConfState;
  /** The image of the membership. */
  readonly members: string;
  /** As `textOfLeases` says them. */
  readonly leases: string;
}

export class Model {
  /** At index i - 1: the entry at index i. */
  readonly points: Point[] = [];
  /** Entries that the cluster begins with. */
  readonly bootstrapped: number;
  revision = 1;
  compactRevision = 0;
  readonly leases = new Map<bigint, LeaseModel>();
  readonly membership = new Membership();
  conf: ConfState = { voters: [], votersOutgoing: [], learners: [] };
  /** Which members had a vote, and from which index on. */
  readonly configurations: { readonly index: number; readonly voters: readonly MemberId[] }[] = [];
  /** Revisions that wrote a value: values are written once, if all is well. */
  readonly writesOf = new Map<string, number[]>();
  /** By key, oldest first. */
  readonly #history = new Map<string, Change[]>();
  /** From revision 2 on. */
  readonly #changes: (readonly Change[])[] = [];
  #members = fromUtf8(this.membership.image());
  #leasesText = "";
  readonly #alarms = new Set<string>();
  /** Requests that came true. */
  readonly #requests = new Set<string>();
  /** Told of leases that end, and why: the term of a leader whose clock said so, or 0. */
  onLeaseEnd: (lease: bigint, expiredInTerm: number) => void = () => {};

  constructor(bootstrapped: number) {
    this.bootstrapped = bootstrapped;
  }

  get index(): number {
    return this.points.length;
  }

  /** The next entry, or one that is known. @throws Error where it is another one than the known */
  take(entry: Entry): void {
    const known = this.points[entry.index - 1];
    if (known !== undefined) {
      if (known.term !== entry.term || Buffer.compare(known.data, entry.data) !== 0)
        throw new Error(
          `state machine safety: another entry ${entry.index} (term ${entry.term}) than the one applied before (term ${known.term})`,
        );
      return;
    }
    if (entry.index !== this.index + 1)
      throw new Error(`entry ${entry.index} is applied before ${this.index + 1} ever was`);
    if (entry.type === "conf-change") this.#applyConfChange(entry);
    else if (entry.data.length > 0) this.#applyCommand(entry);
    const { term, data } = entry;
    const { revision, compactRevision, conf } = this;
    this.points.push({
      term,
      data,
      revision,
      compactRevision,
      conf,
      members: this.#members,
      leases: this.#leasesText,
    });
  }

  /** What a range held at a revision, by key. */
  at(range: KeyRange, revision: number): readonly Change[] {
    const found: Change[] = [];
    for (const key of this.#keysIn(range)) {
      const change = this.#history.get(key)?.findLast((one) => one.revision <= revision);
      if (change?.value !== undefined) found.push(change);
    }
    return found;
  }

  /** All changes in a range from one revision to another, both included, in order. */
  changes(range: KeyRange, from: number, to: number): readonly Change[] {
    const found: Change[] = [];
    for (let revision = Math.max(2, from); revision <= Math.min(to, this.revision); revision++) {
      for (const change of this.#changes[revision - 2] ?? [])
        if (isInRange(change.key, range)) found.push(change);
    }
    return found;
  }

  /** What a key was before a revision; undefined: nothing. */
  before(key: string, revision: number): Change | undefined {
    const found = this.#history.get(key)?.findLast((one) => one.revision < revision);
    return found?.value === undefined ? undefined : found;
  }

  #keysIn(range: KeyRange): string[] {
    return [...this.#history.keys()].filter((key) => isInRange(key, range)).sort();
  }

  #applyConfChange(entry: Entry): void {
    const change = decodeConfChange(entry.data);
    if (change === undefined || change.type === "joint" || change.type === "leave-joint") return;
    if (this.membership.refusal(change) !== undefined) return;
    this.membership.apply(change);
    this.#membersChanged();
    const voters = this.conf.voters.filter((member) => member !== change.member);
    const learners = this.conf.learners.filter((member) => member !== change.member);
    if (change.type === "add-voter") voters.push(change.member);
    if (change.type === "add-learner") learners.push(change.member);
    this.conf = { voters: voters.sort(ascending), votersOutgoing: [], learners: learners.sort(ascending) };
    this.configurations.push({ index: entry.index, voters: this.conf.voters });
  }

  #applyCommand(entry: Entry): void {
    const { id, command } = decodeCommand(entry.data);
    const request = `${id.member}/${id.sequence}`;
    if (this.#requests.has(request))
      throw new Error(`request ${request} is committed twice, again at ${entry.index}`);
    this.#requests.add(request);
    this.#carryOut(command, entry.term);
    if (command.type.startsWith("lease-"))
      this.#leasesText = textOfLeases(
        [...this.leases].map(([lease, { remainingTtlSeconds }]) => ({ id: lease, remainingTtlSeconds })),
      );
  }

  #carryOut(command: Command, term: number): void {
    switch (command.type) {
      case "txn":
        return this.#hasNoSpace && hasPut(command.txn) ? undefined : this.#transact(command.txn);
      case "compact":
        if (command.revision > this.compactRevision && command.revision <= this.revision)
          this.compactRevision = command.revision;
        return;
      case "lease-grant":
        if (!this.#hasNoSpace && !this.leases.has(command.id))
          this.leases.set(command.id, {
            ttlSeconds: command.ttlSeconds,
            remainingTtlSeconds: 0,
            keys: new Set(),
          });
        return;
      case "lease-revoke":
        return this.#revoke(command.id, command.expiredInTerm, term);
      case "member-attributes":
        this.membership.setAttributes(command.member, command);
        return this.#membersChanged();
      case "lease-checkpoint":
        if (command.countedInTerm !== term) return;
        for (const { id, remainingTtlSeconds } of command.leases) {
          const lease = this.leases.get(id);
          if (lease !== undefined) lease.remainingTtlSeconds = remainingTtlSeconds;
        }
        return;
      case "member-peer-urls":
      case "access":
        return;
      case "alarm": {
        const name = `${command.alarm} ${command.member}`;
        if (command.action === "activate") this.#alarms.add(name);
        else this.#alarms.delete(name);
        return;
      }
    }
  }

  #membersChanged(): void {
    this.#members = fromUtf8(this.membership.image());
  }

  get #hasNoSpace(): boolean {
    return [...this.#alarms].some((name) => name.startsWith("NOSPACE"));
  }

  #revoke(id: bigint, expiredInTerm: number, term: number): void {
    const lease = this.leases.get(id);
    if (lease === undefined || (expiredInTerm !== 0 && expiredInTerm !== term)) return;
    this.leases.delete(id);
    this.#write([...lease.keys].sort().map((key) => ({ key, value: undefined, lease: 0n })));
    this.onLeaseEnd(id, expiredInTerm);
  }

  #transact(txn: Txn): void {
    const branch = this.#branchOf(txn);
    const needed = branch.flatMap((op) => (op.type === "put" && op.lease !== 0n ? [op.lease] : []));
    if (needed.some((lease) => !this.leases.has(lease))) return;
    this.#write(branch.flatMap((op) => this.#writesOf(op)));
  }

  #writesOf(op: Op): { key: string; value: string | undefined; lease: bigint }[] {
    if (op.type === "range") return [];
    if (op.type === "put") return [{ key: fromUtf8(op.key), value: fromUtf8(op.value), lease: op.lease }];
    if (op.type === "delete")
      return this.at(op, this.revision).map(({ key }) => ({ key, value: undefined, lease: 0n }));
    throw new Error("transactions in transactions are laid out before");
  }

  /** All that is done: what inner transactions compare is what was there before. */
  #branchOf(txn: Txn): readonly Op[] {
    const branch = this.holds(txn.compare, this.revision) ? txn.success : txn.failure;
    return branch.flatMap((op) => (op.type === "txn" ? this.#branchOf(op) : [op]));
  }

  /** Whether compares hold at a revision. */
  holds(compares: readonly Compare[], revision: number): boolean {
    return compares.every((compare) => {
      const found = this.at(compare, revision);
      // Where there is nothing everything is 0, and no value is anything.
      if (found.length === 0) return compare.target !== "value" && fits(compare, undefined);
      return found.every((change) => fits(compare, change));
    });
  }

  #write(writes: readonly { key: string; value: string | undefined; lease: bigint }[]): void {
    if (writes.length === 0) return;
    const revision = ++this.revision;
    const changes = writes.map(({ key, value, lease }): Change => {
      const history = this.#history.get(key) ?? [];
      this.#history.set(key, history);
      const before = history.at(-1);
      const lives = before?.value !== undefined;
      this.#attach(key, lives ? before.lease : 0n, value === undefined ? 0n : lease);
      const change: Change =
        value === undefined
          ? { revision, key, value, createRevision: 0, version: 0, lease: 0n }
          : {
              revision,
              key,
              value,
              lease,
              createRevision: lives ? before.createRevision : revision,
              version: lives ? before.version + 1 : 1,
            };
      history.push(change);
      if (value !== undefined) this.#wrote(value, revision);
      return change;
    });
    this.#changes.push(changes);
  }

  #wrote(value: string, revision: number): void {
    const revisions = this.writesOf.get(value);
    if (revisions === undefined) this.writesOf.set(value, [revision]);
    else if (!revisions.includes(revision)) revisions.push(revision);
  }

  #attach(key: string, before: bigint, after: bigint): void {
    if (before !== 0n) this.leases.get(before)?.keys.delete(key);
    if (after !== 0n) this.leases.get(after)?.keys.add(key);
  }
}

function fits(compare: Compare, change: Change | undefined): boolean {
  const order = orderOf(compare, change);
  switch (compare.result) {
    case "equal":
      return order === 0;
    case "notEqual":
      return order !== 0;
    case "greater":
      return order > 0;
    case "less":
      return order < 0;
  }
}

/** Above 0 where what is there is greater than what it is compared with. */
function orderOf(compare: Compare, change: Change | undefined): number {
  switch (compare.target) {
    case "mod":
      return (change?.revision ?? 0) - compare.revision;
    case "create":
      return (change?.createRevision ?? 0) - compare.revision;
    case "version":
      return (change?.version ?? 0) - compare.version;
    case "value":
      return Buffer.compare(Buffer.from(change?.value ?? ""), compare.value);
    case "lease":
      return Number((change?.lease ?? 0n) - compare.lease);
  }
}

/** Which there are, and what each has left by its last checkpoint. */
export function textOfLeases(leases: readonly { id: bigint; remainingTtlSeconds: number }[]): string {
  return leases
    .map(({ id, remainingTtlSeconds }) => `${id}: ${remainingTtlSeconds}`)
    .sort()
    .join();
}

/** For people: values may be large. */
export function shortened(value: string): string {
  return value.replace(/\.{4,}$/, "…");
}

function ascending(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Keys here are plain ASCII. */
function isInRange(key: string, { key: from, rangeEnd }: KeyRange): boolean {
  const start = fromUtf8(from);
  if (rangeEnd === undefined || rangeEnd.length === 0) return key === start;
  const end = fromUtf8(rangeEnd);
  return key >= start && (end === "\0" || key < end);
}
