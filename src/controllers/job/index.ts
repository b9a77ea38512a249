/**
 * Runs pods to completion: k8s.io/kubernetes/pkg/controller/job.
 *
 * Every pod that ended is counted once, whatever crashes when. Pods carry a finalizer, so that none disappears uncounted; a
 * round first writes the uids of the ended ones into `status.uncountedTerminatedPods` beside the counts so far, then takes
 * their finalizers off, and the round that sees them without it moves them from the list into the counts.
 */
import { formatTime, type KubeObject, parseTime, selectorFromObject } from "../../apimachinery/index.ts";
import { createWorkqueue, keyOf, splitKey } from "../../client/index.ts";
import type { ControllerContext, ControllerDescriptor } from "../context.ts";
import { workUntil } from "../lifecycle.ts";
import { OwnWrites } from "../own-writes.ts";
import { watchOwnedPods } from "../owned-pods.ts";
import { claim, controllerReference, isNotFound } from "../owners.ts";
import { conditionOf, isPodActive, isPodReady, isPodTerminal } from "../pods.ts";
import { Expectations } from "../replicaset/expectations.ts";
import { inNamespace, isTerminating, jobs as jobResource, pods as podResource } from "../resources.ts";
import { failedPods, PodBackoff, refusedPods } from "./backoff.ts";
import { finish, isFinished, setCondition, verdictOf } from "./conditions.ts";
import { replacesOnlyFailed } from "./failure-policy.ts";
import { completionIndexOf, formatIndexes } from "./indexes.ts";
import { createJobPods } from "./job-pods.ts";
import { hasTracking, type JobStatus, type Tally, tally, withoutTracking } from "./tally.ts";

export const jobController: ControllerDescriptor = {
  name: "job-controller",
  aliases: ["job"],
  create,
};

/** Pods made in one round at most. */
const burstPods = 500;

