/** What a kubelet would report of a pod, out of what is known of its containers. Pure. */
import { formatTime, type KubeObject } from "../../apimachinery/index.ts";
import { conditionIn, generationOf, mergeConditions } from "../agent/conditions.ts";
import { type Container, isSidecar, type Pod, type Resources, type VolumeMount } from "./pod.ts";
import type { ContainerRecord, ContainerState, PodRecord, Termination } from "./records.ts";

export interface StatusRequest {
  /** The object as the server has it: transition times and others' conditions come from there. */
  readonly pod: Pod;
  readonly record: PodRecord;
  readonly hostIp: string;
  /** Volumes and address are there. */
  readonly prepared: boolean;
  /** No container will be started again: the pod is deleted or has failed. */
  readonly terminal: boolean;
  readonly nowMs: number;
}

export type Phase = "Pending" | "Running" | "Succeeded" | "Failed";

/** Whether a container that ended so is started again. */
export function restarts(pod: Pod, container: Container, exitCode: number): boolean {
  const policy = container.restartPolicy ?? pod.spec.restartPolicy ?? "Always";
  return policy === "Always" || (policy === "OnFailure" && exitCode !== 0);
}

export function podStatus(request: StatusRequest): KubeObject["status"] {
  const { pod, record, hostIp, prepared, nowMs } = request;
  const now = formatTime(nowMs);
  const old = pod.status ?? {};
  const phase = phaseOf(pod, record, request.terminal);
  const ips = record.podIp === undefined ? {} : { podIP: record.podIp, podIPs: [{ ip: record.podIp }] };
  const inits = statusesOf(pod.spec.initContainers ?? [], pod, record);
  const mains = statusesOf(pod.spec.containers, pod, record);
  const ephemeral = statusesOf(pod.spec.ephemeralContainers ?? [], pod, record);
  const alive = [...record.containers.values()].some(({ state }) => state.kind === "running");
  const { reason: _reason, message: _message, ...rest } = old;
  return {
    ...rest,
    ...generationOf(pod),
    phase,
    ...(record.failure ?? {}),
    conditions: mergeConditions(pod, now, [
      {
        type: "PodReadyToStartContainers",
        status: prepared && (alive || !(request.terminal || isOver(phase))) ? "True" : "False",
      },
      initialized(pod, record, phase),
      ...readiness(pod, record, phase),
      { type: "PodScheduled", status: "True" },
    ]),
    hostIP: hostIp,
    hostIPs: [{ ip: hostIp }],
    ...ips,
    startTime: old.startTime ?? formatTime(record.acceptedAt),
    ...(inits.length === 0 ? {} : { initContainerStatuses: inits }),
    containerStatuses: mains,
    ...(ephemeral.length === 0 ? {} : { ephemeralContainerStatuses: ephemeral }),
  };
}

const isOver = (phase: Phase): boolean => phase === "Succeeded" || phase === "Failed";

/** The last termination that counts: the present one, or that before a wait. */
function terminationOf({ state, last }: ContainerRecord): Termination | undefined {
  return state.kind === "terminated" ? state : state.kind === "waiting" ? last : undefined;
}

/** Upstream's getPhase. */
export function phaseOf(pod: Pod, record: PodRecord, terminal: boolean): Phase {
  if (record.failure !== undefined) return "Failed";
  let pendingInit = 0;
  let pendingSidecars = 0;
  let running = 0;
  let waiting = 0;
  for (const container of pod.spec.initContainers ?? []) {
    const one = record.containers.get(container.name);
    if (isSidecar(container)) {
      if (one?.state.kind === "running") {
        running++;
        if (!one.started) pendingSidecars++;
      } else if (one === undefined || terminationOf(one) === undefined) {
        pendingSidecars++;
        waiting++;
      }
      continue;
    }
    const ended = one === undefined ? undefined : terminationOf(one);
    if (ended === undefined) pendingInit++;
    else if (ended.exitCode !== 0 && !restarts(pod, container, ended.exitCode)) return "Failed";
    else if (ended.exitCode !== 0 && one?.state.kind === "running") pendingInit++;
  }
  let stopped = 0;
  let final = 0;
  let succeeded = 0;
  for (const container of pod.spec.containers) {
    const one = record.containers.get(container.name);
    if (one?.state.kind === "running") running++;
    else {
      const ended = one === undefined ? undefined : terminationOf(one);
      if (ended === undefined) waiting++;
      else {
        stopped++;
        if (!restarts(pod, container, ended.exitCode)) final++;
        if (one?.state.kind === "terminated" && ended.exitCode === 0) succeeded++;
      }
    }
  }
  const begun = [...pod.spec.containers].some(({ name }) => (record.containers.get(name)?.starts ?? 0) > 0);
  if (terminal && running === 0 && stopped + waiting > 0 && pendingInit === 0 && stopped === 0)
    return "Failed";
  if (pendingInit > 0 || (pendingSidecars > 0 && !begun))
    return terminal && running === 0 ? "Failed" : "Pending";
  if (waiting > 0) return "Pending";
  if (running > 0) return "Running";
  if (terminal) return stopped === succeeded ? "Succeeded" : "Failed";
  if (stopped !== final) return "Running";
  return stopped === succeeded ? "Succeeded" : "Failed";
}

/** Whether the containers of the pod may start: every init container has succeeded, every sidecar has started. */
function isInitialized(container: Container, one: ContainerRecord | undefined): boolean {
  if (one === undefined) return false;
  if (isSidecar(container)) return one.started;
  return one.state.kind === "terminated" && one.state.exitCode === 0;
}

