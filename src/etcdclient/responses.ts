import type { MemberId, Revision, Term } from "../base/index.ts";
import type { Header, KeyValue, KvEvent, OpResult, RangeAnswer, TxnResult } from "../kv/index.ts";
import { type etcdserverpb, mvccpb } from "../wire/index.ts";

/** etcd's messages as the port's answers. Key-values have the same fields, and their bytes are views of what was received. */

/** @throws Error for an answer without one */
export function headerOf(message: { readonly header: etcdserverpb.ResponseHeader | undefined }): Header {
  const { header } = message;
  if (header === undefined) throw new Error("etcd's answer has no header");
  return {
    clusterId: header.clusterId,
    memberId: header.memberId as MemberId,
    revision: header.revision as Revision,
    term: header.raftTerm as Term,
  };
}

export function rangeAnswer(message: etcdserverpb.RangeResponse): RangeAnswer {
  return { kvs: message.kvs as unknown as readonly KeyValue[], count: message.count, more: message.more };
}

export function txnResult(message: etcdserverpb.TxnResponse): TxnResult {
  return {
    header: headerOf(message),
    succeeded: message.succeeded,
    results: message.responses.map(opResult),
  };
}

function opResult(message: etcdserverpb.ResponseOp): OpResult {
  const { responseRange, responsePut, responseDeleteRange, responseTxn } = message;
  if (responseRange) return { type: "range", ...rangeAnswer(responseRange) };
  if (responsePut) {
    const { prevKv } = responsePut;
    return { type: "put", ...(prevKv === undefined ? {} : { prevKv: prevKv as unknown as KeyValue }) };
  }
  if (responseDeleteRange) {
    const { deleted, prevKvs } = responseDeleteRange;
    return { type: "delete", deleted, prevKvs: prevKvs as unknown as readonly KeyValue[] };
  }
  if (responseTxn) {
    return { type: "txn", succeeded: responseTxn.succeeded, results: responseTxn.responses.map(opResult) };
  }
  throw new Error("etcd's answer has an operation that is none");
}

const { DELETE } = mvccpb.EventEventType.values;

export function eventOf({ type, kv, prevKv }: mvccpb.Event): KvEvent {
  if (kv === undefined) throw new Error("etcd's event has no key");
  return {
    type: type === DELETE ? "delete" : "put",
    kv: kv as unknown as KeyValue,
    ...(prevKv === undefined ? {} : { prevKv: prevKv as unknown as KeyValue }),
  };
}
