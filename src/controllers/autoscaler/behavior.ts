/**
 * How fast the number of replicas follows the metrics: what was recommended lately holds it back, rules limit each step.
 * k8s.io/kubernetes/pkg/controller/podautoscaler/horizontal.go
 */
import type { Autoscaler, ScalingRules } from "./types.ts";

/** Without rules, the highest recommendation of so long holds. Milliseconds. */
const downscaleStabilizationMs = 5 * 60_000;
/** Without rules, one step at most doubles, or leads to so many. */
const freeStep = 4;

interface Timed {
  readonly replicas: number;
  readonly atMs: number;
}

/** What one autoscaler recommended and did of late. */
export interface Memory {
  recommendations: Timed[];
  ups: Timed[];
  downs: Timed[];
}

export const newMemory = (currentReplicas: number, nowMs: number): Memory => ({
  recommendations: [{ replicas: currentReplicas, atMs: nowMs }],
  ups: [],
  downs: [],
});

interface Reason {
  readonly reason: string;
  readonly message: string;
}

/** How many there should be now, and the reasons for the conditions AbleToScale and ScalingLimited. */
export interface Decision {
  readonly replicas: number;
  readonly stable: Reason;
  readonly limited: Reason & { readonly status: "True" | "False" };
}

const ready: Reason = { reason: "ReadyForNewScale", message: "recommended size matches current size" };
const heldUp: Reason = {
  reason: "ScaleDownStabilized",
  message: "recent recommendations were higher than current one, applying the highest recent recommendation",
};
const heldDown: Reason = {
  reason: "ScaleUpStabilized",
  message: "recent recommendations were lower than current one, applying the lowest recent recommendation",
};
const tooMany: Reason = {
  reason: "TooManyReplicas",
  message: "the desired replica count is more than the maximum replica count",
};
const tooFew: Reason = {
  reason: "TooFewReplicas",
  message: "the desired replica count is less than the minimum replica count",
};
const upLimit: Reason = {
  reason: "ScaleUpLimit",
  message: "the desired replica count is increasing faster than the maximum scale rate",
};
const downLimit: Reason = {
  reason: "ScaleDownLimit",
  message: "the desired replica count is decreasing faster than the maximum scale rate",
};
const within: Reason = {
  reason: "DesiredWithinRange",
  message: "the desired count is within the acceptable range",
};

export function decide(
  { spec }: Autoscaler,
  memory: Memory,
  current: number,
  recommended: number,
  nowMs: number,
): Decision {
  const range = { min: spec.minReplicas ?? 1, max: spec.maxReplicas };
  const { behavior } = spec;
  if (behavior === undefined) {
    const stabilized = stabilize(memory, recommended, nowMs);
    const stable = stabilized === recommended ? ready : heldUp;
    return limited(stabilized, stable, freeBounds(current, stabilized, range));
  }
  const up = behavior.scaleUp ?? {};
  const down = behavior.scaleDown ?? {};
  const stabilized = stabilizeBoth(memory, current, recommended, { up, down, nowMs });
  const stable = stabilized === recommended ? ready : recommended >= current ? heldDown : heldUp;
  return limited(stabilized, stable, ruledBounds(current, stabilized, range, { up, down, memory, nowMs }));
}

/** Remembers a change, as far as the rules look back. */
export function remember(
  { spec }: Autoscaler,
  memory: Memory,
  from: number,
  to: number,
  nowMs: number,
): void {
  if (spec.behavior === undefined) return;
  const [list, rules] =
    to > from ? (["ups", spec.behavior.scaleUp] as const) : (["downs", spec.behavior.scaleDown] as const);
  const longestMs = Math.max(0, ...(rules?.policies ?? []).map(({ periodSeconds }) => periodSeconds)) * 1_000;
  const kept = memory[list].filter(({ atMs }) => atMs >= nowMs - longestMs);
  memory[list] = [...kept, { replicas: Math.abs(to - from), atMs: nowMs }];
}

