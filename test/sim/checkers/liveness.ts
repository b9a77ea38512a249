import { allKeys } from "../clients.ts";
import type { SimCluster } from "../cluster.ts";
import type { Model } from "../model.ts";
import type { Operator } from "../operator.ts";
import type { Watcher } from "../watchers.ts";
import type { History } from "./strict-serializability.ts";

/** Milliseconds that a cluster without faults may take for each step. */
const calmMs = 60_000;

/**
 * Liveness: without faults every member comes up on a sound disk, follows one leader, answers, and has the same; every watch has its
 * events, every lease its end.
 */
export async function mustSettle(
  cluster: SimCluster,
  model: Model,
  operator: Operator,
  history: History,
  watchers: readonly Watcher[],
): Promise<void> {
  const { world } = cluster;
  const states = (): string =>
    cluster.machines
      .filter(({ held }) => !held)
      .map(({ name, lastError, life }) => `${name} ${life ? "runs" : (lastError?.message ?? "is down")}`)
      .join("; ");
  if (!(await operator.finish(2 * calmMs)))
    throw new Error(`liveness: the cluster could not be repaired after the faults stopped: ${states()}`);
  const isUp = await world.until(() => {
    const leaders = new Set(cluster.members.map(({ replica }) => replica?.status().leader ?? 0n));
    return leaders.size === 1 && !leaders.has(0n);
  }, calmMs);
  if (!isUp)
    throw new Error(`liveness: no leader that all follow ${calmMs} ms after the faults stopped: ${states()}`);
  if (!(await world.until(() => model.leases.size === 0, calmMs)))
    throw new Error(`liveness: leases ${[...model.leases.keys()].join()} do not end`);
  const revisions: number[] = [];
  for (const { replica, name } of cluster.members) {
    if (replica === undefined) throw new Error(`liveness: ${name} has gone again`);
    const request = history.begin();
    const answer = await replica.range(allKeys);
    history.read(request, allKeys, answer);
    revisions.push(answer.header.revision);
  }
  const last = Math.max(...revisions);
  for (const watcher of watchers)
    if (!(await watcher.finish(last, calmMs)))
      throw new Error(`liveness: a watch has not seen revision ${last}`);
}
