/**
 * Mutual exclusion on keys, as etcd's own clients do it (client/v3/concurrency), so that both may take part: a claim on `name` is the
 * key `name/` and the claimant's lease in hex, made if it is not there yet. Claims take their turn in the order of their create
 * revisions; whoever finds no older one has its turn until the key goes, by its own will or with the lease.
 */
import { concatBytes, type LeaseId, prefixEnd, type Revision, utf8 } from "../../base/index.ts";
import {
  type Compare,
  type Header,
  type Kv,
  KvError,
  type KvErrorCode,
  type OpResult,
  type RangeOp,
  type TxnResult,
} from "../../kv/index.ts";
import { code, RpcError } from "../errors.ts";

export interface Claim {
  readonly prefix: Uint8Array;
  readonly key: Uint8Array;
  readonly lease: LeaseId;
  readonly createRevision: Revision;
  /** What the key holds. */
  readonly value: Uint8Array;
  /** False: the lease had this claim already. */
  readonly made: boolean;
  /** Nobody came before. */
  readonly first: boolean;
  /** Of the transaction that made or found it. */
  readonly header: Header;
}

/** The claims on a name are the keys that begin with this. */
export function claimPrefix(name: Uint8Array): Uint8Array {
  return concatBytes([name, utf8("/")]);
}

/** The oldest claim: whose turn it is. */
export function oldestClaim(prefix: Uint8Array): RangeOp {
  return {
    key: prefix,
    rangeEnd: prefixEnd(prefix),
    sort: { target: "create", order: "ascend" },
    limit: 1,
  };
}

/** @throws KvError LEASE_NOT_FOUND and those of a transaction */
export async function makeClaim(
  kv: Kv,
  { name, lease, value }: { name: Uint8Array; lease: LeaseId; value: Uint8Array },
): Promise<Claim> {
  const prefix = claimPrefix(name);
  const key = concatBytes([prefix, utf8(lease.toString(16))]);
  const oldest = { type: "range", ...oldestClaim(prefix) } as const;
  const { header, succeeded, results } = await kv.txn({
    compare: [createdAt(key, 0 as Revision)],
    success: [{ type: "put", key, value, lease }, oldest],
    failure: [{ type: "range", key }, oldest],
  });
  const found = succeeded ? undefined : firstOf(results[0]);
  const createRevision = found?.createRevision ?? header.revision;
  const owner = firstOf(results[1]);
  return {
    prefix,
    key,
    lease,
    createRevision,
    value: found?.value ?? value,
    made: succeeded,
    first: owner === undefined || owner.createRevision === createRevision,
    header,
  };
}

/** Writes or deletes a claim's key only while it is the very same claim. @throws KvError */
export function ifStillClaimed(
  kv: Kv,
  claim: { readonly key: Uint8Array; readonly createRevision: Revision },
  change: { readonly value: Uint8Array; readonly lease: LeaseId } | "delete",
): Promise<TxnResult> {
  const { key, createRevision } = claim;
  const op =
    change === "delete" ? ({ type: change, key } as const) : ({ type: "put", key, ...change } as const);
  return kv.txn({ compare: [createdAt(key, createRevision)], success: [op], failure: [] });
}

/**
 * Resolves when no older claim is left. Whoever does not wait to the end has no claim any more: one that nobody knows of would keep
 * out all who come after, until its lease ends.
 * @throws RpcError canceled; KvError
 */
export async function waitForTurn(kv: Kv, claim: Claim, signal: AbortSignal): Promise<void> {
  if (signal.aborted) {
    if (claim.made) await withdraw(kv, claim);
    throw canceled();
  }
  if (claim.first) return;
  try {
    await olderClaimsGone(kv, claim, signal);
  } catch (thrown) {
    await withdraw(kv, claim);
    throw thrown;
  }
}

/** Each takes as long as requests wait for a leader. */
const withdrawAttemptsMax = 10;
const worthAnotherAttempt: ReadonlySet<KvErrorCode> = new Set(["TIMEOUT", "NO_LEADER", "LEADER_CHANGED"]);

/** Deletes the claim, through changes of leader too. What this cannot remove ends with its lease. */
export async function withdraw(kv: Kv, claim: Claim): Promise<void> {
  for (let attempt = 0; attempt < withdrawAttemptsMax; attempt++) {
    try {
      await ifStillClaimed(kv, claim, "delete");
      return;
    } catch (thrown) {
      if (!(thrown instanceof KvError && worthAnotherAttempt.has(thrown.code))) return;
    }
  }
}

/** Waits for one key at a time, the youngest of the older ones, so that a turn that ends wakes one waiter and not all. */
async function olderClaimsGone(
  kv: Kv,
  { prefix, createRevision }: Claim,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const { header, kvs } = await kv.range({
      key: prefix,
      rangeEnd: prefixEnd(prefix),
      sort: { target: "create", order: "descend" },
      limit: 1,
      maxCreateRevision: (createRevision - 1) as Revision,
      keysOnly: true,
    });
    const older = kvs[0];
    if (older === undefined) return;
    await deleted(kv, older.key, header.revision, signal);
  }
}

/** Resolves when a key that was there at `revision` has been deleted, or may have been. */
async function deleted(kv: Kv, key: Uint8Array, revision: Revision, signal: AbortSignal): Promise<void> {
  if (signal.aborted) throw canceled();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const cancel = (): void => reject(canceled());
  signal.addEventListener("abort", cancel);
  const watch = kv.watch(
    { key, startRevision: (revision + 1) as Revision, noPut: true },
    {
      onEvents() {
        resolve();
        return true;
      },
      onClosed(reason) {
        // Compacted between the two: another look tells.
        if (reason.code === "COMPACTED") resolve();
        else reject(reason);
      },
    },
  );
  try {
    await promise;
  } finally {
    watch.close();
    signal.removeEventListener("abort", cancel);
  }
}

function createdAt(key: Uint8Array, revision: Revision): Compare {
  return { key, target: "create", result: "equal", revision };
}

function firstOf(result: OpResult | undefined) {
  return result?.type === "range" ? result.kvs[0] : undefined;
}

function canceled(): RpcError {
  return new RpcError(code.canceled, "context canceled");
}
