import { type KubeObject, selectorFromObject } from "../../apimachinery/index.ts";
import { createWorkqueue, keyOf, splitKey } from "../../client/index.ts";
import type { ControllerContext, ControllerDescriptor } from "../context.ts";
import { workUntil } from "../lifecycle.ts";
import { OwnWrites } from "../own-writes.ts";
import { addOwnerIndex, claim, controllerOf, controllerReference, ownedBy } from "../owners.ts";
import { deployments, inNamespace, isTerminating, pods as podResource, replicaSets } from "../resources.ts";
import { isRollingUpdate } from "./limits.ts";
import { Rollout } from "./rollout.ts";
import { deadlineInMs, isComplete } from "./status.ts";

/** Rolls Deployments out: see rollout.ts. */
export const deploymentController: ControllerDescriptor = {
  name: "deployment-controller",
  aliases: ["deployment"],
  create,
};

const kind = "Deployment";

function create(context: ControllerContext): { run(): Promise<void> } {
  const { client, clock, log, signal } = context;
  const owners = context.informers.informer(deployments);
  const sets = context.informers.informer(replicaSets);
  const pods = context.informers.informer(podResource);
  addOwnerIndex(sets);
  addOwnerIndex(pods);
  const recorder = context.recorder("deployment-controller");
  const written = new OwnWrites();
  const queue = createWorkqueue({ name: kind, clock, log, process: reconcile });

  owners.addHandler({
    add: (deployment) => queue.add(keyOf(deployment)),
    update: (deployment) => queue.add(keyOf(deployment)),
    delete: (deployment) => written.forget(deployment),
  });
  sets.addHandler({
    add: wakeOwner,
    update(set, old) {
      if (controllerOf(set)?.uid !== controllerOf(old)?.uid) wakeOwner(old);
      wakeOwner(set);
    },
    delete(set) {
      written.forget(set);
      wakeOwner(set);
    },
  });
  pods.addHandler({
    // A Recreate rollout goes on when the last old pod is gone, which no ReplicaSet's status tells.
    delete(pod) {
      const reference = controllerOf(pod);
      if (reference?.kind !== "ReplicaSet") return;
      const set = sets.lister.get(pod.metadata.namespace, reference.name);
      const owner = set === undefined ? undefined : ownerOf(set);
      if (owner !== undefined && !isRollingUpdate(owner)) queue.add(keyOf(owner));
    },
  });

  function ownerOf(set: KubeObject): KubeObject | undefined {
    const reference = controllerOf(set);
    if (reference?.kind !== kind) return undefined;
    const owner = owners.lister.get(set.metadata.namespace, reference.name);
    return owner?.metadata.uid === reference.uid ? owner : undefined;
  }

  function wakeOwner(set: KubeObject): void {
    const owner = ownerOf(set);
    if (owner !== undefined) queue.add(keyOf(owner));
    if (owner !== undefined || controllerOf(set) !== undefined || isTerminating(set)) return;
    for (const candidate of owners.lister.list(set.metadata.namespace ?? "")) {
      if (selectorOf(candidate)(set.metadata.labels)) queue.add(keyOf(candidate));
    }
  }

  async function reconcile(key: string): Promise<void> {
    const { namespace, name } = splitKey(key);
    const deployment = owners.lister.getByKey(key);
    if (deployment === undefined || written.isBehind(deployment)) return;
    if (selectorFromObject(deployment.spec.selector).empty) {
      const message = "This deployment is selecting all pods. A non-empty selector is required.";
      recorder.event(deployment, "Warning", "SelectingAll", message);
      return;
    }
    const owned = await claim({
      client,
      informer: sets,
      scope: inNamespace(replicaSets, namespace),
      owner: deployment,
      reference: controllerReference(deployment, "apps/v1", kind),
      matches: selectorOf(deployment),
      freshOwner: () => client.get(inNamespace(deployments, namespace), name),
    });
    // The informer of ReplicaSets wakes this Deployment when it has caught up.
    if (owned.some((set) => written.isBehind(set))) return;
    const rollout = new Rollout({ client, clock, recorder, written }, deployment, owned);
    await rollout.run((uid) => ownedBy(pods, uid));
    const { status } = rollout.deployment;
    const left = isComplete(rollout.deployment, status)
      ? undefined
      : deadlineInMs(rollout.deployment, status, clock.now());
    // One second more, since timestamps have whole seconds.
    if (left !== undefined && left >= 0) queue.addAfter(key, left + 1_000);
  }

  return { run: () => workUntil(signal, queue) };
}

function selectorOf(deployment: KubeObject): (labels: Record<string, string> | undefined) => boolean {
  const selector = selectorFromObject(deployment.spec?.selector);
  return (labels) => !selector.empty && selector.matches(labels);
}
