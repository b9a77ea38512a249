import assert from "node:assert/strict";
import { equalBytes, type MemberId } from "../../src/base/index.ts";
import type { Entry, ReadState, Ready } from "../../src/raft/index.ts";
import type { Image, Member, Observer } from "./cluster.ts";

/**
 * The paper's safety properties (figure 3), checked while a cluster runs, and what the contract of Ready promises.
 * Each failure names the property.
 */
export class Checkers implements Observer {
  /** Highest index that anybody has applied: what a client can know to be committed. */
  appliedMax = 0;
  /** Contexts of the reads that were answered. */
  readonly answered = new Set<number>();
  snapshots = 0;
  elections = 0;
  readonly #leaders = new Map<number, MemberId>();
  readonly #entries = new Map<string, { readonly entry: Entry; readonly previousTerm: number }>();
  /** By index from 1: what was applied there, and a term by which it was committed. */
  readonly #committed: { readonly entry: Entry; readonly term: number }[] = [];
  readonly #asked = new Map<number, number>();

  /** To be told before a read is asked. */
  asked(context: number): void {
    this.#asked.set(context, this.appliedMax);
  }

  ready(member: Member, ready: Ready): void {
    for (const message of ready.messages) {
      const acknowledges = message.type === "append-response" && !message.rejected;
      const votes = message.type === "vote" || message.type === "vote-response";
      assert(
        !acknowledges && !votes,
        `durability: member ${member.id} sends ${message.type} before it is durable`,
      );
    }
    this.#checkLogMatching(member, ready.entries);
  }

  role(member: Member): void {
    const { role, term } = member.running;
    if (role !== "leader") return;
    this.elections++;
    const other = this.#leaders.get(term) ?? member.id;
    assert.equal(other, member.id, `election safety: ${other} and ${member.id} both lead term ${term}`);
    this.#leaders.set(term, member.id);
    this.#checkLeaderCompleteness(member, term);
  }

  applied(member: Member, entry: Entry): void {
    const { image, entries } = member.disk;
    const durable = image.index + entries.length;
    assert(
      entry.index <= durable,
      `durability: member ${member.id} applies ${entry.index} of ${durable} durable`,
    );
    const known = this.#committed[entry.index - 1];
    if (known) {
      const same = known.entry.term === entry.term && equalBytes(known.entry.data, entry.data);
      assert(same, `state machine safety: member ${member.id} applies another entry ${entry.index}`);
      return;
    }
    assert.equal(
      entry.index,
      this.#committed.length + 1,
      `member ${member.id} applies ${entry.index} too early`,
    );
    this.#committed.push({ entry, term: member.running.term });
    this.appliedMax = entry.index;
  }

  installed(member: Member, image: Image): void {
    this.snapshots++;
    for (const entry of image.history) this.applied(member, entry);
  }

  read(member: Member, { context, index }: ReadState): void {
    this.answered.add(context);
    const floor = this.#asked.get(context);
    assert(floor !== undefined, `member ${member.id} answers read ${context}, which nobody asked`);
    assert(
      index >= floor,
      `linearizable reads: ${context} is served at ${index}, but ${floor} was known before`,
    );
  }

  /** Logs that hold an entry of the same index and term hold the same up to it: by induction over its predecessor. */
  #checkLogMatching(member: Member, entries: readonly Entry[]): void {
    for (const entry of entries) {
      const previousTerm = member.log[entry.index - 2]?.term ?? 0;
      const key = `${entry.index}/${entry.term}`;
      const known = this.#entries.get(key);
      if (!known) {
        this.#entries.set(key, { entry, previousTerm });
        continue;
      }
      const same = known.previousTerm === previousTerm && equalBytes(known.entry.data, entry.data);
      assert(same, `log matching: member ${member.id} holds another ${key}`);
    }
  }

  #checkLeaderCompleteness(leader: Member, term: number): void {
    for (const { entry, term: committedBy } of this.#committed) {
      if (committedBy >= term) continue;
      const own = leader.log[entry.index - 1];
      assert.equal(
        own?.term,
        entry.term,
        `leader completeness: leader ${leader.id} of ${term} lacks entry ${entry.index}`,
      );
    }
  }
}
