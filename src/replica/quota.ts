/**
 * The bound on data: a quota, and the disk. A member that finds it passed raises the alarm NOSPACE before it refuses anything, so that all members
 * refuse from the same entry on, until somebody has made room and lifts the alarm. Deleting and compacting always go: they are the way out.
 */
import { KvError, type Op, type Txn } from "../kv/index.ts";

export interface QuotaOptions {
  /** Bytes; Infinity: no bound. */
  readonly quotaBytes: number;
  readonly usedBytes: () => number;
  /** The disk is almost full, whatever the store holds. */
  readonly diskIsLow: () => boolean;
  /** Raises the alarm and resolves when it is raised. */
  readonly raise: () => Promise<unknown>;
  /** The alarm of this member is raised. */
  readonly raised: () => boolean;
}

export class Quota {
  readonly #options: QuotaOptions;
  #raising: Promise<unknown> | undefined;

  constructor(options: QuotaOptions) {
    this.#options = options;
  }

  /** To be asked before a request that takes space. */
  get exceeded(): boolean {
    const { usedBytes, quotaBytes, diskIsLow } = this.#options;
    return usedBytes() > quotaBytes || diskIsLow();
  }

  /** Raises the alarm first. @throws KvError NO_SPACE, or why the alarm could not be raised */
  async refuse(): Promise<never> {
    await this.#raise();
    throw noSpace();
  }

  /** After something was applied that took space (what was under way when the quota was reached went through), or the disk was looked at. */
  look(): void {
    if (!this.exceeded || this.#options.raised()) return;
    // Nobody waits for it; the next request or entry tries again.
    this.#raise().catch(() => {});
  }

  #raise(): Promise<unknown> {
    if (this.#options.raised()) return Promise.resolve();
    this.#raising ??= this.#options.raise().finally(() => {
      this.#raising = undefined;
    });
    return this.#raising;
  }
}

export function noSpace(): KvError {
  return new KvError("NO_SPACE", "etcdserver: mvcc: database space exceeded");
}

/** Whichever way its compares go. */
export function hasPut({ success, failure }: Txn): boolean {
  return success.some(puts) || failure.some(puts);
}

function puts(op: Op): boolean {
  return op.type === "put" || (op.type === "txn" && hasPut(op));
}
