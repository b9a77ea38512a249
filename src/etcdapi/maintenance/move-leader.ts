import type { MemberId } from "../../base/index.ts";
import { etcdserverpb } from "../../wire/index.ts";
import { type Method, unary } from "../method.ts";

/** Answered by the leader only; clients ask the member that leads. */
export function moveLeaderMethod(moveLeader: (to: MemberId) => Promise<void>): Method {
  return unary(etcdserverpb.MaintenanceService.MoveLeader, async ({ targetID }) => {
    await moveLeader(targetID as MemberId);
    return {};
  });
}
