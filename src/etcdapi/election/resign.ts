import type { Kv } from "../../kv/index.ts";
import { v3electionpb } from "../../wire/index.ts";
import { ifStillClaimed } from "../concurrency/claim.ts";
import { throughClient } from "../concurrency/session.ts";
import { headerOf } from "../header.ts";
import { type Method, unary } from "../method.ts";
import { leaderKeyOf } from "./leader-key.ts";

/** Lets the next one lead. Who does not lead any more has nothing to give up, which is fine. */
export function resignMethod(kv: Kv): Method {
  return unary(v3electionpb.ElectionService.Resign, (request) =>
    throughClient(async () => {
      const { header } = await ifStillClaimed(kv, leaderKeyOf(request), "delete");
      return { header: headerOf(header) };
    }),
  );
}
