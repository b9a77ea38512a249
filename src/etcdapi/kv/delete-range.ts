import type { DeleteOp, Kv } from "../../kv/index.ts";
import { etcdserverpb } from "../../wire/index.ts";
import { emptyKey } from "../errors.ts";
import { headerOf } from "../header.ts";
import { type Method, unary } from "../method.ts";

export function deleteRangeMethod(kv: Kv): Method {
  return unary(etcdserverpb.KVService.DeleteRange, async (request) => {
    checkDelete(request);
    const { header, results } = await kv.txn({ compare: [], success: [deleteOp(request)], failure: [] });
    const deleted = results[0];
    if (deleted?.type !== "delete") return { header: headerOf(header) };
    return { header: headerOf(header), deleted: deleted.deleted, prevKvs: deleted.prevKvs };
  });
}

/** @throws RpcError */
export function checkDelete(request: etcdserverpb.DeleteRangeRequest): void {
  if (request.key.length === 0) throw emptyKey();
}

export function deleteOp(request: etcdserverpb.DeleteRangeRequest): DeleteOp {
  return {
    type: "delete",
    key: request.key,
    ...(request.rangeEnd.length > 0 ? { rangeEnd: request.rangeEnd } : {}),
    prevKv: request.prevKv,
  };
}
