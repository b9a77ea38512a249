import { unreachable } from "../base/index.ts";
import {
  type Compare,
  KvError,
  type Op,
  type RangeOp,
  type SortOrder,
  type SortTarget,
  type Txn,
} from "../kv/index.ts";
import { type Draft, etcdserverpb } from "../wire/index.ts";
import { nestedTxnsMax } from "./limits.ts";

/** The port's questions as etcd's messages. */

const { NONE, ASCEND, DESCEND } = etcdserverpb.RangeRequestSortOrder.values;
const orders: Readonly<Record<SortOrder, number | undefined>> = {
  none: NONE,
  ascend: ASCEND,
  descend: DESCEND,
};
const { values: target } = etcdserverpb.RangeRequestSortTarget;
const { values: outcome } = etcdserverpb.CompareCompareResult;
const { values: compared } = etcdserverpb.CompareCompareTarget;

const targets: Record<SortTarget, number | undefined> = {
  key: target["KEY"],
  version: target["VERSION"],
  create: target["CREATE"],
  mod: target["MOD"],
  value: target["VALUE"],
};

const results: Record<Compare["result"], number | undefined> = {
  equal: outcome["EQUAL"],
  notEqual: outcome["NOT_EQUAL"],
  greater: outcome["GREATER"],
  less: outcome["LESS"],
};

export function rangeRequest(op: RangeOp, serializable = false): Draft<etcdserverpb.RangeRequest> {
  const { sort } = op;
  return {
    key: op.key,
    rangeEnd: op.rangeEnd,
    revision: op.revision,
    limit: op.limit,
    ...(sort === undefined
      ? {}
      : {
          sortTarget: targets[sort.target],
          sortOrder: orders[sort.order],
        }),
    serializable,
    keysOnly: op.keysOnly,
    countOnly: op.countOnly,
    minModRevision: op.minModRevision,
    maxModRevision: op.maxModRevision,
    minCreateRevision: op.minCreateRevision,
    maxCreateRevision: op.maxCreateRevision,
  };
}

/** @throws KvError TOO_MANY_OPS */
export function txnRequest(txn: Txn, depth = 0): Draft<etcdserverpb.TxnRequest> {
  if (depth > nestedTxnsMax) {
    throw new KvError("TOO_MANY_OPS", "etcdserver: too many operations in txn request");
  }
  return {
    compare: txn.compare.map(compareMessage),
    success: txn.success.map((op) => opMessage(op, depth)),
    failure: txn.failure.map((op) => opMessage(op, depth)),
  };
}

function opMessage(op: Op, depth: number): Draft<etcdserverpb.RequestOp> {
  switch (op.type) {
    case "put": {
      const { key, value, lease, prevKv, ignoreValue, ignoreLease } = op;
      // etcd refuses a value or a lease beside the wish to keep the old one.
      return {
        requestPut: {
          key,
          value: ignoreValue === true ? undefined : value,
          lease: ignoreLease === true ? undefined : lease,
          prevKv,
          ignoreValue,
          ignoreLease,
        },
      };
    }
    case "delete":
      return { requestDeleteRange: { key: op.key, rangeEnd: op.rangeEnd, prevKv: op.prevKv } };
    case "range":
      return { requestRange: rangeRequest(op) };
    case "txn":
      return { requestTxn: txnRequest(op, depth + 1) };
    default:
      return unreachable(op);
  }
}

function compareMessage(compare: Compare): Draft<etcdserverpb.Compare> {
  const { key, rangeEnd } = compare;
  const common = { key, rangeEnd, result: results[compare.result] };
  switch (compare.target) {
    case "version":
      return { ...common, target: compared["VERSION"], version: compare.version };
    case "create":
      return { ...common, target: compared["CREATE"], createRevision: compare.revision };
    case "mod":
      return { ...common, target: compared["MOD"], modRevision: compare.revision };
    case "value":
      return { ...common, target: compared["VALUE"], value: compare.value };
    case "lease":
      return { ...common, target: compared["LEASE"], lease: compare.lease };
    default:
      return unreachable(compare);
  }
}
