import type { KubeObject } from "../apimachinery/index.ts";
import type { Informer } from "../client/index.ts";
import { addOwnerIndex, controllerOf } from "./owners.ts";
import type { Expectations } from "./replicaset/expectations.ts";
import { isTerminating } from "./resources.ts";

/**
 * Wakes an owner when one of its pods comes, changes or goes, and those that may adopt when a pod without an owner does.
 * `expectations` learn what was seen.
 */
export function watchOwnedPods(options: {
  readonly pods: Informer;
  readonly owners: Informer;
  readonly kind: string;
  readonly selects: (owner: KubeObject, labels: Record<string, string> | undefined) => boolean;
  readonly wake: (owner: KubeObject) => void;
  readonly expectations?: Expectations;
}): void {
  const { pods, owners, kind, selects, wake, expectations } = options;
  addOwnerIndex(pods);

  function ownerOf(pod: KubeObject): KubeObject | undefined {
    const reference = controllerOf(pod);
    if (reference?.kind !== kind) return undefined;
    const owner = owners.lister.get(pod.metadata.namespace, reference.name);
    return owner?.metadata.uid === reference.uid ? owner : undefined;
  }

  function changed(pod: KubeObject): void {
    const owner = ownerOf(pod);
    if (owner !== undefined) return wake(owner);
    if (controllerOf(pod) !== undefined || isTerminating(pod)) return;
    for (const candidate of owners.lister.list(pod.metadata.namespace ?? "")) {
      if (selects(candidate, pod.metadata.labels)) wake(candidate);
    }
  }

  function gone(pod: KubeObject): void {
    const owner = controllerOf(pod);
    if (owner !== undefined) expectations?.deleted(owner.uid, pod.metadata.uid as string);
  }

  pods.addHandler({
    add(pod) {
      const owner = controllerOf(pod);
      if (isTerminating(pod)) gone(pod);
      else if (owner !== undefined) expectations?.created(owner.uid);
      changed(pod);
    },
    update(pod, old) {
      if (isTerminating(pod)) gone(pod);
      const former = ownerOf(old);
      if (former !== undefined && controllerOf(pod)?.uid !== former.metadata.uid) wake(former);
      changed(pod);
    },
    delete(pod) {
      gone(pod);
      changed(pod);
    },
  });
}
