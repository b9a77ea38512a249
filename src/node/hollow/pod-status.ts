/** What a kubelet would report of a pod whose containers run, or have ended. Pure. */
import { formatTime, type KubeObject } from "../../apimachinery/index.ts";
import { conditionIn, generationOf, mergeConditions, type PodCondition } from "../agent/conditions.ts";

interface ContainerSpec {
  readonly name: string;
  readonly image?: string;
  readonly restartPolicy?: string;
}

export interface RunningPod {
  readonly pod: KubeObject;
  readonly hostIp: string;
  readonly podIp: string;
  /** The containers say that they are ready. */
  readonly ready: boolean;
  readonly nowMs: number;
}

/** Running; ready as `ready` and the pod's readiness gates have it. */
export function runningStatus({ pod, hostIp, podIp, ready, nowMs }: RunningPod): KubeObject["status"] {
  const now = formatTime(nowMs);
  const old = pod.status ?? {};
  const gates = ((pod.spec?.readinessGates ?? []) as { conditionType: string }[]).filter(
    ({ conditionType }) => conditionIn(pod, conditionType)?.status !== "True",
  );
  const names = ((pod.spec?.containers ?? []) as ContainerSpec[]).map(({ name }) => name);
  const unready = `containers with unready status: [${names.join(" ")}]`;
  const readiness: Partial<PodCondition> = ready
    ? { status: "True" }
    : { status: "False", reason: "ContainersNotReady", message: unready };
  const podReadiness: Partial<PodCondition> =
    ready && gates.length > 0
      ? {
          status: "False",
          reason: "ReadinessGatesNotReady",
          message: gates
            .map(
              ({ conditionType }) =>
                `corresponding condition of pod readiness gate "${conditionType}" does not exist.`,
            )
            .join(", "),
        }
      : readiness;
  return {
    ...old,
    ...generationOf(pod),
    phase: "Running",
    conditions: mergeConditions(pod, now, [
      { type: "PodReadyToStartContainers", status: "True" },
      { type: "Initialized", status: "True" },
      { type: "Ready", ...podReadiness },
      { type: "ContainersReady", ...readiness },
      { type: "PodScheduled", status: "True" },
    ]),
    hostIP: hostIp,
    hostIPs: [{ ip: hostIp }],
    podIP: podIp,
    podIPs: [{ ip: podIp }],
    startTime: old.startTime ?? now,
    ...initStatuses(pod, now),
    containerStatuses: containerStatuses(pod, "containers", (previous) => ({
      state: { running: { startedAt: previous?.state?.running?.startedAt ?? now } },
      ready,
      started: true,
    })),
    ...ephemeralStatuses(pod, now),
  };
}

/** Its containers were ended because the pod was active for longer than its activeDeadlineSeconds. */
export function overdueStatus(pod: KubeObject, nowMs: number): KubeObject["status"] {
  return {
    ...endedStatus(pod, nowMs, killedExitCode),
    reason: "DeadlineExceeded",
    message: "Pod was active on the node longer than the specified deadline",
  };
}

/** 128 + SIGKILL */
const killedExitCode = 137;

/** All containers have ended: what is reported just before the pod is removed, and when it has done its work. */
export function endedStatus(pod: KubeObject, nowMs: number, exitCode = 0): KubeObject["status"] {
  const reason = exitCode === 0 ? "PodCompleted" : "PodFailed";
  const now = formatTime(nowMs);
  const old = pod.status ?? {};
  const started: string = old.startTime ?? now;
  return {
    ...old,
    ...generationOf(pod),
    phase: exitCode === 0 ? "Succeeded" : "Failed",
    conditions: mergeConditions(pod, now, [
      { type: "PodReadyToStartContainers", status: "False" },
      { type: "Initialized", status: "True", reason: "PodCompleted" },
      { type: "Ready", status: "False", reason },
      { type: "ContainersReady", status: "False", reason },
      { type: "PodScheduled", status: "True" },
    ]),
    containerStatuses: containerStatuses(pod, "containers", (previous) => ({
      state: {
        terminated: {
          exitCode,
          reason: exitCode === 0 ? "Completed" : "Error",
          startedAt: previous?.state?.running?.startedAt ?? started,
          finishedAt: now,
          ...(previous?.containerID === undefined ? {} : { containerID: previous.containerID as string }),
        },
      },
      ready: false,
      started: false,
    })),
  };
}

type ContainerStatus = Record<string, unknown> & {
  name: string;
  containerID?: string;
  state?: { running?: { startedAt: string } };
};

/** Where the status tells of which containers. */
const statusFields = {
  containers: "containerStatuses",
  initContainers: "initContainerStatuses",
  ephemeralContainers: "ephemeralContainerStatuses",
} as const;

function containerStatuses(
  pod: KubeObject,
  field: keyof typeof statusFields,
  stateOf: (previous: ContainerStatus | undefined) => Record<string, unknown>,
): ContainerStatus[] {
  const previous = (pod.status?.[statusFields[field]] ?? []) as ContainerStatus[];
  return ((pod.spec?.[field] ?? []) as ContainerSpec[]).map(({ name, image }) => {
    const before = previous.find((status) => status.name === name);
    return {
      name,
      lastState: {},
      restartCount: 0,
      image: image ?? "",
      imageID: image ?? "",
      containerID: `hollow://${pod.metadata.uid}/${name}`,
      ...stateOf(before),
    };
  });
}

/** Debuggers run from when they are added, and are not ready for anything. */
function ephemeralStatuses(pod: KubeObject, now: string): { ephemeralContainerStatuses?: ContainerStatus[] } {
  if ((pod.spec?.ephemeralContainers ?? []).length === 0) return {};
  return {
    ephemeralContainerStatuses: containerStatuses(pod, "ephemeralContainers", (previous) => ({
      state: { running: { startedAt: previous?.state?.running?.startedAt ?? now } },
      ready: false,
    })),
  };
}

function initStatuses(pod: KubeObject, now: string): { initContainerStatuses?: ContainerStatus[] } {
  const specs = (pod.spec?.initContainers ?? []) as ContainerSpec[];
  if (specs.length === 0) return {};
  const sidecars = new Set(
    specs.filter(({ restartPolicy }) => restartPolicy === "Always").map(({ name }) => name),
  );
  const statuses = containerStatuses(pod, "initContainers", () => ({}));
  return {
    initContainerStatuses: statuses.map((status) =>
      sidecars.has(status.name)
        ? { ...status, state: { running: { startedAt: now } }, ready: true, started: true }
        : {
            ...status,
            state: { terminated: { exitCode: 0, reason: "Completed", startedAt: now, finishedAt: now } },
            ready: true,
            started: false,
          },
    ),
  };
}
