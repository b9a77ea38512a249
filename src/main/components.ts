import { noMember } from "../base/index.ts";
import { selectControllers } from "../controllers/index.ts";
import type { ComponentHealth } from "../registry/index.ts";
import type { Replica } from "../replica/index.ts";

const schedulerName = "default-scheduler";

/** How the parts of this member are, under the names that ComponentStatuses have upstream. */
export function componentsOf(replica: Replica, controllers: string): readonly ComponentHealth[] {
  const names = selectControllers(controllers).map(({ name }) => name);
  const off = (runs: boolean): string | undefined => (runs ? undefined : "it does not run on this member");
  return [
    { name: "controller-manager", problem: off(names.some((name) => name !== schedulerName)) },
    { name: "scheduler", problem: off(names.includes(schedulerName)) },
    { name: "etcd-0", problem: leaderProblem(replica) },
  ];
}

/** Undefined: the store has a leader. */
export function leaderProblem(replica: Replica): string | undefined {
  return replica.status().leader === noMember ? "the store has no leader" : undefined;
}
