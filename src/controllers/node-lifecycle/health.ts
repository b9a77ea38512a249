/** What nodes' heartbeats say. */
import { formatTime, type KubeObject } from "../../apimachinery/index.ts";
import type { Clock } from "../../platform/index.ts";
import { type Condition, conditionOf } from "../pods.ts";

/** A node that was just made has so long for its first heartbeat. */
const startupGraceMs = 60_000;

const watchedConditions = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];

/**
 * When each node was last heard of: its Lease was renewed or its Ready condition confirmed, counted by this process's
 * monotonic clock from when it saw so; nodes' clocks are not trusted.
 */
export class Heartbeats {
  readonly #clock: Clock;
  readonly #graceMs: number;
  readonly #seen = new Map<string, { heard: string; atMs: number; everPosted: boolean }>();

  constructor(clock: Clock, graceMs: number) {
    this.#clock = clock;
    this.#graceMs = graceMs;
  }

  /** Milliseconds until the node counts as silent; negative when it does. */
  leftMs(node: KubeObject, lease: KubeObject | undefined): number {
    const name = node.metadata.name as string;
    const ready = conditionOf(node, "Ready");
    const posted = ready !== undefined && ready.status !== "Unknown";
    const heard = `${lease?.spec?.renewTime ?? ""}|${posted ? String(ready.lastHeartbeatTime ?? "") : ""}`;
    const now = this.#clock.monotonic();
    let seen = this.#seen.get(name);
    if (seen === undefined) {
      seen = { heard, atMs: now, everPosted: ready !== undefined };
      this.#seen.set(name, seen);
    } else if (seen.heard !== heard) {
      // The condition that this controller itself set to Unknown is no sign of life.
      const onlySilenced = !posted && seen.heard.split("|")[0] === heard.split("|")[0];
      if (!onlySilenced) seen.atMs = now;
      seen.heard = heard;
      seen.everPosted ||= ready !== undefined;
    }
    const graceMs = seen.everPosted ? this.#graceMs : Math.max(startupGraceMs, this.#graceMs);
    return seen.atMs + graceMs - now;
  }

  forget(name: string): void {
    this.#seen.delete(name);
  }
}

/** The conditions of a silent node; the very same list where they say so already. */
export function silencedConditions(node: KubeObject, nowMs: number): Condition[] {
  const present = (node.status?.conditions ?? []) as Condition[];
  let changed = false;
  const next = present.map((condition) => {
    if (!watchedConditions.includes(condition.type) || condition.status === "Unknown") return condition;
    changed = true;
    return {
      ...condition,
      status: "Unknown" as const,
      reason: "NodeStatusUnknown",
      message: "Kubelet stopped posting node status.",
      lastTransitionTime: formatTime(nowMs),
    };
  });
  for (const type of watchedConditions) {
    if (present.some((condition) => condition.type === type)) continue;
    changed = true;
    next.push({
      type,
      status: "Unknown",
      reason: "NodeStatusNeverUpdated",
      message: "Kubelet never posted node status.",
      lastHeartbeatTime: node.metadata.creationTimestamp as string,
      lastTransitionTime: formatTime(nowMs),
    });
  }
  return changed ? next : present;
}