function create(context: ControllerContext): { run(): Promise<void> } {
  const { client, clock, log, signal } = context;
  const jobs = context.informers.informer(jobResource);
  const pods = context.informers.informer(podResource);
  const recorder = context.recorder("job-controller");
  const expectations = new Expectations(clock);
  const written = new OwnWrites();
  const backoff = new PodBackoff(failedPods);
  const refusals = new PodBackoff(refusedPods);
  const queue = createWorkqueue({ name: "jobs", clock, log, process: reconcile });

  jobs.addHandler({
    add: (job) => queue.add(keyOf(job)),
    update: (job) => queue.add(keyOf(job)),
    delete(job) {
      const uid = job.metadata.uid as string;
      expectations.forget(uid);
      backoff.forget(uid);
      refusals.forget(uid);
      written.forget(job);
    },
  });
  watchOwnedPods({
    pods,
    owners: jobs,
    kind: "Job",
    selects: (job, labels) => selectorOf(job)(labels),
    wake: (job) => queue.add(keyOf(job)),
    expectations,
  });
  // A pod whose Job is gone must not be held by its finalizer.
  pods.addHandler({
    add: (pod) => orphanQueue.add(keyOf(pod)),
    update: (pod) => orphanQueue.add(keyOf(pod)),
  });
  const orphanQueue = createWorkqueue({ name: "pods of lost jobs", clock, log, process: releaseOrphan });

  async function releaseOrphan(key: string): Promise<void> {
    const pod = pods.lister.getByKey(key);
    if (pod === undefined || !hasTracking(pod)) return;
    const { namespace } = splitKey(key);
    const reference = pod.metadata.ownerReferences?.find(({ kind }) => kind === "Job");
    if (reference !== undefined) {
      if (jobs.lister.get(namespace, reference.name)?.metadata.uid === reference.uid) return;
      try {
        const job = await client.get(inNamespace(jobResource, namespace), reference.name);
        if (job.metadata.uid === reference.uid) return;
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
    await removeTracking(pod);
  }

  async function removeTracking(pod: KubeObject): Promise<void> {
    const scope = inNamespace(podResource, pod.metadata.namespace);
    try {
      await client.patch(scope, pod.metadata.name as string, {
        type: "merge",
        body: { metadata: { uid: pod.metadata.uid, finalizers: withoutTracking(pod) } },
      });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async function reconcile(key: string): Promise<void> {
    const { namespace, name } = splitKey(key);
    const job = jobs.lister.getByKey(key);
    if (job === undefined || written.isBehind(job)) return;
    if ((job.spec.managedBy ?? ownName) !== ownName) return;
    const scope = inNamespace(jobResource, namespace);
    const owned = await claim({
      client,
      informer: pods,
      scope: inNamespace(podResource, namespace),
      owner: job,
      reference: controllerReference(job, "batch/v1", "Job"),
      matches: selectorOf(job),
      adoptable: isPodActive,
      freshOwner: () => client.get(scope, name),
    });
    if (isFinished(job)) {
      await Promise.all(owned.filter(hasTracking).map(removeTracking));
      return;
    }
    const nowMs = clock.now();
    const counted = tally(job, owned);
    const { status } = counted;
    if (counted.newFailures > 0 || counted.newSuccesses > 0) {
      backoff.record(job.metadata.uid as string, counted, clock.monotonic());
    }
    const suspended: boolean = job.spec.suspend === true;
    if (status.startTime === undefined && !suspended) status.startTime = formatTime(nowMs);
    const active = owned.filter(isPodActive);
    const verdict = verdictOf(job, status, counted, active.length, nowMs);
    if (verdict !== undefined) setCondition(status, verdict.target, verdict, nowMs);
    const deciding = verdict !== undefined;
    if (!deciding) followSuspension(job, status, suspended, nowMs);
    const moving =
      !expectations.fulfilled(job.metadata.uid as string) || isTerminating(job)
        ? Promise.resolve()
        : deciding || suspended
          ? deletePods(job, active)
          : scale(key, job, owned, active, counted);
    // What is known is written also when pods are refused.
    const [moved] = await Promise.allSettled([moving]);
    report(status, owned, deciding || suspended, job.spec.completionMode === "Indexed" ? counted : undefined);
    // Which indexes failed is said from the beginning where indexes may.
    if (job.spec.backoffLimitPerIndex !== undefined) status.failedIndexes ??= "";
    const waiting = owned.some((pod) => hasTracking(pod)) || counted.uncounted;
    if (verdict !== undefined && !waiting && owned.every(isPodTerminal)) {
      finish(status, verdict, nowMs);
      const { type, reason, message } = verdict;
      if (type === "Complete") recorder.event(job, "Normal", "Completed", "Job completed");
      else recorder.event(job, "Warning", reason, message);
    }
    await writeStatus(job, status);
    await Promise.all(counted.toRelease.map(removeTracking));
    wakeForDeadline(key, job, status, nowMs);
    if (moved.status === "rejected") throw moved.reason;
  }

  function followSuspension(job: KubeObject, status: JobStatus, suspended: boolean, nowMs: number): void {
    const wasSuspended = conditionOf(job, "Suspended")?.status === "True";
    if (suspended && !wasSuspended) {
      setCondition(status, "Suspended", { reason: "JobSuspended", message: "Job suspended" }, nowMs);
      recorder.event(job, "Normal", "Suspended", "Job suspended");
    }
    if (!suspended && wasSuspended) {
      setCondition(
        status,
        "Suspended",
        { reason: "JobResumed", message: "Job resumed", status: "False" },
        nowMs,
      );
      recorder.event(job, "Normal", "Resumed", "Job resumed");
      // The deadline counts from here.
      status.startTime = formatTime(nowMs);
    }
  }

  function report(
    status: JobStatus,
    owned: readonly KubeObject[],
    stopping: boolean,
    indexed: Tally | undefined,
  ): void {
    const active = stopping ? [] : owned.filter(isPodActive);
    if (active.length > 0) status.active = active.length;
    else delete status.active;
    status.ready = active.filter(isPodReady).length;
    status.terminating = owned.filter((pod) => isTerminating(pod) && !isPodTerminal(pod)).length;
    if (indexed === undefined) return;
    const { succeededIndexes, failedIndexes } = indexed;
    if (succeededIndexes.size > 0) status.completedIndexes = formatIndexes(succeededIndexes);
    if (failedIndexes.size > 0) status.failedIndexes = formatIndexes(failedIndexes);
  }

  async function writeStatus(job: KubeObject, status: JobStatus): Promise<void> {
    if (JSON.stringify(sortedKeys(job.status ?? {})) === JSON.stringify(sortedKeys(status))) return;
    const scope = inNamespace(jobResource, job.metadata.namespace);
    written.note(await client.update(scope, { ...job, status: { ...status } }, "status"));
  }

  function wakeForDeadline(key: string, job: KubeObject, status: JobStatus, nowMs: number): void {
    const seconds: number | undefined = job.spec.activeDeadlineSeconds;
    if (seconds === undefined || status.startTime === undefined) return;
    const left = (parseTime(status.startTime) ?? nowMs) + seconds * 1_000 - nowMs;
    if (left > 0) queue.addAfter(key, left + 1);
  }

  async function deletePods(job: KubeObject, leaving: readonly KubeObject[]): Promise<void> {
    const scope = inNamespace(podResource, job.metadata.namespace);
    const uid = job.metadata.uid as string;
    expectations.expectDeletions(
      uid,
      leaving.map((pod) => pod.metadata.uid as string),
    );
    for (const pod of leaving) {
      const name = pod.metadata.name as string;
      try {
        if (hasTracking(pod)) await removeTracking(pod);
        await client.delete(scope, name, { preconditions: { uid: pod.metadata.uid as string } });
        recorder.event(job, "Normal", "SuccessfulDelete", `Deleted pod: ${name}`);
      } catch (error) {
        expectations.deleted(uid, pod.metadata.uid as string);
        if (!isNotFound(error)) throw error;
      }
    }
  }

  async function scale(
    key: string,
    job: KubeObject,
    owned: readonly KubeObject[],
    active: readonly KubeObject[],
    { succeededIndexes, failedIndexes, succeeded }: Tally,
  ): Promise<void> {
    const parallelism: number = job.spec.parallelism ?? 1;
    const completions: number | undefined = job.spec.completions;
    // Without a number of completions the first success means that the work runs out: no new pods.
    const wanted =
      completions === undefined
        ? succeeded > 0
          ? Math.min(active.length, parallelism)
          : parallelism
        : Math.min(parallelism, Math.max(0, completions - succeeded));
    if (active.length > wanted) {
      await deletePods(job, [...active].sort(unreadyFirst).slice(0, active.length - wanted));
      return;
    }
    const leaving = replacesOnlyFailed(job)
      ? owned.filter((pod) => isTerminating(pod) && !isPodTerminal(pod))
      : [];
    let missing = Math.min(wanted - active.length - leaving.length, burstPods);
    if (missing <= 0) return;
    const uid = job.metadata.uid as string;
    const waitMs = Math.max(backoff.waitMs(uid, clock.monotonic()), refusals.waitMs(uid, clock.monotonic()));
    if (waitMs > 0) return queue.addAfter(key, waitMs);
    let indexes: number[] | undefined;
    if (job.spec.completionMode === "Indexed") {
      const taken = new Set([...active, ...leaving].map(completionIndexOf));
      indexes = [];
      for (let i = 0; i < (completions ?? 0) && indexes.length < missing; i++) {
        if (!taken.has(i) && !succeededIndexes.has(i) && !failedIndexes.has(i)) indexes.push(i);
      }
      missing = indexes.length;
    }
    const refused = (newFailures: number): void =>
      refusals.record(uid, { newFailures, newSuccesses: 1 - newFailures }, clock.monotonic());
    try {
      await createJobPods({ client, recorder, expectations, job, owned, count: missing, indexes });
      refused(0);
    } catch (error) {
      refused(1);
      throw error;
    }
  }

  return { run: () => workUntil(signal, queue, orphanQueue) };
}

const ownName = "kubernetes.io/job-controller";

function selectorOf(job: KubeObject): (labels: Record<string, string> | undefined) => boolean {
  const selector = selectorFromObject(job.spec?.selector);
  return (labels) => !selector.empty && selector.matches(labels);
}

function unreadyFirst(a: KubeObject, b: KubeObject): number {
  return Number(isPodReady(a)) - Number(isPodReady(b));
}

function sortedKeys(status: object): [string, unknown][] {
  return Object.entries(status).sort(([a], [b]) => (a < b ? -1 : 1));
}
