import type { Kv } from "../../kv/index.ts";
import { v3electionpb } from "../../wire/index.ts";
import { ifStillClaimed } from "../concurrency/claim.ts";
import { sessionLease, throughClient } from "../concurrency/session.ts";
import { emptyKey } from "../errors.ts";
import { headerOf } from "../header.ts";
import { type Method, unary } from "../method.ts";
import { leaderKeyOf, notLeader } from "./leader-key.ts";

/** The leader says something new without standing again. */
export function proclaimMethod(kv: Kv): Method {
  return unary(v3electionpb.ElectionService.Proclaim, (request) =>
    throughClient(async () => {
      const leader = leaderKeyOf(request);
      const lease = await sessionLease(kv, leader.lease);
      if (leader.key.length === 0) throw emptyKey();
      const { header, succeeded } = await ifStillClaimed(kv, leader, { value: request.value, lease });
      if (!succeeded) throw notLeader();
      return { header: headerOf(header) };
    }),
  );
}