type Condition = { type: string; status: "True" | "False"; reason?: string; message?: string };

function initialized(pod: Pod, record: PodRecord, phase: Phase): Condition {
  if (phase === "Succeeded") return { type: "Initialized", status: "True", reason: "PodCompleted" };
  if (pod.spec.containers.some(({ name }) => (record.containers.get(name)?.starts ?? 0) > 0))
    return { type: "Initialized", status: "True" };
  const incomplete = (pod.spec.initContainers ?? []).filter(
    (container) => !isInitialized(container, record.containers.get(container.name)),
  );
  if (incomplete.length === 0) return { type: "Initialized", status: "True" };
  const message = `containers with incomplete status: [${incomplete.map(({ name }) => name).join(" ")}]`;
  return { type: "Initialized", status: "False", reason: "ContainersNotInitialized", message };
}

function readiness(pod: Pod, record: PodRecord, phase: Phase): Condition[] {
  const containers = containersReady(pod, record, phase);
  const both = (condition: Omit<Condition, "type">): Condition => ({ type: "Ready", ...condition });
  if (containers.status !== "True") return [both(containers), { type: "ContainersReady", ...containers }];
  const complaints = (pod.spec.readinessGates ?? []).flatMap(({ conditionType }) => {
    const gate = conditionIn(pod, conditionType);
    if (gate === undefined)
      return [
        `corresponding condition of pod readiness gate ${JSON.stringify(conditionType)} does not exist.`,
      ];
    if (gate.status === "True") return [];
    return [
      `the status of pod readiness gate ${JSON.stringify(conditionType)} is not "True", but ${gate.status}`,
    ];
  });
  const ready =
    complaints.length === 0
      ? containers
      : { status: "False" as const, reason: "ReadinessGatesNotReady", message: complaints.join(", ") };
  return [both(ready), { type: "ContainersReady", ...containers }];
}

function containersReady(pod: Pod, record: PodRecord, phase: Phase): Omit<Condition, "type"> {
  if (phase === "Succeeded") return { status: "False", reason: "PodCompleted" };
  if (phase === "Failed") return { status: "False", reason: "PodFailed" };
  const counted = [...(pod.spec.initContainers ?? []).filter(isSidecar), ...pod.spec.containers];
  const unready = counted.filter(({ name }) => !isReady(record.containers.get(name)));
  if (unready.length === 0) return { status: "True" };
  const names = unready.map(({ name }) => name).join(" ");
  return {
    status: "False",
    reason: "ContainersNotReady",
    message: `containers with unready status: [${names}]`,
  };
}

const isReady = (one: ContainerRecord | undefined): boolean =>
  one?.state.kind === "running" && one.started && one.ready;

function statusesOf(containers: readonly Container[], pod: Pod, record: PodRecord): object[] {
  const hasInit = (pod.spec.initContainers?.length ?? 0) > 0;
  return containers.map((container) => {
    const one = record.containers.get(container.name);
    const image = container.image ?? "";
    const init = pod.spec.initContainers?.includes(container) === true && !isSidecar(container);
    // Nobody is sent to an ephemeral one, whatever it does.
    const ephemeral = pod.spec.ephemeralContainers?.includes(container) === true;
    const done = init && one?.state.kind === "terminated" && one.state.exitCode === 0;
    const id = one === undefined ? "" : idOf(one);
    return {
      name: container.name,
      state: stateOf(
        one?.state ?? { kind: "waiting", reason: hasInit ? "PodInitializing" : "ContainerCreating" },
      ),
      lastState: one?.last === undefined ? {} : { terminated: terminated(one.last) },
      ready: init ? done : !ephemeral && isReady(one),
      restartCount: Math.max(0, (one?.starts ?? 0) - 1),
      image,
      imageID: id === "" ? "" : image,
      ...(id === "" ? {} : { containerID: id }),
      started: one?.state.kind === "running" && one.started,
      ...resourcesOf(container.resources),
      ...mountsOf(container.volumeMounts),
    };
  });
}

function idOf({ state, last }: ContainerRecord): string {
  if (state.kind === "waiting") return last?.id ?? "";
  return state.id;
}

function stateOf(state: ContainerState): object {
  switch (state.kind) {
    case "waiting":
      return {
        waiting: { reason: state.reason, ...(state.message === undefined ? {} : { message: state.message }) },
      };
    case "running":
      return { running: { startedAt: formatTime(state.startedAt) } };
    case "terminated":
      return { terminated: terminated(state) };
  }
}

function terminated({ exitCode, reason, message, startedAt, finishedAt, id }: Termination): object {
  return {
    exitCode,
    reason,
    ...(message === undefined ? {} : { message }),
    startedAt: formatTime(startedAt),
    finishedAt: formatTime(finishedAt),
    containerID: id,
  };
}

function resourcesOf(resources: Resources | undefined): object {
  if (resources?.limits === undefined && resources?.requests === undefined) return {};
  const { requests } = resources;
  return { ...(requests === undefined ? {} : { allocatedResources: requests }), resources };
}

function mountsOf(mounts: readonly VolumeMount[] | undefined): object {
  if (mounts === undefined || mounts.length === 0) return {};
  return {
    volumeMounts: mounts.map(({ name, mountPath, readOnly }) => ({
      name,
      mountPath,
      ...(readOnly === true ? { readOnly, recursiveReadOnly: "Disabled" } : {}),
    })),
  };
}
