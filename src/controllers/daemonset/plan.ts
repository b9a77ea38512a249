/** Which daemons are to be made and deleted: missing and superfluous ones first, then a rolling update. Pure. */
import { type IntOrString, type KubeObject, scaledValue } from "../../apimachinery/index.ts";
import { availableInMs, createdMs, isPodTerminal } from "../pods.ts";
import { isTerminating } from "../resources.ts";
import { fitOf, nodeNameOf } from "./nodes.ts";

export const revisionLabel = "controller-revision-hash";

export interface DaemonState {
  readonly daemonSet: KubeObject;
  readonly nodes: readonly KubeObject[];
  readonly pods: readonly KubeObject[];
  /** Hash of the present template. */
  readonly hash: string;
  readonly nowMs: number;
}

export interface DaemonPlan {
  /** Names of nodes. */
  readonly create: readonly string[];
  readonly remove: readonly KubeObject[];
  /** Pods that ended, among `remove`. */
  readonly failed: readonly KubeObject[];
}

export function byNode(pods: readonly KubeObject[]): Map<string, KubeObject[]> {
  const found = new Map<string, KubeObject[]>();
  for (const pod of pods) {
    const name = nodeNameOf(pod);
    const present = found.get(name);
    if (present === undefined) found.set(name, [pod]);
    else present.push(pod);
  }
  return found;
}

export function isAvailable({ daemonSet, nowMs }: DaemonState, pod: KubeObject): boolean {
  return !isTerminating(pod) && availableInMs(pod, daemonSet.spec.minReadySeconds ?? 0, nowMs) === 0;
}

export function planOf(state: DaemonState): DaemonPlan {
  const create: string[] = [];
  const remove: KubeObject[] = [];
  const failed: KubeObject[] = [];
  const placed = byNode(state.pods);
  for (const node of state.nodes) {
    const here = placed.get(node.metadata.name as string) ?? [];
    const { shouldRun, mayStay } = fitOf(state.daemonSet, node);
    if (!mayStay) {
      remove.push(...here.filter((pod) => !isTerminating(pod)));
      continue;
    }
    const ended = here.filter((pod) => isPodTerminal(pod) && !isTerminating(pod));
    failed.push(...ended);
    remove.push(...ended);
    const live = here.filter((pod) => !isPodTerminal(pod));
    if (shouldRun && here.length === 0) create.push(node.metadata.name as string);
    remove.push(...superfluous(state, live));
  }
  if (create.length > 0 || remove.length > 0) return { create, remove, failed };
  return { ...rollingUpdate(state, placed), failed };
}

/** One daemon a node, the oldest; while a surge is on, one of the new template beside it. */
function superfluous(state: DaemonState, live: readonly KubeObject[]): KubeObject[] {
  const sorted = [...live].sort((a, b) => createdMs(a) - createdMs(b)).filter((pod) => !isTerminating(pod));
  if (shareOf(state, "maxSurge") === 0) return sorted.slice(1);
  const isNew = (pod: KubeObject): boolean => pod.metadata.labels?.[revisionLabel] === state.hash;
  return [...sorted.filter(isNew).slice(1), ...sorted.filter((pod) => !isNew(pod)).slice(1)];
}

function shareOf({ daemonSet, nodes }: DaemonState, name: "maxSurge" | "maxUnavailable"): number {
  const rolling: { maxSurge?: IntOrString; maxUnavailable?: IntOrString } =
    daemonSet.spec.updateStrategy?.rollingUpdate ?? {};
  const wanted = nodes.filter((node) => fitOf(daemonSet, node).shouldRun).length;
  const value = rolling[name] ?? (name === "maxSurge" ? 0 : 1);
  return scaledValue(value, wanted, true) ?? 0;
}

function rollingUpdate(
  state: DaemonState,
  placed: ReadonlyMap<string, readonly KubeObject[]>,
): { create: string[]; remove: KubeObject[] } {
  const none = { create: [], remove: [] };
  if (state.daemonSet.spec.updateStrategy?.type === "OnDelete") return none;
  const isNew = (pod: KubeObject): boolean => pod.metadata.labels?.[revisionLabel] === state.hash;
  const surgeMax = shareOf(state, "maxSurge");
  // Neither: nothing could ever be replaced.
  const unavailableMax = Math.max(shareOf(state, "maxUnavailable"), surgeMax === 0 ? 1 : 0);
  let unavailable = 0;
  let surging = 0;
  const broken: KubeObject[] = [];
  const candidates: KubeObject[] = [];
  const relieved: KubeObject[] = [];
  for (const node of state.nodes) {
    if (!fitOf(state.daemonSet, node).shouldRun) continue;
    const here = placed.get(node.metadata.name as string) ?? [];
    const fresh = here.find((pod) => isNew(pod) && !isTerminating(pod));
    const old = here.find((pod) => !isNew(pod) && !isTerminating(pod));
    if (fresh !== undefined && old !== undefined) {
      if (isAvailable(state, fresh)) relieved.push(old);
      else surging++;
    } else if (fresh !== undefined) {
      if (!isAvailable(state, fresh)) unavailable++;
    } else if (old === undefined) unavailable++;
    else if (isAvailable(state, old)) candidates.push(old);
    else {
      unavailable++;
      broken.push(old);
    }
  }
  if (surgeMax > 0) {
    const room = Math.max(0, surgeMax - surging);
    const create = [...broken, ...candidates.slice(0, Math.max(0, room - broken.length))].map(nodeNameOf);
    return { create, remove: relieved };
  }
  const room = Math.max(0, unavailableMax - unavailable);
  return { create: [], remove: [...broken, ...candidates.slice(0, room)] };
}
