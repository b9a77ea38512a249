import type { Kv } from "../../kv/index.ts";
import { v3lockpb } from "../../wire/index.ts";
import { throughClient } from "../concurrency/session.ts";
import { emptyKey } from "../errors.ts";
import { headerOf } from "../header.ts";
import { type Method, unary } from "../method.ts";

/** Whoever knows the key may unlock; a key that is gone is fine. */
export function unlockMethod(kv: Kv): Method {
  return unary(v3lockpb.LockService.Unlock, ({ key }) =>
    throughClient(async () => {
      if (key.length === 0) throw emptyKey();
      const { header } = await kv.txn({ compare: [], success: [{ type: "delete", key }], failure: [] });
      return { header: headerOf(header) };
    }),
  );
}
