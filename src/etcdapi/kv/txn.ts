import { emptyBytes, type LeaseId, type Revision, unreachable } from "../../base/index.ts";
import type { Compare, Kv, Op, OpResult, Txn } from "../../kv/index.ts";
import { type Draft, etcdserverpb } from "../../wire/index.ts";
import { code, emptyKey, RpcError, rpcErrorOf } from "../errors.ts";
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

function txnOf(request: etcdserverpb.TxnRequest): Txn {
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

/** A target without its value compares with zero, or nothing. @throws RpcError for a result or target that etcd does not have */
function compareOf(compare: etcdserverpb.Compare): Compare {
  const result = compareResults[compare.result];
  if (result === undefined)
    throw new RpcError(code.invalidArgument, `etcdserver: unknown compare result ${compare.result}`);
  const range = {
    key: compare.key,
    ...(compare.rangeEnd.length > 0 ? { rangeEnd: compare.rangeEnd } : {}),
    result,
  };
  const { values } = etcdserverpb.CompareCompareTarget;
  switch (compare.target) {
    case values.VERSION:
      return { ...range, target: "version", version: compare.version ?? 0 };
    case values.CREATE:
      return { ...range, target: "create", revision: (compare.createRevision ?? 0) as Revision };
    case values.MOD:
      return { ...range, target: "mod", revision: (compare.modRevision ?? 0) as Revision };
    case values.VALUE:
      return { ...range, target: "value", value: compare.value ?? emptyBytes };
    case values.LEASE:
      return { ...range, target: "lease", lease: (compare.lease ?? 0n) as LeaseId };
    default:
      throw new RpcError(code.invalidArgument, `etcdserver: unknown compare target ${compare.target}`);
  }
}

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
