import type { Revision } from "../../base/index.ts";
import type { Kv } from "../../kv/index.ts";
import { etcdserverpb } from "../../wire/index.ts";
import { headerOf } from "../header.ts";
import { type Method, unary } from "../method.ts";

export function compactMethod(kv: Kv): Method {
  return unary(etcdserverpb.KVService.Compact, async ({ revision, physical }) => ({
    header: headerOf(await kv.compact(revision as Revision, { physical })),
  }));
}
