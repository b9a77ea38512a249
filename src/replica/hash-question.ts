/** A question between members: what is the hash of what you hold up to a revision? */
import type { MemberId, Revision } from "../base/index.ts";
import { BytesReader } from "./bytes-reader.ts";
import { BytesWriter } from "./bytes-writer.ts";

/** First byte of the question; those of leases and members are below. */
const questionHash = 4;

/** What two members have in common that hold the same, and have compacted at the same revision. */
export interface ComparableHash {
  readonly hash: number;
  readonly compactRevision: Revision;
}

export interface HashQuestionOptions {
  /** Resolves when what was committed until now is applied here. */
  readonly confirm: () => Promise<void>;
  readonly hashKv: (revision: Revision) => Promise<ComparableHash>;
  readonly ask: (member: MemberId, question: Uint8Array) => Promise<Uint8Array>;
}

export class HashQuestion {
  readonly #options: HashQuestionOptions;

  constructor(options: HashQuestionOptions) {
    this.#options = options;
  }

  isQuestion(question: Uint8Array): boolean {
    return question[0] === questionHash;
  }

  /** @throws KvError COMPACTED, FUTURE_REVISION, NO_LEADER */
  async answer(question: Uint8Array): Promise<Uint8Array> {
    const reader = new BytesReader(question);
    reader.byte();
    const revision = reader.number() as Revision;
    await this.#options.confirm();
    const { hash, compactRevision } = await this.#options.hashKv(revision);
    const writer = new BytesWriter();
    writer.uint32(hash);
    writer.number(compactRevision);
    return writer.finish();
  }

  /** @throws KvError, Error: the member does not answer, or cannot */
  async ask(member: MemberId, revision: Revision): Promise<ComparableHash> {
    const writer = new BytesWriter();
    writer.byte(questionHash);
    writer.number(revision);
    const reader = new BytesReader(await this.#options.ask(member, writer.finish()));
    return { hash: reader.uint32(), compactRevision: reader.number() as Revision };
  }
}
