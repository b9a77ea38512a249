import { type KubeObject, parseTime } from "../../apimachinery/index.ts";
import { conditionOf, createdMs } from "../pods.ts";

interface ContainerStatus {
  name: string;
  state?: { terminated?: { finishedAt?: string } };
}

/**
 * When a pod ended, milliseconds since 1970: when its last container did, or it stopped being ready, or it was deleted, or else, as nothing
 * better is known, when it was made.
 */
export function finishedMs(pod: KubeObject): number {
  return ofContainers(pod) ?? unreadySince(pod) ?? deletedAt(pod) ?? createdMs(pod);
}

/** Undefined while one of them runs. */
function ofContainers({ spec, status }: KubeObject): number | undefined {
  const sidecars = new Set(
    ((spec?.initContainers ?? []) as { name: string; restartPolicy?: string }[])
      .filter(({ restartPolicy }) => restartPolicy === "Always")
      .map(({ name }) => name),
  );
  const statuses = [
    ...((status?.containerStatuses ?? []) as ContainerStatus[]),
    // They end after the others.
    ...((status?.initContainerStatuses ?? []) as ContainerStatus[]).filter(({ name }) => sidecars.has(name)),
  ];
  const ends = statuses.map(({ state }) => parseTime(state?.terminated?.finishedAt ?? ""));
  if (ends.length === 0 || ends.includes(undefined)) return undefined;
  return Math.max(...(ends as number[]));
}

function unreadySince(pod: KubeObject): number | undefined {
  const ready = conditionOf(pod, "Ready");
  return ready?.status === "False" ? parseTime(ready.lastTransitionTime ?? "") : undefined;
}

function deletedAt({ metadata }: KubeObject): number | undefined {
  const goneMs = parseTime(metadata.deletionTimestamp ?? "");
  const graceSeconds: number = metadata.deletionGracePeriodSeconds ?? 0;
  return goneMs === undefined ? undefined : goneMs - graceSeconds * 1_000;
}
