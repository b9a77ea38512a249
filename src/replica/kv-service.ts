import type { Revision } from "../base/index.ts";
import type {
  Caller,
  Header,
  Kv,
  KvWatch,
  Leases,
  Op,
  RangeQuery,
  RangeResult,
  Txn,
  TxnResult,
  WatchObserver,
  WatchQuery,
} from "../kv/index.ts";
import { checkTxn } from "../mvcc/index.ts";
import type { Clock, Loop } from "../platform/index.ts";
import type { Command } from "./command.ts";
import type { Durations } from "./durations.ts";
import type { LeaseService, Who } from "./lease-service.ts";
import type { Proposals } from "./proposals.ts";
import { hasPut, type Quota } from "./quota.ts";
import { RangeTurns } from "./range-turns.ts";
import type { Reads } from "./reads.ts";
import type { Outcome, StateMachine } from "./state-machine.ts";
import type { Upkeep } from "./upkeep.ts";

interface KvServiceOptions {
  readonly clock: Clock;
  readonly loop: Loop;
  readonly durations: Durations;
  readonly state: StateMachine;
  readonly proposals: Proposals;
  readonly reads: Reads;
  readonly quota: Quota;
  readonly leases: LeaseService;
  readonly upkeep: Upkeep;
  /** Of one level of a transaction. */
  readonly txnOpsMax: number | undefined;
  headerAt(revision: Revision): Header;
  /** @throws KvError STOPPED */
  checkRunning(): void;
}

/**
 * The keys, for whoever asks this member. A write is proposed, and answered when its entry is applied here; by then a quorum has it on disk. A
 * linearizable read waits until this member has applied what was committed when it was asked; a serializable one takes what is there.
 */
export class KvService implements Kv {
  readonly leases: Leases;
  readonly #options: KvServiceOptions;
  readonly #state: StateMachine;
  readonly #turns: RangeTurns;

  constructor(options: KvServiceOptions) {
    this.#options = options;
    this.#state = options.state;
    this.leases = options.leases;
    this.#turns = new RangeTurns(options.loop);
  }

  /** This store for somebody whose rights are asked for, with every call anew. */
  as(who: Who): Kv {
    return {
      range: async (query) => this.range(query, who()),
      txn: (txn) => {
        try {
          return this.txn(txn, who());
        } catch (error) {
          return Promise.reject(error);
        }
      },
      compact: async (revision, options) => this.compact(revision, options, who()),
      watch: (query, observer) => {
        this.#state.access.requireRead(who(), query);
        return this.watch(query, observer);
      },
      leases: this.#options.leases.as(who),
    };
  }

  /** Without a caller the program itself asks, and may see everything. */
  async range(query: RangeQuery, caller?: Caller): Promise<RangeResult> {
    const { checkRunning, reads } = this.#options;
    checkRunning();
    if (!query.serializable) await reads.confirm();
    // One key is little, whatever others want.
    if (this.#turns.isOver && query.rangeEnd !== undefined)
      return this.#turns.later(() => this.#read(query, caller));
    return this.#read(query, caller);
  }

  #read(query: RangeQuery, caller: Caller | undefined): RangeResult {
    const { clock, durations, headerAt } = this.#options;
    if (caller !== undefined) this.#state.access.requireRead(caller, query);
    const { mvcc } = this.#state;
    const began = clock.monotonic();
    try {
      const { kvs, count, more } = mvcc.range(query);
      durations.range.observe((clock.monotonic() - began) / 1000);
      this.#turns.took(kvs.length);
      return { header: headerAt(mvcc.revision), kvs, count, more };
    } catch (error) {
      durations.rangeFailed.observe((clock.monotonic() - began) / 1000);
      throw error;
    }
  }

  /** No async function: a write that only has to be proposed costs one promise. */
  txn(txn: Txn, caller?: Caller): Promise<TxnResult> {
    const { checkRunning, txnOpsMax, quota, proposals } = this.#options;
    try {
      checkRunning();
      checkTxn(txn, txnOpsMax);
      if (isReadOnly(txn)) return this.#readTxn(txn, caller);
      if (quota.exceeded && hasPut(txn)) return quota.refuse();
      const command: Command = caller === undefined ? { type: "txn", txn } : { type: "txn", txn, caller };
      return proposals.ask(command, this.#txnResult);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #readTxn(txn: Txn, caller: Caller | undefined): Promise<TxnResult> {
    const { reads, headerAt } = this.#options;
    await reads.confirm();
    const { access, mvcc, leaseKeys } = this.#state;
    if (caller !== undefined && access.enabled) access.requireTxn(caller, txn, leaseKeys);
    const { succeeded, results } = mvcc.apply(txn);
    return { header: headerAt(mvcc.revision), succeeded, results };
  }

  readonly #txnResult = (outcome: Outcome): TxnResult => {
    if (outcome.type !== "txn") throw new Error(`a transaction ended as ${outcome.type}`);
    const { succeeded, results, revision } = outcome;
    return { header: this.#options.headerAt(revision), succeeded, results };
  };

  async compact(revision: Revision, options: { physical?: boolean } = {}, caller?: Caller): Promise<Header> {
    const { checkRunning, proposals, upkeep, headerAt } = this.#options;
    checkRunning();
    const outcome = await proposals.propose({ type: "compact", revision, ...(caller && { caller }) });
    if (options.physical === true) await upkeep.reclaim();
    return headerAt(outcome.revision);
  }

  watch(query: WatchQuery, observer: WatchObserver): KvWatch {
    this.#options.checkRunning();
    return this.#state.hub.watch(query, observer);
  }
}

function isReadOnly({ success, failure }: Txn): boolean {
  return success.every(reads) && failure.every(reads);
}

function reads(op: Op): boolean {
  return op.type === "range" || (op.type === "txn" && isReadOnly(op));
}
