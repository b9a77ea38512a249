import type { Json } from "../../../apimachinery/index.ts";
import type { TableRowCondition } from "../../strategy.ts";
import { age, nameOf, none, since } from "../../tables/cells.ts";
import type { Container, ContainerState, ContainerStatus, Pod, PodStatus } from "./types.ts";

/** One row of `kubectl get pods -o wide`: upstream's printPod. */
export function podRow(pod: Pod, now: number): Json[] {
  const progress = progressOf(pod);
  const { spec, status = {} } = pod;
  const restarts =
    progress.restarts > 0 && progress.lastRestart !== undefined
      ? `${progress.restarts} (${since(progress.lastRestart, now)} ago)`
      : String(progress.restarts);
  return [
    nameOf(pod),
    `${progress.ready}/${progress.total}`,
    finalReason(pod, progress.reason),
    restarts,
    age(pod, now),
    status.podIPs?.[0]?.ip || none,
    spec.nodeName || none,
    status.nominatedNodeName || none,
    gatesCell(pod),
  ];
}

const completions: Readonly<Record<string, readonly TableRowCondition[]>> = {
  Succeeded: [
    {
      type: "Completed",
      status: "True",
      reason: "Succeeded",
      message: "The pod has completed successfully.",
    },
  ],
  Failed: [{ type: "Completed", status: "True", reason: "Failed", message: "The pod failed." }],
};

/** That a pod runs no more. */
export function podConditions({ status }: Pod): readonly TableRowCondition[] {
  return completions[status?.phase ?? ""] ?? [];
}

interface Progress {
  readonly reason: string;
  readonly ready: number;
  readonly total: number;
  readonly restarts: number;
  readonly lastRestart: string | undefined;
}

const runsBeside = (container: Container | undefined): boolean => container?.restartPolicy === "Always";
const hasCondition = ({ conditions = [] }: PodStatus, type: string): boolean =>
  conditions.some((condition) => condition.type === type && condition.status === "True");

function progressOf({ spec, status = {} }: Pod): Progress {
  const initContainers = new Map((spec.initContainers ?? []).map((container) => [container.name, container]));
  const besides = [...initContainers.values()].filter(runsBeside).length;
  const total = (spec.containers?.length ?? 0) + besides;
  const gated = status.conditions?.some(
    ({ type, reason }) => type === "PodScheduled" && reason === "SchedulingGated",
  );
  const reason = gated ? "SchedulingGated" : status.reason || (status.phase ?? "");
  const init = initProgress(status, initContainers);
  if (init.reason !== undefined && !hasCondition(status, "Initialized")) {
    return {
      reason: init.reason,
      ready: init.ready,
      total,
      restarts: init.restarts,
      lastRestart: init.lastRestart,
    };
  }
  return { ...mainProgress(status, init, init.reason ?? reason), total };
}

interface InitProgress {
  /** Undefined: initialized. */
  readonly reason: string | undefined;
  readonly ready: number;
  readonly restarts: number;
  readonly lastRestart: string | undefined;
  readonly restartsBeside: number;
  readonly lastRestartBeside: string | undefined;
}

function initProgress(status: PodStatus, containers: ReadonlyMap<string, Container>): InitProgress {
  let [ready, restarts, restartsBeside] = [0, 0, 0];
  let lastRestart: string | undefined;
  let lastRestartBeside: string | undefined;
  let reason: string | undefined;
  const statuses = status.initContainerStatuses ?? [];
  for (const [i, container] of statuses.entries()) {
    const beside = runsBeside(containers.get(container.name));
    restarts += container.restartCount ?? 0;
    lastRestart = later(lastRestart, container);
    if (beside) {
      restartsBeside += container.restartCount ?? 0;
      lastRestartBeside = later(lastRestartBeside, container);
    }
    const { terminated, waiting } = container.state ?? {};
    if (terminated?.exitCode === 0) continue;
    if (beside && container.started === true) {
      if (container.ready === true) ready++;
      continue;
    }
    if (terminated !== undefined) reason = `Init:${terminatedReason(terminated)}`;
    else if (waiting?.reason && waiting.reason !== "PodInitializing") reason = `Init:${waiting.reason}`;
    else reason = `Init:${i}/${containers.size}`;
    break;
  }
  return { reason, ready, restarts, lastRestart, restartsBeside, lastRestartBeside };
}

function mainProgress(status: PodStatus, init: InitProgress, initial: string): Omit<Progress, "total"> {
  let { ready, restartsBeside: restarts, lastRestartBeside: lastRestart } = init;
  let reason = initial;
  let hasRunning = false;
  for (const container of [...(status.containerStatuses ?? [])].reverse()) {
    restarts += container.restartCount ?? 0;
    lastRestart = later(lastRestart, container);
    const { waiting, terminated, running } = container.state ?? {};
    if (waiting?.reason) reason = waiting.reason;
    else if (terminated !== undefined) reason = terminatedReason(terminated);
    else if (container.ready === true && running !== undefined) {
      hasRunning = true;
      ready++;
    }
  }
  // One container is done, another still runs: the pod does.
  if (reason === "Completed" && hasRunning) reason = hasCondition(status, "Ready") ? "Running" : "NotReady";
  return { reason, ready, restarts, lastRestart };
}

function terminatedReason({ reason, signal, exitCode }: NonNullable<ContainerState["terminated"]>): string {
  if (reason) return reason;
  return signal ? `Signal:${signal}` : `ExitCode:${exitCode}`;
}

function later(time: string | undefined, { lastState }: ContainerStatus): string | undefined {
  const finished = lastState?.terminated?.finishedAt;
  if (!finished) return time;
  return time === undefined || finished > time ? finished : time;
}

function finalReason({ metadata, status }: Pod, reason: string): string {
  if (metadata.deletionTimestamp === undefined) return reason;
  if (status?.reason === "NodeLost") return "Unknown";
  return status?.phase === "Succeeded" || status?.phase === "Failed" ? reason : "Terminating";
}

function gatesCell({ spec, status }: Pod): string {
  const gates = spec.readinessGates ?? [];
  if (gates.length === 0) return none;
  const open = gates.filter(({ conditionType }) => hasCondition(status ?? {}, conditionType)).length;
  return `${open}/${gates.length}`;
}
