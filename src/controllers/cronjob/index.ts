/**
 * Makes a Job whenever a CronJob is due: k8s.io/kubernetes/pkg/controller/cronjob. The Job's name holds the minute it was due, so
 * that none is made twice, whatever crashes when.
 */
import {
  CronError,
  type CronSchedule,
  formatTime,
  isTimeZone,
  type KubeObject,
  parseCron,
  parseTime,
} from "../../apimachinery/index.ts";
import { createWorkqueue, errorText, keyOf, splitKey } from "../../client/index.ts";
import type { ControllerContext, ControllerDescriptor } from "../context.ts";
import { workUntil } from "../lifecycle.ts";
import { OwnWrites } from "../own-writes.ts";
import {
  addOwnerIndex,
  controllerOf,
  controllerReference,
  isConflict,
  isNamespaceTerminating,
  isNotFound,
  ownedBy,
} from "../owners.ts";
import { conditionOf } from "../pods.ts";
import { cronJobs, inNamespace, isTerminating, jobs as jobResource } from "../resources.ts";
import { dueTimes, zonedTime } from "./due.ts";

export const cronJobController: ControllerDescriptor = {
  name: "cronjob-controller",
  aliases: ["cronjob"],
  create,
};

/** After the due time, so that the clock has surely passed it. */
const lateMs = 100;
/** Upstream's bound before it warns that a schedule or a deadline cannot be meant so. */
const missedMax = 100;
const scheduledAnnotation = "batch.kubernetes.io/cronjob-scheduled-timestamp";

interface JobReference {
  uid?: string;
  name?: string;
  [field: string]: unknown;
}

interface CronStatus {
  active?: JobReference[];
  lastScheduleTime?: string;
  lastSuccessfulTime?: string;
}

