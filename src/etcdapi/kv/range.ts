import type { Revision } from "../../base/index.ts";
import type { Kv, RangeAnswer, RangeOp, SortOrder, SortTarget } from "../../kv/index.ts";
import { type Draft, etcdserverpb } from "../../wire/index.ts";
import { code, emptyKey, RpcError } from "../errors.ts";
import { headerOf } from "../header.ts";
import { type Method, unary } from "../method.ts";

const targets: readonly SortTarget[] = ["key", "version", "create", "mod", "value"];
const orders: readonly SortOrder[] = ["none", "ascend", "descend"];

export function rangeMethod(kv: Kv): Method {
  return unary(
    etcdserverpb.KVService.Range,
    async (request) => {
      const result = await kv.range({ ...rangeOp(request), serializable: request.serializable });
      return { header: headerOf(result.header), ...rangeAnswer(result) };
    },
    ({ kvs = [] }) => bytesOf(kvs),
  );
}

/** Tags, lengths and numbers of a key-value and of an answer's other fields, more or less. */
const numbersBytes = 64;

function bytesOf(kvs: Draft<etcdserverpb.RangeResponse["kvs"]>): number {
  let bytes = numbersBytes;
  for (const { key, value } of kvs) bytes += numbersBytes + (key?.length ?? 0) + (value?.length ?? 0);
  return bytes;
}

/** @throws RpcError where etcd refuses the request before it looks at a key */
export function checkRange(request: etcdserverpb.RangeRequest): void {
  if (request.key.length === 0) throw emptyKey();
  if (orders[request.sortOrder] === undefined || targets[request.sortTarget] === undefined) {
    throw new RpcError(code.invalidArgument, "etcdserver: invalid sort option");
  }
}

/** @throws RpcError */
export function rangeOp(request: etcdserverpb.RangeRequest): RangeOp {
  checkRange(request);
  const target = targets[request.sortTarget] ?? "key";
  const order = orders[request.sortOrder] ?? "none";
  const sorted = target !== "key" || order === "descend";
  return {
    key: request.key,
    ...(request.rangeEnd.length > 0 ? { rangeEnd: request.rangeEnd } : {}),
    // Below zero means "now" and "all", too.
    ...(request.revision > 0 ? { revision: request.revision as Revision } : {}),
    ...(request.limit > 0 ? { limit: request.limit } : {}),
    ...(sorted ? { sort: { target, order } } : {}),
    ...(request.keysOnly ? { keysOnly: true } : {}),
    ...(request.countOnly ? { countOnly: true } : {}),
    ...(request.minModRevision !== 0 ? { minModRevision: request.minModRevision as Revision } : {}),
    ...(request.maxModRevision !== 0 ? { maxModRevision: request.maxModRevision as Revision } : {}),
    ...(request.minCreateRevision !== 0 ? { minCreateRevision: request.minCreateRevision as Revision } : {}),
    ...(request.maxCreateRevision !== 0 ? { maxCreateRevision: request.maxCreateRevision as Revision } : {}),
  };
}

/** The port's key-values have the message's fields. */
export function rangeAnswer(answer: RangeAnswer): Draft<etcdserverpb.RangeResponse> {
  return { kvs: answer.kvs, more: answer.more, count: answer.count };
}
