/** What etcd's log says: etcdserverpb.InternalRaftRequest, which is one of many requests, and who made it. */
import {
  emptyBytes,
  fromUtf8,
  type LeaseId,
  type MemberId,
  type Revision,
  type Term,
} from "../../base/index.ts";
import type { Caller, Txn } from "../../kv/index.ts";
import { decode, etcdserverpb } from "../../wire/index.ts";
import { deleteOp } from "../kv/delete-range.ts";
import { putOp } from "../kv/put.ts";
import { txnOf } from "../kv/txn.ts";
import type { ClusterAlarm } from "../ports.ts";
import { type StoredAccess, storedAccess } from "./stored-access.ts";
import { numberIn, storedFields } from "./stored-fields.ts";

/** A request that was acknowledged, or might have been. A caller is there where etcd asks for somebody's rights as it carries the request out. */
export type StoredCommand = { readonly caller?: Caller } & (
  | { readonly type: "txn"; readonly txn: Txn }
  | { readonly type: "compact"; readonly revision: Revision }
  | { readonly type: "lease-grant"; readonly id: LeaseId; readonly ttlSeconds: number }
  /** By a client, or by a leader whose clock counted: then, too, it is done. */
  | { readonly type: "lease-revoke"; readonly id: LeaseId; readonly expiredInTerm: Term }
  | {
      readonly type: "lease-checkpoint";
      readonly leases: readonly { readonly id: LeaseId; readonly remainingTtlSeconds: number }[];
      readonly countedInTerm: Term;
    }
  | ({ readonly type: "alarm"; readonly action: "activate" | "deactivate" } & ClusterAlarm)
  | ({ readonly type: "access" } & StoredAccess)
);

/** Fields of an InternalRaftRequest; those of users and roles stand in `stored-access.ts`. */
const field = {
  apiVersion2: 2,
  put: 4,
  deleteRange: 5,
  txn: 6,
  compaction: 7,
  leaseGrant: 8,
  leaseRevoke: 9,
  alarm: 10,
  leaseCheckpoint: 11,
  header: 100,
} as const;

/**
 * Undefined: it changes nothing that is kept here (tokens, versions, what members say of themselves).
 * @throws Error: it is none, or says something that is not understood
 */
export function storedCommand(data: Uint8Array): StoredCommand | undefined {
  const { bytes: request } = storedFields("etcdserverpb.InternalRaftRequest", data);
  if (request.has(field.apiVersion2)) return undefined;
  const caller = callerOf(request.get(field.header));
  for (const [number, bytes] of request) {
    if (number === field.header || changesNothing.has(number)) continue;
    return commandOf(number, bytes, caller);
  }
  return undefined;
}

/**
 * range; authenticate and auth_status; what users and roles there are; versions of the cluster, and what a member says of itself, which it says
 * again when it starts.
 */
const changesNothing = new Set([3, 1012, 1013, 1102, 1106, 1107, 1202, 1300, 1301, 1302, 9900]);

/** etcdserverpb.RequestHeader: string username = 2, uint64 auth_revision = 3. */
function callerOf(header: Uint8Array = emptyBytes): Caller {
  const fields = storedFields("etcdserverpb.RequestHeader", header);
  return { user: fromUtf8(fields.bytes.get(2) ?? emptyBytes), revision: numberIn(fields, 3) };
}

function commandOf(number: number, bytes: Uint8Array, caller: Caller): StoredCommand | undefined {
  switch (number) {
    case field.put:
      return { type: "txn", caller, txn: one(putOp(decode(etcdserverpb.PutRequest, bytes))) };
    case field.deleteRange:
      return { type: "txn", caller, txn: one(deleteOp(decode(etcdserverpb.DeleteRangeRequest, bytes))) };
    case field.txn:
      return { type: "txn", caller, txn: txnOf(decode(etcdserverpb.TxnRequest, bytes)) };
    case field.compaction:
      return {
        type: "compact",
        revision: decode(etcdserverpb.CompactionRequest, bytes).revision as Revision,
      };
    case field.leaseGrant: {
      const { ID, TTL } = decode(etcdserverpb.LeaseGrantRequest, bytes);
      return { type: "lease-grant", id: ID as LeaseId, ttlSeconds: TTL };
    }
    case field.leaseRevoke: {
      const { ID } = decode(etcdserverpb.LeaseRevokeRequest, bytes);
      return { type: "lease-revoke", caller, id: ID as LeaseId, expiredInTerm: 0 as Term };
    }
    case field.leaseCheckpoint: {
      const { checkpoints } = decode(etcdserverpb.LeaseCheckpointRequest, bytes);
      const leases = checkpoints.map(({ ID, remaining_TTL: rest }) => ({
        id: ID as LeaseId,
        remainingTtlSeconds: rest,
      }));
      return { type: "lease-checkpoint", leases, countedInTerm: 0 as Term };
    }
    case field.alarm:
      return alarmOf(decode(etcdserverpb.AlarmRequest, bytes));
    default: {
      const found = storedAccess(number, bytes);
      return found && { type: "access", caller, ...found };
    }
  }
}

function one(op: Txn["success"][number]): Txn {
  return { compare: [], success: [op], failure: [] };
}

function alarmOf({ action, memberID, alarm }: etcdserverpb.AlarmRequest): StoredCommand | undefined {
  const { NOSPACE, CORRUPT } = etcdserverpb.AlarmType.values;
  const { ACTIVATE, DEACTIVATE } = etcdserverpb.AlarmRequestAlarmAction.values;
  const does = action === ACTIVATE ? "activate" : action === DEACTIVATE ? "deactivate" : undefined;
  const name = alarm === NOSPACE ? "NOSPACE" : alarm === CORRUPT ? "CORRUPT" : undefined;
  if (does === undefined || name === undefined) return undefined;
  return { type: "alarm", action: does, member: memberID as MemberId, alarm: name };
}
