import type { LeaseId } from "../../base/index.ts";
import type { Kv } from "../../kv/index.ts";
import { etcdserverpb } from "../../wire/index.ts";
import { headerOf } from "../header.ts";
import { type Method, unary } from "../method.ts";

export function revokeMethod(kv: Kv): Method {
  return unary(etcdserverpb.LeaseService.LeaseRevoke, async ({ ID }) => ({
    header: headerOf(await kv.leases.revoke(ID as LeaseId)),
  }));
}
