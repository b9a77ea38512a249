import { type KubeObject, parseTime } from "../../apimachinery/index.ts";
import { createWorkqueue, keyOf, splitKey } from "../../client/index.ts";
import type { ControllerContext, ControllerDescriptor } from "../context.ts";
import { workUntil } from "../lifecycle.ts";
import { isConflict, isNotFound } from "../owners.ts";
import { conditionOf } from "../pods.ts";
import { inNamespace, isTerminating, jobs as jobResource } from "../resources.ts";

/** Deletes Jobs that finished `ttlSecondsAfterFinished` ago: pkg/controller/ttlafterfinished. */
export const ttlAfterFinishedController: ControllerDescriptor = {
  name: "ttl-after-finished-controller",
  aliases: ["ttl-after-finished"],
  create,
};

function create(context: ControllerContext): { run(): Promise<void> } {
  const { client, clock, log, signal } = context;
  const jobs = context.informers.informer(jobResource);
  const queue = createWorkqueue({ name: "finished jobs", clock, log, process: reconcile });
  jobs.addHandler({
    add: (job) => queue.add(keyOf(job)),
    update: (job) => queue.add(keyOf(job)),
  });

  async function reconcile(key: string): Promise<void> {
    const job = jobs.lister.getByKey(key);
    if (job === undefined || isTerminating(job)) return;
    const dueMs = expiresAtMs(job);
    if (dueMs === undefined) return;
    const left = dueMs - clock.now();
    if (left > 0) return queue.addAfter(key, left);
    const { namespace, name } = splitKey(key);
    const { uid = "", resourceVersion = "" } = job.metadata;
    try {
      await client.delete(inNamespace(jobResource, namespace), name, {
        propagationPolicy: "Foreground",
        preconditions: { uid, resourceVersion },
      });
    } catch (error) {
      // Changed meanwhile: the change wakes it again.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }

  return { run: () => workUntil(signal, queue) };
}

function expiresAtMs(job: KubeObject): number | undefined {
  const seconds: number | undefined = job.spec?.ttlSecondsAfterFinished;
  if (seconds === undefined) return undefined;
  const end = ["Complete", "Failed"]
    .map((type) => conditionOf(job, type))
    .find((condition) => condition?.status === "True");
  const endedMs = parseTime(end?.lastTransitionTime ?? "");
  return endedMs === undefined ? undefined : endedMs + seconds * 1_000;
}
