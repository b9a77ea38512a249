import type { LeaseId } from "../../base/index.ts";
import type { Kv, PutOp, TxnResult } from "../../kv/index.ts";
import { type Draft, etcdserverpb } from "../../wire/index.ts";
import { code, emptyKey, RpcError } from "../errors.ts";
import { headerOf } from "../header.ts";
import { type Method, unary } from "../method.ts";

export function putMethod(kv: Kv): Method {
  return unary(etcdserverpb.KVService.Put, (request) => {
    try {
      checkPut(request);
    } catch (error) {
      return Promise.reject(error);
    }
    // No async function: this is what is called most, and a tenth of what it asks memory for would be that function's.
    return kv.txn({ compare: none, success: [putOp(request)], failure: none }).then(answerOf);
  });
}

const none: readonly never[] = [];

function answerOf({ header, results: [put] }: TxnResult): Draft<etcdserverpb.PutResponse> {
  return { header: headerOf(header), prevKv: put?.type === "put" ? put.prevKv : undefined };
}

/** @throws RpcError */
export function checkPut(request: etcdserverpb.PutRequest): void {
  if (request.key.length === 0) throw emptyKey();
  if (request.ignoreValue && request.value.length > 0) {
    throw new RpcError(code.invalidArgument, "etcdserver: value is provided");
  }
  if (request.ignoreLease && request.lease !== 0n) {
    throw new RpcError(code.invalidArgument, "etcdserver: lease is provided");
  }
}

export function putOp(request: etcdserverpb.PutRequest): PutOp {
  return {
    type: "put",
    key: request.key,
    value: request.value,
    lease: request.lease as LeaseId,
    prevKv: request.prevKv,
    ignoreValue: request.ignoreValue,
    ignoreLease: request.ignoreLease,
  };
}
