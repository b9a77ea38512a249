import type { Kv } from "../../kv/index.ts";
import { etcdserverpb } from "../../wire/index.ts";
import { headerOf } from "../header.ts";
import { type Method, unary } from "../method.ts";

export function leasesMethod(kv: Kv): Method {
  return unary(etcdserverpb.LeaseService.LeaseLeases, async () => {
    const { header, ids } = await kv.leases.list();
    return { header: headerOf(header), leases: ids.map((ID) => ({ ID })) };
  });
}
