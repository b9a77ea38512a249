/**
 * The check of hashes at compactions (etcd's CompactHashCheck): all members compact at the same revision, and each hashes then what it has kept up to
 * there. Whoever leads asks the others for theirs, the newest compaction first, until one is found that all have hashed; who differs from most is named
 * by the alarm CORRUPT. Dearer checks read everything at once; this one reads what has been read anyway.
 */
import type { MemberId, Revision } from "../base/index.ts";
import { KvError } from "../kv/index.ts";
import type { Clock, Timer } from "../platform/index.ts";
import type { Log } from "../telemetry/index.ts";
import type { KvHash } from "./compaction-hashes.ts";
import { hashesShown, whoIsWrong } from "./corruption-check.ts";
import type { HashQuestion } from "./hash-question.ts";

export interface CompactionCheckOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly member: MemberId;
  /** All of them: learners compact, too. */
  readonly members: () => readonly MemberId[];
  readonly leads: () => boolean;
  /** Of this member's last compactions. */
  readonly hashes: () => readonly KvHash[];
  readonly question: HashQuestion;
  readonly raise: (member: MemberId) => Promise<unknown>;
}

export class CompactionCheck {
  readonly #options: CompactionCheckOptions;
  /** Of the last compaction at which all members held the same. */
  #checked = 0 as Revision;
  #busy = false;

  constructor(options: CompactionCheckOptions) {
    this.#options = options;
  }

  /** Runs while the answer is not cancelled. */
  every(milliseconds: number): Timer {
    return this.#options.clock.every(milliseconds, () => void this.#round(), { background: true });
  }

  async #round(): Promise<void> {
    const { leads, log, member } = this.#options;
    if (this.#busy || !leads()) return;
    this.#busy = true;
    log.info("starting compact hash check", { "local-member-id": member.toString(16) });
    let compared = 0;
    try {
      for (const own of this.#unchecked()) {
        compared++;
        if (await this.#check(own)) break;
      }
    } catch (error) {
      // Nobody leads, or the member ends: whoever leads next has a round of its own.
      if (!(error instanceof KvError)) throw error;
      log.debug("an alarm was not raised", { error: error.message });
    } finally {
      this.#busy = false;
    }
    log.info("finished compaction hash check", { "number-of-hashes-checked": compared });
  }

  /** The newest first. */
  #unchecked(): KvHash[] {
    return this.#options
      .hashes()
      .filter(({ hashRevision }) => hashRevision > this.#checked)
      .sort((a, b) => b.hashRevision - a.hashRevision);
  }

  /** False: not all have been compared. */
  async #check(own: KvHash): Promise<boolean> {
    const { log, member, members, raise } = this.#options;
    const all = new Map([[member, own.hash]]);
    const others = members().filter((id) => id !== member);
    for (const other of others) {
      const hash = await this.#hashOf(other, own);
      if (hash !== undefined) all.set(other, hash);
    }
    const wrong = whoIsWrong(all, others.length + 1);
    for (const one of wrong) {
      log.error("Detected compaction hash mismatch", {
        revision: own.hashRevision,
        "compact-revision": own.compactRevision,
        hashes: hashesShown(all),
      });
      await raise(one);
    }
    const complete = all.size === others.length + 1;
    if (complete && wrong.length === 0) {
      this.#checked = own.hashRevision;
      log.info("successfully checked hash on whole cluster", {
        "number-of-peers-checked": others.length,
        revision: own.hashRevision,
      });
    }
    return complete || wrong.length > 0;
  }

  /** Undefined: the member does not answer, or was started since, or has not compacted so far. */
  async #hashOf(other: MemberId, { hashRevision, compactRevision }: KvHash): Promise<number | undefined> {
    const { log, question } = this.#options;
    let reason = "it has not hashed at this compaction";
    try {
      const answer = await question.ask(other, hashRevision);
      if (answer.compactRevision === compactRevision) return answer.hash;
    } catch (error) {
      reason = (error as Error).message;
    }
    log.warn("Skipped peer's hash", { "peer-id": other.toString(16), revision: hashRevision, reason });
    return undefined;
  }
}
