/**
 * Runs pods to completion: k8s.io/kubernetes/pkg/controller/job.
 *
 * Every pod that ended is counted once, whatever crashes when. Pods carry a finalizer, so that none disappears uncounted; a
 * round first writes the uids of the ended ones into `status.uncountedTerminatedPods` beside the counts so far, then takes
 * their finalizers off, and then moves them from the list into the counts. The next round does whatever of that is left.
 */
import { formatTime, type KubeObject, parseTime, selectorFromObject } from "../../apimachinery/index.ts";
import { createWorkqueue, errorText, keyOf, splitKey } from "../../client/index.ts";
import type { ControllerContext, ControllerDescriptor } from "../context.ts";
import { workUntil } from "../lifecycle.ts";
import { OwnWrites } from "../own-writes.ts";
import { watchOwnedPods } from "../owned-pods.ts";
import { claim, controllerOf, controllerReference, isNotFound } from "../owners.ts";
import { conditionOf, isPodActive, isPodReady, isPodTerminal } from "../pods.ts";
import { Expectations } from "../replicaset/expectations.ts";
import { inNamespace, isTerminating, jobs as jobResource, pods as podResource } from "../resources.ts";
import { indexWaitMs, PodFailures, PodRefusals } from "./backoff.ts";
import { completionOf, finish, isFinished, setCondition, type Verdict, verdictOf } from "./conditions.ts";
import { indexFailures, replacesOnlyFailed } from "./failure-policy.ts";
import { firstPending, indexesOf, isIndexed } from "./indexes.ts";
import { createJobPods } from "./job-pods.ts";
import { podsToRemove } from "./removal.ts";
import { hasTracking, type JobStatus, type Tally, tally, trackingFinalizers } from "./tally.ts";
import { countReleased, hasUncounted, listEnded, setCount } from "./tracking.ts";

export const jobController: ControllerDescriptor = {
  name: "job-controller",
  aliases: ["job"],
  create,
};

/** Pods made or deleted in one round at most. */
const burstPods = 500;

/** A pod that waits does so at least so long. */
const shortestWaitMs = 1_000;

/** What the status is to say of the pods that have not ended. */
interface Counts {
  active: number;
  ready: number;
  terminating: number;
}

interface Round {
  readonly key: string;
  readonly job: KubeObject;
  readonly active: readonly KubeObject[];
  readonly counted: Tally;
  /** Kept true while pods are made and deleted. */
  readonly counts: Counts;
  /** Until the next pod may come after those that failed. */
  readonly backoffMs: number;
}

interface Places {
  readonly waitMs: number;
  readonly count: number;
  readonly indexes?: readonly number[];
}

