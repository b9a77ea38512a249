import { type LeaseId, noLease } from "../../base/index.ts";
import type { Kv } from "../../kv/index.ts";
import { code, expectedError, RpcError } from "../errors.ts";

/** Seconds of the lease that a caller without one is given (client/v3/concurrency/session.go). Renewing it is the caller's affair. */
const sessionTtlSeconds = 60;

/** The lease that a claim hangs on: when it ends, the claim does. @throws KvError */
export async function sessionLease(kv: Kv, lease: bigint): Promise<LeaseId> {
  if (lease !== noLease) return lease as LeaseId;
  return (await kv.leases.grant({ id: noLease, ttlSeconds: sessionTtlSeconds })).id;
}

/**
 * etcd's lock and election services are clients of its other services, and hand on what those answer without its code: every failure is
 * "unknown" (2), with the text that says which.
 */
export async function throughClient<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    const error = expectedError(thrown);
    if (error === undefined || error.code === code.canceled) throw thrown;
    throw new RpcError(code.unknown, error.message);
  }
}
