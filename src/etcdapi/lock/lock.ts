import { emptyBytes } from "../../base/index.ts";
import type { Header, Kv } from "../../kv/index.ts";
import { v3lockpb } from "../../wire/index.ts";
import { type Claim, makeClaim, waitForTurn, withdraw } from "../concurrency/claim.ts";
import { sessionLease, throughClient } from "../concurrency/session.ts";
import { code, RpcError } from "../errors.ts";
import { headerOf } from "../header.ts";
import { type Method, waiting } from "../method.ts";

/** Answers when the caller holds the lock, however long that takes. A caller that goes away before does not take it. */
export function lockMethod(kv: Kv): Method {
  return waiting(v3lockpb.LockService.Lock, ({ name, lease }, signal) =>
    throughClient(async () => {
      const claim = await makeClaim(kv, { name, lease: await sessionLease(kv, lease), value: emptyBytes });
      await waitForTurn(kv, claim, signal);
      const header = claim.first ? claim.header : await confirmed(kv, claim);
      return { header: headerOf(header), key: claim.key };
    }),
  );
}

/** The lease may have ended during the wait, and the key with it. @throws RpcError, KvError */
async function confirmed(kv: Kv, claim: Claim): Promise<Header> {
  try {
    const { header, kvs } = await kv.range({ key: claim.key });
    if (kvs[0]?.createRevision === claim.createRevision) return header;
  } catch (thrown) {
    await withdraw(kv, claim);
    throw thrown;
  }
  throw new RpcError(code.unknown, "mutex: session is expired");
}
