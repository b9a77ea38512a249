/**
 * Members compare what they hold: one hash of everything up to a revision, which equal states have in common (etcd's corruption check). Whoever
 * leads asks the others now and then; who differs from most is named by the alarm CORRUPT, and nothing is written any more. A member may ask
 * by itself before it serves anybody.
 */
import type { MemberId, Revision } from "../base/index.ts";
import { KvError } from "../kv/index.ts";
import type { Clock, Timer } from "../platform/index.ts";
import type { Log } from "../telemetry/index.ts";
import type { ComparableHash, HashQuestion } from "./hash-question.ts";

/** Of no single member: nobody can tell who is right. */
const everybody = 0n as MemberId;

export interface CorruptionCheckOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly member: MemberId;
  readonly voters: () => readonly MemberId[];
  readonly leads: () => boolean;
  readonly revision: () => Revision;
  /** Resolves when what was committed until now is applied here. */
  readonly confirm: () => Promise<void>;
  readonly hashKv: (revision: Revision) => Promise<ComparableHash>;
  readonly question: HashQuestion;
  readonly raise: (member: MemberId) => Promise<unknown>;
}

export class CorruptionCheck {
  readonly #options: CorruptionCheckOptions;
  #busy = false;

  constructor(options: CorruptionCheckOptions) {
    this.#options = options;
  }

  /** Runs while the answer is not cancelled. */
  every(milliseconds: number): Timer {
    return this.#options.clock.every(milliseconds, () => void this.#round(), { background: true });
  }

  /** @throws Error where another member holds something else at the same revision */
  async beforeServing(): Promise<void> {
    try {
      await this.#options.confirm();
    } catch (error) {
      // As those who do not answer: there is nobody to compare with.
      this.#options.log.warn("no quorum to compare data with", { error: (error as Error).message });
      return;
    }
    const { own, others } = await this.#compare();
    const different = [...others].filter(([, hash]) => hash !== own).map(([id]) => id.toString(16));
    if (different.length > 0)
      throw new Error(
        `this member holds other data than ${different.join(", ")} at the same revision: remove it from the cluster and add it anew with an empty data directory`,
      );
  }

  async #round(): Promise<void> {
    const { leads, log, member, raise } = this.#options;
    if (this.#busy || !leads()) return;
    this.#busy = true;
    try {
      await this.#options.confirm();
      const { own, others } = await this.#compare();
      const all = new Map([...others, [member, own]]);
      for (const wrong of whoIsWrong(all, this.#options.voters().length)) {
        log.error("members hold different data at the same revision", { hashes: hashesShown(all) });
        await raise(wrong);
      }
    } catch (error) {
      // Compacted meanwhile, or nobody leads: there is another round.
      if (!(error instanceof KvError)) throw error;
      log.debug("members were not compared", { error: error.message });
    } finally {
      this.#busy = false;
    }
  }

  /** Hashes at this member's revision, of those who answer and have compacted as far. */
  async #compare(): Promise<{ own: number; others: Map<MemberId, number> }> {
    const { hashKv, log, member, question, revision, voters } = this.#options;
    const at = revision();
    const own = await hashKv(at);
    const others = new Map<MemberId, number>();
    for (const voter of voters()) {
      if (voter === member) continue;
      try {
        const { hash, compactRevision } = await question.ask(voter, at);
        if (compactRevision === own.compactRevision) others.set(voter, hash);
      } catch (error) {
        log.debug("a member was not compared", {
          member: voter.toString(16),
          error: (error as Error).message,
        });
      }
    }
    return { own: own.hash, others };
  }
}

/** Those who differ from what a quorum of the members holds; where no quorum agrees, nobody in particular. */
export function whoIsWrong(hashes: ReadonlyMap<MemberId, number>, voters: number): MemberId[] {
  const counts = new Map<number, number>();
  for (const hash of hashes.values()) counts.set(hash, (counts.get(hash) ?? 0) + 1);
  if (counts.size <= 1) return [];
  const [right, count] = [...counts].sort((a, b) => b[1] - a[1])[0] as [number, number];
  if (count <= Math.floor(voters / 2)) return [everybody];
  return [...hashes].filter(([, hash]) => hash !== right).map(([id]) => id);
}

/** For the log. */
export function hashesShown(hashes: ReadonlyMap<MemberId, number>): readonly string[] {
  return [...hashes].map(([id, hash]) => `${id.toString(16)}: ${hash}`);
}
