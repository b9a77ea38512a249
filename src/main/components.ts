import { selectControllers } from "../controllers/index.ts";
import type { ComponentHealth } from "../registry/index.ts";
import type { BackingStore } from "./stores/backing-store.ts";

const schedulerName = "default-scheduler";

/** How the parts of this member are, under the names that ComponentStatuses have upstream. */
export function componentsOf(store: BackingStore, controllers: string): readonly ComponentHealth[] {
  const names = selectControllers(controllers).map(({ name }) => name);
  const off = (runs: boolean): string | undefined => (runs ? undefined : "it does not run on this member");
  return [
    { name: "controller-manager", problem: off(names.some((name) => name !== schedulerName)) },
    { name: "scheduler", problem: off(names.includes(schedulerName)) },
    { name: "etcd-0", problem: store.problem() },
  ];
}
