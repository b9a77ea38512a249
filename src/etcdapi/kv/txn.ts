import { emptyBytes, type LeaseId, type Revision, unreachable } from "../../base/index.ts";
import type { Compare, Kv, Op, OpResult, Txn } from "../../kv/index.ts";
import { type Draft, etcdserverpb } from "../../wire/index.ts";
import { emptyKey, rpcErrorOf } from "../errors.ts";
import { headerOf } from "../header.ts";
import { type Method, unary } from "../method.ts";
import { checkDelete, deleteOp } from "./delete-range.ts";
import { checkPut, putOp } from "./put.ts";
import { checkRange, rangeAnswer, rangeOp } from "./range.ts";

/** `opsMax`: of one level, those of the levels above counted in. */
export function txnMethod(kv: Kv, opsMax: number): Method {
  return unary(etcdserverpb.KVService.Txn, async (request) => {
    checkTxn(request, opsMax);
    const { header, succeeded, results } = await kv.txn(txnOf(request));
    const revisions = new RevisionWalk(results, header.revision);
    return {
      header: headerOf(header),
      succeeded,
      responses: results.map((result) => responseOp(result, revisions)),
    };
  });
}

/** The checks that etcd makes before anything else, in its order; duplicate keys are the store's to find. @throws RpcError */
function checkTxn(request: etcdserverpb.TxnRequest, opsMax: number): void {
  const ops = Math.max(request.compare.length, request.success.length, request.failure.length);
  if (ops > opsMax) throw rpcErrorOf("TOO_MANY_OPS");
  for (const compare of request.compare) if (compare.key.length === 0) throw emptyKey();
  for (const op of request.success) checkOp(op, opsMax - ops);
  for (const op of request.failure) checkOp(op, opsMax - ops);
}

function checkOp(op: etcdserverpb.RequestOp, opsMax: number): void {
  if (op.requestRange) checkRange(op.requestRange);
  else if (op.requestPut) checkPut(op.requestPut);
  else if (op.requestDeleteRange) checkDelete(op.requestDeleteRange);
  else if (op.requestTxn) checkTxn(op.requestTxn, opsMax);
  else throw rpcErrorOf("KEY_NOT_FOUND");
}

export function txnOf(request: etcdserverpb.TxnRequest): Txn {
  return {
    compare: request.compare.map(compareOf),
    success: request.success.map(opOf),
    failure: request.failure.map(opOf),
  };
}

function opOf(op: etcdserverpb.RequestOp): Op {
  if (op.requestRange) return { type: "range", ...rangeOp(op.requestRange) };
  if (op.requestPut) return putOp(op.requestPut);
  if (op.requestDeleteRange) return deleteOp(op.requestDeleteRange);
  if (op.requestTxn) return { type: "txn", ...txnOf(op.requestTxn) };
  throw rpcErrorOf("KEY_NOT_FOUND");
}

const compareResults = ["equal", "greater", "less", "notEqual"] as const;

/**
 * A target without its value compares with zero, or nothing. A result that etcd does not have is always true, but of a value that there is not; a
 * target that it does not have is equal to everything.
 */
function compareOf(compare: etcdserverpb.Compare): Compare {
  const range = {
    key: compare.key,
    ...(compare.rangeEnd.length > 0 ? { rangeEnd: compare.rangeEnd } : {}),
  };
  const { VERSION, CREATE, MOD, VALUE, LEASE } = etcdserverpb.CompareCompareTarget.values;
  const result = compareResults[compare.result];
  if (result === undefined) return { ...range, ...(compare.target === VALUE ? existing : always) };
  switch (compare.target) {
    case VERSION:
      return { ...range, result, target: "version", version: compare.version ?? 0 };
    case CREATE:
      return { ...range, result, target: "create", revision: (compare.createRevision ?? 0) as Revision };
    case MOD:
      return { ...range, result, target: "mod", revision: (compare.modRevision ?? 0) as Revision };
    case VALUE:
      return { ...range, result, target: "value", value: compare.value ?? emptyBytes };
    case LEASE:
      return { ...range, result, target: "lease", lease: (compare.lease ?? 0n) as LeaseId };
    default:
      return { ...range, ...(result === "equal" ? always : never) };
  }
}

const existing = { target: "version", result: "greater", version: 0 } as const;
const always = { target: "version", result: "greater", version: -1 } as const;
const never = { target: "version", result: "less", version: 0 } as const;

/** The answer of one operation carries the revision as it was after it: before the first change of the transaction, one less. */
class RevisionWalk {
  #revision: Revision;
  readonly #last: Revision;

  constructor(results: readonly OpResult[], last: Revision) {
    this.#last = last;
    this.#revision = (results.some(changes) ? last - 1 : last) as Revision;
  }

  after(result: OpResult): Revision {
    if (changes(result)) this.#revision = this.#last;
    return this.#revision;
  }
}

function changes(result: OpResult): boolean {
  if (result.type === "txn") return result.results.some(changes);
  return result.type === "put" || (result.type === "delete" && result.deleted > 0);
}

function responseOp(result: OpResult, revisions: RevisionWalk): Draft<etcdserverpb.ResponseOp> {
  switch (result.type) {
    case "range":
      return { responseRange: { header: { revision: revisions.after(result) }, ...rangeAnswer(result) } };
    case "put":
      return { responsePut: { header: { revision: revisions.after(result) }, prevKv: result.prevKv } };
    case "delete":
      return {
        responseDeleteRange: {
          header: { revision: revisions.after(result) },
          deleted: result.deleted,
          prevKvs: result.prevKvs,
        },
      };
    case "txn":
      return {
        responseTxn: {
          header: {},
          succeeded: result.succeeded,
          responses: result.results.map((inner) => responseOp(inner, revisions)),
        },
      };
    default:
      return unreachable(result);
  }
}
