import { formatTime, type KubeObject, parseTime } from "../../apimachinery/index.ts";
import { conditionOf, createdMs } from "../pods.ts";

export const triggerTimeAnnotation = "endpoints.kubernetes.io/last-change-trigger-time";

/**
 * When the change happened that a write of endpoints answers: the earliest of what is new since the last look (a pod's
 * readiness, the making of the Service). Measuring tools read from it how long discovery took.
 * k8s.io/endpointslice/trigger_time_tracker.
 */
export class TriggerTimes {
  readonly #seen = new Map<string, { serviceMs: number; podsMs: Map<string, number> }>();

  /** RFC 3339; undefined where nothing new explains the write. */
  next(serviceKey: string, service: KubeObject, pods: readonly KubeObject[]): string | undefined {
    const before = this.#seen.get(serviceKey);
    const serviceMs = createdMs(service);
    const podsMs = new Map<string, number>();
    let earliest = Number.POSITIVE_INFINITY;
    if (serviceMs > (before?.serviceMs ?? 0)) earliest = serviceMs;
    for (const pod of pods) {
      const changedMs = parseTime(String(conditionOf(pod, "Ready")?.lastTransitionTime ?? ""));
      if (changedMs === undefined) continue;
      const name = pod.metadata.name as string;
      podsMs.set(name, changedMs);
      if (changedMs > (before?.podsMs.get(name) ?? 0)) earliest = Math.min(earliest, changedMs);
    }
    this.#seen.set(serviceKey, { serviceMs, podsMs });
    return Number.isFinite(earliest) ? formatTime(earliest) : undefined;
  }

  forget(serviceKey: string): void {
    this.#seen.delete(serviceKey);
  }
}
