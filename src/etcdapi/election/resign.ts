import type { Kv } from "../../kv/index.ts";
import { v3electionpb } from "../../wire/index.ts";
import { ifStillClaimed } from "../concurrency/claim.ts";
import { sessionLease, throughClient } from "../concurrency/session.ts";
import { emptyKey } from "../errors.ts";
import { headerOf } from "../header.ts";
import { type Method, unary } from "../method.ts";
import { leaderKeyOf } from "./leader-key.ts";

/** Lets the next one lead. Who does not lead any more has nothing to give up, which is fine. */
export function resignMethod(kv: Kv): Method {
  return unary(v3electionpb.ElectionService.Resign, (request) =>
    throughClient(async () => {
      const leader = leaderKeyOf(request);
      // Of no use here, but etcd opens one all the same: whoever may have no lease may not resign without one.
      await sessionLease(kv, leader.lease);
      if (leader.key.length === 0) throw emptyKey();
      const { header } = await ifStillClaimed(kv, leader, "delete");
      return { header: headerOf(header) };
    }),
  );
}
