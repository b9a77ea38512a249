import { equalBytes } from "../../base/index.ts";
import type { Kv } from "../../kv/index.ts";
import { v3electionpb } from "../../wire/index.ts";
import { ifStillClaimed, makeClaim, waitForTurn, withdraw } from "../concurrency/claim.ts";
import { sessionLease, throughClient } from "../concurrency/session.ts";
import { headerOf } from "../header.ts";
import { type Method, waiting } from "../method.ts";
import { notLeader } from "./leader-key.ts";

/** Answers when the caller leads, however long that takes. A caller that goes away before does not stand any more. */
export function campaignMethod(kv: Kv): Method {
  return waiting(v3electionpb.ElectionService.Campaign, ({ name, lease, value }, signal) =>
    throughClient(async () => {
      const claim = await makeClaim(kv, { name, lease: await sessionLease(kv, lease), value });
      if (!equalBytes(claim.value, value)) {
        // It stood already, for something else.
        try {
          const { succeeded } = await ifStillClaimed(kv, claim, { value, lease: claim.lease });
          if (!succeeded) throw notLeader();
        } catch (thrown) {
          await withdraw(kv, claim);
          throw thrown;
        }
      }
      await waitForTurn(kv, claim, signal);
      return {
        header: headerOf(claim.header),
        leader: { name, key: claim.key, rev: claim.createRevision, lease: claim.lease },
      };
    }),
  );
}