function create(context: ControllerContext): { run(): Promise<void> } {
  const { client, clock, log, signal } = context;
  const jobs = context.informers.informer(jobResource);
  const pods = context.informers.informer(podResource);
  const recorder = context.recorder("job-controller");
  const expectations = new Expectations(clock);
  const written = new OwnWrites();
  const failures = new PodFailures();
  const refusals = new PodRefusals();
  /** Uids of pods whose finalizer was taken off, until the informer shows that. */
  const released = new Set<string>();
  const queue = createWorkqueue({ name: "jobs", clock, log, process: reconcile });

  jobs.addHandler({
    add: (job) => queue.add(keyOf(job)),
    update: (job) => queue.add(keyOf(job)),
    delete(job) {
      const uid = job.metadata.uid as string;
      expectations.forget(uid);
      failures.forget(uid);
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
    update(pod) {
      if (!hasTracking(pod)) released.delete(pod.metadata.uid as string);
      orphanQueue.add(keyOf(pod));
    },
    delete: (pod) => released.delete(pod.metadata.uid as string),
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

  /** Takes the finalizer off; the pod counts as let go from then on, though the informer may still show it as it was. */
  async function removeTracking(pod: KubeObject): Promise<void> {
    const scope = inNamespace(podResource, pod.metadata.namespace);
    const uid = pod.metadata.uid as string;
    const deletion = { "$deleteFromPrimitiveList/finalizers": trackingFinalizers };
    try {
      const body = { metadata: { uid, ...deletion } };
      await client.patch(scope, pod.metadata.name as string, { type: "strategic", body });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    const shown = pods.lister.getByKey(keyOf(pod));
    if (shown !== undefined && hasTracking(shown)) released.add(uid);
  }

  const held = (pod: KubeObject): boolean => hasTracking(pod) && !released.has(pod.metadata.uid as string);

  async function reconcile(key: string): Promise<void> {
    const { namespace, name } = splitKey(key);
    const job = jobs.lister.getByKey(key);
    if (job === undefined || written.isBehind(job)) return;
    if ((job.spec.managedBy ?? ownName) !== ownName) return;
    const uid = job.metadata.uid as string;
    const scope = inNamespace(jobResource, namespace);
    const owned = await claim({
      client,
      informer: pods,
      scope: inNamespace(podResource, namespace),
      owner: job,
      reference: controllerReference(job, "batch/v1", "Job"),
      matches: selectorOf(job),
      adoptable: isPodActive,
      finalizers: trackingFinalizers,
      freshOwner: () => client.get(scope, name),
    });
    if (isFinished(job)) {
      failures.forget(uid);
      await Promise.all(owned.filter(held).map(removeTracking));
      return;
    }
    const nowMs = clock.now();
    const status: JobStatus = { ...job.status };
    const active = owned.filter(isPodActive);
    const counted = tally(job, owned, active, held);
    if (status.startTime === undefined && job.spec.suspend !== true) status.startTime = formatTime(nowMs);
    const { newlySucceeded, newlyFailed } = counted;
    const failed = failures.after(uid, { succeeded: newlySucceeded, failed: newlyFailed });
    const isCurrent = expectations.fulfilled(uid);
    const counts: Counts = {
      active: active.length,
      ready: active.filter(isPodReady).length,
      terminating: owned.filter((pod) => isTerminating(pod) && !isPodTerminal(pod)).length,
    };
    const round: Round = { key, job, active, counted, counts, backoffMs: failures.waitMs(failed, nowMs) };

    let verdict = verdictOf(job, status, owned, counted, nowMs);
    let problem: unknown;
    if (verdict === undefined) {
      wakeForDeadline(key, job, status, nowMs);
      const manages = isCurrent && !isTerminating(job);
      if (manages) problem = await manage(round).catch((error: unknown) => error);
      verdict = completionOf(job, counted.succeeded, counts.active);
      if (verdict === undefined && manages) followSuspension(job, status, nowMs);
    } else {
      problem = await stop(round).catch((error: unknown) => error);
      // Some may have come that the informer has not shown.
      if (counts.active > 0 || !isCurrent) verdict = undefined;
    }

    setCount(status, "active", counts.active);
    status.ready = counts.ready;
    status.terminating = counts.terminating;
    // What had its finalizer taken off in an earlier round, or is gone, counts.
    const uids = new Set(owned.filter(held).map(({ metadata }) => metadata.uid as string));
    status.uncountedTerminatedPods ??= {};
    countReleased(status, (waiting) => uids.has(waiting));
    const { release, full } = listEnded(status, { job, owned, held, counted, verdict });
    if (verdict !== undefined) setCondition(status, verdict.target, verdict, nowMs);
    const noted = await writeStatus(job, status);
    failures.remember(uid, failed);

    const letGo = await Promise.allSettled(release.map(removeTracking));
    release.forEach((pod, i) => {
      if (letGo[i]?.status === "fulfilled") uids.delete(pod.metadata.uid as string);
    });
    const next: JobStatus = structuredClone(noted.status);
    countReleased(next, (waiting) => uids.has(waiting));
    const over = verdict !== undefined && !full && !hasUncounted(next) && counts.terminating === 0;
    if (over) finish(next, verdict as Verdict, nowMs);
    const stuck = letGo.find((result) => result.status === "rejected");
    if (release.length > 0 || over) await writeStatus(noted, next);
    if (over) tellOf(job, next, verdict as Verdict);
    if (stuck !== undefined) throw stuck.reason;
    if (problem !== undefined) throw problem;
  }

  function tellOf(job: KubeObject, status: JobStatus, { type, reason, message }: Verdict): void {
    if (type === "Failed") return recorder.event(job, "Warning", reason, message);
    if ((status.succeeded ?? 0) > (job.spec.completions ?? Number.POSITIVE_INFINITY)) {
      const text = "Too many succeeded pods running after completion count reached";
      recorder.event(job, "Warning", "TooManySucceededPods", text);
    }
    recorder.event(job, "Normal", "Completed", "Job completed");
  }

  function followSuspension(job: KubeObject, status: JobStatus, nowMs: number): void {
    const suspended = job.spec.suspend === true;
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

  /** The Job as it is now. */
  async function writeStatus(job: KubeObject, status: JobStatus): Promise<KubeObject> {
    if (JSON.stringify(sortedKeys(job.status ?? {})) === JSON.stringify(sortedKeys(status))) return job;
    const scope = inNamespace(jobResource, job.metadata.namespace);
    const next = await client.update(scope, { ...job, status: { ...status } }, "status");
    written.note(next);
    return next;
  }

  function wakeForDeadline(key: string, job: KubeObject, status: JobStatus, nowMs: number): void {
    const seconds: number | undefined = job.spec.activeDeadlineSeconds;
    if (seconds === undefined || status.startTime === undefined || job.spec.suspend === true) return;
    const left = (parseTime(status.startTime) ?? nowMs) + seconds * 1_000 - nowMs;
    if (left > 0) queue.addAfter(key, left + 1);
  }

  /** The Job is decided: nobody works on it any more. Their finalizers go when they are counted. */
  async function stop({ job, active, counts }: Round): Promise<void> {
    for (const pod of active) await deletePod(job, pod, counts);
  }

  /** Pods that are too many, and were not to be counted. */
  async function remove({ job, counts }: Round, leaving: readonly KubeObject[]): Promise<void> {
    const uid = job.metadata.uid as string;
    expectations.expectDeletions(
      uid,
      leaving.map((pod) => pod.metadata.uid as string),
    );
    for (const pod of leaving) {
      try {
        if (hasTracking(pod)) await removeTracking(pod);
        await deletePod(job, pod, counts);
      } catch (error) {
        expectations.deleted(uid, pod.metadata.uid as string);
        throw error;
      }
    }
  }

  async function deletePod(job: KubeObject, pod: KubeObject, counts: Counts): Promise<void> {
    const { namespace, name = "", uid = "" } = pod.metadata;
    try {
      await client.delete(inNamespace(podResource, namespace), name, { preconditions: { uid } });
      recorder.event(job, "Normal", "SuccessfulDelete", `Deleted pod: ${name}`);
    } catch (error) {
      if (!isNotFound(error)) {
        recorder.event(job, "Warning", "FailedDelete", `Error deleting: ${errorText(error)}`);
        throw error;
      }
      expectations.deleted(job.metadata.uid as string, uid);
    }
    counts.active--;
    counts.terminating++;
    if (isPodReady(pod)) counts.ready--;
  }

  /** Makes and deletes pods until there are as many as there should be. */
  async function manage(round: Round): Promise<void> {
    const { job, key, active, counted, counts } = round;
    const nowMs = clock.now();
    if (job.spec.suspend === true) {
      return await remove(round, podsToRemove(job, active, active.length, nowMs));
    }
    const parallelism: number = job.spec.parallelism ?? 1;
    const completions: number | undefined = job.spec.completions;
    // Without a number of completions the first success means that the work runs out: no new pods.
    const wanted =
      completions === undefined
        ? counted.succeeded > 0
          ? active.length
          : parallelism
        : Math.min(parallelism, Math.max(0, completions - counted.succeeded));
    const leaving = podsToRemove(job, active, Math.max(0, active.length - wanted), nowMs);
    if (leaving.length > 0) return await remove(round, leaving.slice(0, burstPods));
    const onTheWayOut = replacesOnlyFailed(job) ? counts.terminating : 0;
    const missing = Math.min(wanted - onTheWayOut - active.length, burstPods);
    if (missing <= 0) return;
    const places = placesFor(round, missing, nowMs);
    if (places.waitMs > 0) {
      // As upstream has it: while the next pod waits its time, the status tells of no active ones.
      counts.active = 0;
      return queue.addAfter(key, Math.max(places.waitMs, shortestWaitMs));
    }
    const uid = job.metadata.uid as string;
    const refusedMs = refusals.waitMs(uid, clock.monotonic());
    if (refusedMs > 0) return queue.addAfter(key, refusedMs);
    const { replaced } = counted;
    const { count, indexes } = places;
    const { made, error } = await createJobPods({
      client,
      recorder,
      expectations,
      job,
      replaced,
      count,
      indexes,
    });
    counts.active += made;
    if (error === undefined) return refusals.forget(uid);
    refusals.refused(uid, clock.monotonic());
    throw error;
  }

  /** How many of the missing pods may be made now, and of which indexes; or how long the first of them waits. */
  function placesFor({ job, active, counted, backoffMs }: Round, missing: number, nowMs: number): Places {
    const { succeededIndexes, failedIndexes, replaced } = counted;
    if (failedIndexes === undefined && backoffMs > 0) return { waitMs: backoffMs, count: 0 };
    if (!isIndexed(job)) return { waitMs: 0, count: missing };
    const leaving = replacesOnlyFailed(job)
      ? pods.lister.list(job.metadata.namespace).filter((pod) => isLeaving(job, pod))
      : [];
    const pending = firstPending(job.spec.completions ?? 0, missing, [
      succeededIndexes,
      failedIndexes,
      indexesOf(active),
      indexesOf(leaving),
    ]);
    if (failedIndexes === undefined) return { waitMs: 0, count: pending.length, indexes: pending };
    const waits = pending.map((index) => {
      const pod = replaced.get(index);
      return indexWaitMs(pod, pod === undefined ? 0 : indexFailures(pod) + 1, nowMs);
    });
    const due = pending.filter((_, i) => waits[i] === 0);
    if (due.length === 0 && pending.length > 0) return { waitMs: Math.min(...waits), count: 0 };
    return { waitMs: 0, count: due.length, indexes: due };
  }

  return { run: () => workUntil(signal, queue, orphanQueue) };
}

const ownName = "kubernetes.io/job-controller";

function selectorOf(job: KubeObject): (labels: Record<string, string> | undefined) => boolean {
  const selector = selectorFromObject(job.spec?.selector);
  return (labels) => !selector.empty && selector.matches(labels);
}

/** One of the Job's pods that is on its way out. */
function isLeaving(job: KubeObject, pod: KubeObject): boolean {
  return controllerOf(pod)?.uid === job.metadata.uid && isTerminating(pod) && !isPodTerminal(pod);
}

function sortedKeys(status: object): [string, unknown][] {
  return Object.entries(status).sort(([a], [b]) => (a < b ? -1 : 1));
}
