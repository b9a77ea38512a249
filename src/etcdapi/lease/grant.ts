import type { LeaseId } from "../../base/index.ts";
import type { Kv } from "../../kv/index.ts";
import { etcdserverpb } from "../../wire/index.ts";
import { headerOf } from "../header.ts";
import { type Method, unary } from "../method.ts";

export function grantMethod(kv: Kv): Method {
  return unary(etcdserverpb.LeaseService.LeaseGrant, async ({ ID, TTL }) => {
    const { header, id, ttlSeconds } = await kv.leases.grant({ id: ID as LeaseId, ttlSeconds: TTL });
    return { header: headerOf(header), ID: id, TTL: ttlSeconds };
  });
}
