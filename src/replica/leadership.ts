import { type MemberId, noMember } from "../base/index.ts";
import type { Raft } from "../raft/index.ts";
import type { Log } from "../telemetry/index.ts";

interface LeadershipOptions {
  readonly raft: Raft;
  readonly log: Log;
  /** Somebody else leads than before, noMember: nobody; before others hear of it. */
  readonly onChange: (leader: MemberId) => void;
}

/** Tells those who want to know who leads. */
export class Leadership {
  readonly #options: LeadershipOptions;
  readonly #observers = new Set<(leader: MemberId) => void>();
  #known: MemberId = noMember;

  constructor(options: LeadershipOptions) {
    this.#options = options;
  }

  /** Called with every new leader, noMember when it is lost. The answer ends it. */
  observe(observer: (leader: MemberId) => void): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  /** After every turn. True: there was a change. */
  look(): boolean {
    const { raft, log, onChange } = this.#options;
    const { leader, role, term } = raft;
    if (leader === this.#known) return false;
    this.#known = leader;
    const message = leader === noMember ? "nobody leads" : "a new leader";
    log.info(message, { leader: leader.toString(16), term, role });
    onChange(leader);
    for (const observer of this.#observers) observer(leader);
    return true;
  }
}
