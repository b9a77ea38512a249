import type { LeaseId } from "../../base/index.ts";
import type { Kv } from "../../kv/index.ts";
import { etcdserverpb } from "../../wire/index.ts";
import { headerOf } from "../header.ts";
import { type Method, unary } from "../method.ts";

/** A lease that does not exist has -1 seconds left; that is no error. */
export function timeToLiveMethod(kv: Kv): Method {
  return unary(etcdserverpb.LeaseService.LeaseTimeToLive, async ({ ID, keys }) => {
    const { header, lease } = await kv.leases.timeToLive(ID as LeaseId, { keys });
    if (lease === undefined) return { header: headerOf(header), ID, TTL: -1 };
    return {
      header: headerOf(header),
      ID,
      TTL: lease.ttlSeconds,
      grantedTTL: lease.grantedTtlSeconds,
      keys: keys ? lease.keys : [],
    };
  });
}
