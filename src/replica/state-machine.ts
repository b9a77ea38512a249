/**
 * What the log's commands do: keys, leases, members, alarms, watchers. Synchronous and deterministic: members that applied the same entries
 * are equal. The one exception is the time of leases, which only the leader counts.
 */
import { AccessControl, Tokens, tokenTtlSecondsDefault } from "../access/index.ts";
import { type Index, type LeaseId, type Revision, type Term, unreachable } from "../base/index.ts";
import { type Caller, KvError, type TxnResult } from "../kv/index.ts";
import { createLessor, type Lessor } from "../lease/index.ts";
import { createMvcc, type Mvcc } from "../mvcc/index.ts";
import { createWatchHub, type WatchHub } from "../watch/index.ts";
import { type Alarm, Alarms } from "./alarms.ts";
import type { Command } from "./command.ts";
import { Membership } from "./membership.ts";
import { hasPut, noSpace } from "./quota.ts";

/** What a command answers to whoever proposed it. */
export type Outcome =
  | {
      readonly type: "txn";
      readonly succeeded: boolean;
      readonly results: TxnResult["results"];
      readonly revision: Revision;
    }
  | { readonly type: "lease-grant"; readonly ttlSeconds: number; readonly revision: Revision }
  | { readonly type: "alarm"; readonly alarms: readonly Alarm[]; readonly revision: Revision }
  | { readonly type: "done"; readonly revision: Revision }
  /** A conf change that came while another was under way: an empty entry stands in its place. */
  | { readonly type: "not-taken"; readonly revision: Revision };

export class StateMachine {
  readonly lessor: Lessor;
  readonly mvcc: Mvcc;
  readonly hub: WatchHub;
  readonly membership: Membership;
  readonly alarms = new Alarms();
  readonly tokens: Tokens;
  readonly access: AccessControl;
  readonly #monotonic: () => number;
  /** Index and term of the last entry applied. */
  applied: { index: Index; term: Term } = { index: 0 as Index, term: 0 as Term };

  constructor(options: {
    leaseTtlSecondsMin: number;
    leaseCheckpointMs?: number;
    onCatchUpNeeded: () => void;
    monotonic: () => number;
    hashSeed: readonly [number, number];
    tokenTtlSeconds?: number;
    txnOpsMax?: number;
    learnersMax?: number;
    progressIntervalMs?: number;
  }) {
    const { txnOpsMax, learnersMax, progressIntervalMs, leaseCheckpointMs } = options;
    this.#monotonic = options.monotonic;
    this.lessor = createLessor({
      ttlSecondsMin: options.leaseTtlSecondsMin,
      ...(leaseCheckpointMs === undefined ? {} : { checkpointIntervalMs: leaseCheckpointMs }),
    });
    this.membership = new Membership(learnersMax);
    this.tokens = new Tokens({
      ttlSeconds: options.tokenTtlSeconds ?? tokenTtlSecondsDefault,
      monotonic: options.monotonic,
    });
    this.access = new AccessControl(this.tokens);
    this.mvcc = createMvcc({
      leases: this.lessor,
      hashSeed: options.hashSeed,
      ...(txnOpsMax === undefined ? {} : { txnOpsMax }),
    });
    this.hub = createWatchHub({
      source: this.mvcc,
      onCatchUpNeeded: options.onCatchUpNeeded,
      ...(progressIntervalMs === undefined ? {} : { progressIntervalMs }),
    });
  }

  /** @throws KvError: a refusal, which changed nothing and is the command's outcome on every member */
  apply(command: Command, term: Term): Outcome {
    if (command.caller !== undefined && this.access.enabled) this.#checkAccess(command, command.caller);
    this.#checkAlarms(command);
    switch (command.type) {
      case "txn": {
        const { succeeded, results, revision } = this.mvcc.apply(command.txn);
        return { type: "txn", succeeded, results, revision };
      }
      case "compact":
        this.mvcc.compact(command.revision);
        return this.#done();
      case "lease-grant": {
        const { ttlSeconds } = this.lessor.grant(command, this.#monotonic());
        return { type: "lease-grant", ttlSeconds, revision: this.mvcc.revision };
      }
      case "lease-revoke":
        // A leader that lost its place while this was on its way may have missed that the lease was renewed.
        if (command.expiredInTerm !== 0 && command.expiredInTerm !== term) return this.#done();
        this.mvcc.deleteKeys(this.lessor.revoke(command.id));
        return this.#done();
      case "lease-checkpoint":
        if (command.countedInTerm !== 0 && command.countedInTerm !== term) return this.#done();
        for (const lease of command.leases) this.lessor.checkpoint(lease, this.#monotonic());
        return this.#done();
      case "member-attributes":
        this.membership.setAttributes(command.member, command);
        return this.#done();
      case "alarm": {
        const { alarms } = this;
        const concerned =
          command.action === "activate" ? alarms.activate(command) : alarms.deactivate(command);
        return { type: "alarm", alarms: concerned, revision: this.mvcc.revision };
      }
      case "member-peer-urls":
        this.membership.setPeerUrls(command.member, command.peerUrls);
        return this.#done();
      case "access":
        this.access.apply(command.change);
        return this.#done();
      default:
        return unreachable(command);
    }
  }

  /** The keys of a lease, where somebody's right to them is in question. */
  readonly leaseKeys = (lease: bigint): readonly Uint8Array[] => this.lessor.keys(lease as LeaseId);

  /** @throws KvError: whoever asked may not */
  #checkAccess(command: Command, caller: Caller): void {
    const { access } = this;
    switch (command.type) {
      case "txn":
        return access.requireTxn(caller, command.txn, this.leaseKeys);
      case "lease-grant":
        return access.requireUser(caller);
      case "lease-revoke":
        access.requireUser(caller);
        return access.requireWriteOfKeys(caller, this.leaseKeys(command.id));
      default:
        return access.requireAdmin(caller);
    }
  }

  /** @throws KvError NO_SPACE, CORRUPT */
  #checkAlarms(command: Command): void {
    if (this.alarms.all.length === 0) return;
    const { type } = command;
    const writes = type === "txn" || type === "compact" || type === "lease-grant" || type === "lease-revoke";
    if (writes && this.alarms.has("CORRUPT")) throw new KvError("CORRUPT", "etcdserver: corrupt cluster");
    const takesSpace = type === "lease-grant" || (type === "txn" && hasPut(command.txn));
    if (takesSpace && this.alarms.has("NOSPACE")) throw noSpace();
  }

  #done(): Outcome {
    return { type: "done", revision: this.mvcc.revision };
  }
}