function create(context: ControllerContext): { run(): Promise<void> } {
  const { client, clock, log, signal } = context;
  const owners = context.informers.informer(cronJobs);
  const jobs = context.informers.informer(jobResource);
  addOwnerIndex(jobs);
  const recorder = context.recorder("cronjob-controller");
  const written = new OwnWrites();
  const queue = createWorkqueue({ name: "cron jobs", clock, log, process: reconcile });

  owners.addHandler({
    add: (owner) => queue.add(keyOf(owner)),
    update: (owner) => queue.add(keyOf(owner)),
    delete: (owner) => written.forget(owner),
  });
  const wakeOwner = (job: KubeObject): void => {
    const reference = controllerOf(job);
    if (reference?.kind !== "CronJob") return;
    const owner = owners.lister.get(job.metadata.namespace, reference.name);
    if (owner?.metadata.uid === reference.uid) queue.add(keyOf(owner));
  };
  jobs.addHandler({ add: wakeOwner, update: wakeOwner, delete: wakeOwner });

  async function reconcile(key: string): Promise<void> {
    const owner = owners.lister.getByKey(key);
    if (owner === undefined || written.isBehind(owner)) return;
    const own = ownedBy(jobs, owner.metadata.uid as string);
    const status: CronStatus = { ...owner.status };
    await trimHistory(owner, own, status);
    await followJobs(owner, own, status);
    if (!isTerminating(owner) && owner.spec.suspend !== true) await startDue(key, owner, own, status);
    await writeStatus(owner, status);
  }

  /** Keeps `status.active` true. */
  async function followJobs(
    owner: KubeObject,
    own: readonly KubeObject[],
    status: CronStatus,
  ): Promise<void> {
    let active = [...(status.active ?? [])];
    for (const job of own) {
      const { uid, name } = job.metadata;
      const listed = active.some((reference) => reference.uid === uid);
      const end = endOf(job);
      if (end === undefined) {
        if (!listed) {
          const message = `Saw a job that the controller did not create or forgot: ${name}`;
          recorder.event(owner, "Warning", "UnexpectedJob", message);
        }
        continue;
      }
      if (listed) {
        active = active.filter((reference) => reference.uid !== uid);
        const message = `Saw completed job: ${name}, condition: ${end}`;
        recorder.event(owner, "Normal", "SawCompletedJob", message);
      }
      const completedAt: string | undefined = job.status?.completionTime;
      if (
        end === "Complete" &&
        completedAt !== undefined &&
        completedAt > (status.lastSuccessfulTime ?? "")
      ) {
        status.lastSuccessfulTime = completedAt;
      }
    }
    const known = new Set(own.map(({ metadata }) => metadata.uid));
    for (const reference of active.filter(({ uid }) => !known.has(uid))) {
      // Made by the round before and not shown yet, or gone.
      if (await exists(owner, reference)) continue;
      active = active.filter((other) => other !== reference);
      const message = `Active job went missing: ${reference.name}`;
      recorder.event(owner, "Normal", "MissingJob", message);
    }
    if (active.length > 0) status.active = active;
    else delete status.active;
  }

  async function exists(owner: KubeObject, reference: JobReference): Promise<boolean> {
    try {
      const scope = inNamespace(jobResource, owner.metadata.namespace);
      return (await client.get(scope, reference.name ?? "")).metadata.uid === reference.uid;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  async function startDue(
    key: string,
    owner: KubeObject,
    own: readonly KubeObject[],
    status: CronStatus,
  ): Promise<void> {
    const schedule = scheduleOf(owner);
    if (schedule === undefined) return;
    const timeZone: string = owner.spec.timeZone ?? "UTC";
    const nowMs = clock.now();
    const deadlineMs =
      owner.spec.startingDeadlineSeconds === undefined
        ? undefined
        : owner.spec.startingDeadlineSeconds * 1_000;
    const since = parseTime(status.lastScheduleTime ?? owner.metadata.creationTimestamp ?? "") ?? nowMs;
    const sinceMs = deadlineMs === undefined ? since : Math.max(since, nowMs - deadlineMs);
    const { missedMs, nextMs, missedCount } = dueTimes(schedule, timeZone, sinceMs, nowMs);
    if (nextMs !== undefined) queue.addAfter(key, nextMs - nowMs + lateMs);
    if (missedCount > missedMax) {
      recorder.event(
        owner,
        "Warning",
        "TooManyMissedTimes",
        `too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew`,
      );
    }
    if (missedMs === undefined) return;
    if (deadlineMs !== undefined && missedMs + deadlineMs < nowMs) {
      const message = `Missed scheduled time to start a job: ${formatTime(missedMs)}`;
      recorder.event(owner, "Warning", "MissSchedule", message);
      return;
    }
    const name = `${owner.metadata.name}-${Math.floor(missedMs / 60_000)}`;
    if (own.some((job) => job.metadata.name === name)) {
      status.lastScheduleTime = formatTime(missedMs);
      return;
    }
    const active = status.active ?? [];
    if (owner.spec.concurrencyPolicy === "Forbid" && active.length > 0) {
      const message = "Not starting job because prior execution is running and concurrency policy is Forbid";
      recorder.event(owner, "Normal", "JobAlreadyActive", message);
      return;
    }
    if (owner.spec.concurrencyPolicy === "Replace") {
      for (const { name: other = "", uid } of active) await deleteJob(owner, status, other, uid);
    }
    await createJob(owner, name, missedMs, status);
  }

  async function createJob(
    owner: KubeObject,
    name: string,
    dueMs: number,
    status: CronStatus,
  ): Promise<void> {
    const scope = inNamespace(jobResource, owner.metadata.namespace);
    const { metadata: template, spec } = owner.spec.jobTemplate as KubeObject;
    const job: KubeObject = {
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: {
        name,
        namespace: owner.metadata.namespace as string,
        ...(template?.labels === undefined ? {} : { labels: template.labels }),
        annotations: {
          ...template?.annotations,
          [scheduledAnnotation]: zonedTime(dueMs, owner.spec.timeZone ?? "UTC"),
        },
        ownerReferences: [controllerReference(owner, "batch/v1", "CronJob")],
      },
      spec,
    };
    let made: KubeObject;
    try {
      made = await client.create(scope, job);
      recorder.event(owner, "Normal", "SuccessfulCreate", `Created job ${name}`);
    } catch (error) {
      if (isNamespaceTerminating(error)) return;
      if (!isConflict(error)) {
        recorder.event(owner, "Warning", "FailedCreate", `Error creating job: ${errorText(error)}`);
        throw error;
      }
      made = await client.get(scope, name);
      if (controllerOf(made)?.uid !== owner.metadata.uid) return;
    }
    const { uid = "", resourceVersion = "" } = made.metadata;
    const reference = {
      kind: "Job",
      namespace: scope.namespace,
      name,
      uid,
      apiVersion: "batch/v1",
      resourceVersion,
    };
    if (endOf(made) === undefined) status.active = [...(status.active ?? []), reference];
    status.lastScheduleTime = formatTime(dueMs);
  }

  /** Undefined, and said so, where there is none to follow. */
  function scheduleOf(owner: KubeObject): CronSchedule | undefined {
    const { schedule, timeZone } = owner.spec;
    if (timeZone !== undefined && !isTimeZone(timeZone)) {
      const message = `invalid timeZone: "${timeZone}": unknown time zone ${timeZone}`;
      recorder.event(owner, "Warning", "UnknownTimeZone", message);
      return undefined;
    }
    try {
      return parseCron(schedule);
    } catch (error) {
      if (!(error instanceof CronError)) throw error;
      const message = `unparseable schedule: "${schedule}" : ${error.message}`;
      recorder.event(owner, "Warning", "UnparseableSchedule", message);
      return undefined;
    }
  }

  /** Those that go are not told of as completed. */
  async function trimHistory(
    owner: KubeObject,
    own: readonly KubeObject[],
    status: CronStatus,
  ): Promise<void> {
    for (const [end, limit] of [
      ["Complete", owner.spec.successfulJobsHistoryLimit],
      ["Failed", owner.spec.failedJobsHistoryLimit],
    ] as const) {
      if (limit === undefined) continue;
      const ended = own
        .filter((job) => endOf(job) === end && !isTerminating(job))
        .sort((a, b) => startOf(a).localeCompare(startOf(b)));
      for (const job of ended.slice(0, Math.max(0, ended.length - limit))) {
        await deleteJob(owner, status, job.metadata.name as string, job.metadata.uid);
      }
    }
  }

  async function deleteJob(
    owner: KubeObject,
    status: CronStatus,
    name: string,
    uid: string | undefined,
  ): Promise<void> {
    try {
      await client.delete(inNamespace(jobResource, owner.metadata.namespace), name, {
        propagationPolicy: "Background",
      });
    } catch (error) {
      if (isNotFound(error)) return;
      recorder.event(owner, "Warning", "FailedDelete", `Deleted job: ${errorText(error)}`);
      throw error;
    }
    const active = status.active?.filter((reference) => reference.uid !== uid) ?? [];
    if (active.length > 0) status.active = active;
    else delete status.active;
    recorder.event(owner, "Normal", "SuccessfulDelete", `Deleted job ${name}`);
  }

  async function writeStatus(owner: KubeObject, status: CronStatus): Promise<void> {
    const view = (value: object): string =>
      JSON.stringify(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
    if (view(owner.status ?? {}) === view(status)) return;
    const { namespace } = splitKey(keyOf(owner));
    try {
      const scope = inNamespace(cronJobs, namespace);
      written.note(await client.update(scope, { ...owner, status: { ...status } }, "status"));
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  return { run: () => workUntil(signal, queue) };
}

function endOf(job: KubeObject): "Complete" | "Failed" | undefined {
  return (["Complete", "Failed"] as const).find((type) => conditionOf(job, type)?.status === "True");
}

function startOf(job: KubeObject): string {
  return String(job.status?.startTime ?? job.metadata.creationTimestamp ?? "");
}