function stabilize(memory: Memory, recommended: number, nowMs: number): number {
  const recent = memory.recommendations.filter(({ atMs }) => atMs >= nowMs - downscaleStabilizationMs);
  memory.recommendations = [...recent, { replicas: recommended, atMs: nowMs }];
  return Math.max(recommended, ...recent.map(({ replicas }) => replicas));
}

interface Rules {
  readonly up: ScalingRules;
  readonly down: ScalingRules;
  readonly nowMs: number;
}

/** Not above the lowest recommendation of the one window, not below the highest of the other. */
function stabilizeBoth(
  memory: Memory,
  current: number,
  recommended: number,
  { up, down, nowMs }: Rules,
): number {
  const upMs = (up.stabilizationWindowSeconds ?? 0) * 1_000;
  const downMs = (down.stabilizationWindowSeconds ?? downscaleStabilizationMs / 1_000) * 1_000;
  const since = (ms: number): number[] =>
    memory.recommendations.filter(({ atMs }) => atMs > nowMs - ms).map(({ replicas }) => replicas);
  const lowest = Math.min(recommended, ...since(upMs));
  const highest = Math.max(recommended, ...since(downMs));
  const recent = memory.recommendations.filter(({ atMs }) => atMs >= nowMs - Math.max(upMs, downMs));
  memory.recommendations = [...recent, { replicas: recommended, atMs: nowMs }];
  return Math.min(Math.max(current, lowest), highest);
}

interface Bounds {
  readonly replicas: number;
  readonly why: Reason;
}

function limited(stabilized: number, stable: Reason, { replicas, why }: Bounds): Decision {
  return { replicas, stable, limited: { status: replicas === stabilized ? "False" : "True", ...why } };
}

interface Range {
  readonly min: number;
  readonly max: number;
}

function freeBounds(current: number, wanted: number, { min, max }: Range): Bounds {
  const step = Math.max(2 * current, freeStep);
  if (wanted < min) return { replicas: min, why: tooFew };
  if (wanted > Math.min(max, step)) {
    return max > step ? { replicas: step, why: upLimit } : { replicas: max, why: tooMany };
  }
  return { replicas: wanted, why: within };
}

function ruledBounds(
  current: number,
  wanted: number,
  { min, max }: Range,
  { up, down, memory, nowMs }: Rules & { memory: Memory },
): Bounds {
  const changed = (list: readonly Timed[], seconds: number): number =>
    list
      .filter(({ atMs }) => atMs > nowMs - seconds * 1_000)
      .reduce((sum, { replicas }) => sum + replicas, 0);
  const startOf = (seconds: number): number =>
    current - changed(memory.ups, seconds) + changed(memory.downs, seconds);
  if (wanted > current) {
    const limit = Math.max(current, stepLimit(up, current, startOf, 1));
    const [most, why] = max > limit ? ([limit, upLimit] as const) : ([max, tooMany] as const);
    if (wanted > most) return { replicas: most, why };
  } else if (wanted < current) {
    const limit = Math.min(current, stepLimit(down, current, startOf, -1));
    const [least, why] = min < limit ? ([limit, downLimit] as const) : ([min, tooFew] as const);
    if (wanted < least) return { replicas: least, why };
  }
  return { replicas: wanted, why: within };
}

/** Where the policies of a direction lead at most, counted from the beginning of each one's period. */
function stepLimit(
  { selectPolicy = "Max", policies = [] }: ScalingRules,
  current: number,
  startOf: (seconds: number) => number,
  direction: 1 | -1,
): number {
  if (selectPolicy === "Disabled") return current;
  const proposals = policies.map(({ type, value, periodSeconds }) => {
    const start = startOf(periodSeconds);
    if (type === "Pods") return start + direction * value;
    const share = start * (1 + (direction * value) / 100);
    return direction === 1 ? Math.ceil(share) : Math.trunc(share);
  });
  if (proposals.length === 0) return current;
  // The largest change is the highest number on the way up and the lowest on the way down.
  const largest = (selectPolicy === "Max") === (direction === 1);
  return largest ? Math.max(...proposals) : Math.min(...proposals);
}
