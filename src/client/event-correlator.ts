import type { KubeObject } from "../apimachinery/index.ts";
import type { Clock } from "../platform/index.ts";
import { correlatedEventsMax } from "./limits.ts";

/** An event as a recorder makes it, before anything is known of its like. */
export interface NewEvent {
  readonly involvedObject: Readonly<Record<string, string>>;
  readonly component: string;
  readonly host?: string | undefined;
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
}

/** How an event is to be written. */
export interface CorrelatedEvent {
  readonly message: string;
  /** Under which its repetitions are counted. */
  readonly key: string;
  readonly count: number;
  readonly firstTimestampMs: number;
  /** It stands for several that were alike, of which it names only the last. */
  readonly combined: boolean;
}

/** So many different messages of one source, object and reason within the interval are combined into one event. */
const similarMax = 10;
const similarIntervalMs = 600_000;

/** Events of one source about one object: 25 at once, then one every five minutes. */
const spamBurst = 25;
const spamIntervalMs = 300_000;

/**
 * Keeps one object from flooding the store: equal events are counted, similar ones combined, and too many dropped.
 * client-go's EventCorrelator with its defaults.
 */
export class EventCorrelator {
  readonly #clock: Clock;
  readonly #similar = new RecentMap<{ messages: Set<string>; lastMs: number }>(correlatedEventsMax);
  readonly #seen = new RecentMap<{ count: number; firstMs: number; written: KubeObject | undefined }>(
    correlatedEventsMax,
  );
  readonly #tokens = new RecentMap<{ left: number; atMs: number }>(correlatedEventsMax);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Undefined: drop it. */
  correlate(event: NewEvent): CorrelatedEvent | undefined {
    const { message, key, combined } = this.#aggregate(event);
    const nowMs = this.#clock.now();
    let seen = this.#seen.get(key);
    if (seen === undefined) {
      seen = { count: 0, firstMs: nowMs, written: undefined };
      this.#seen.set(key, seen);
    }
    seen.count++;
    if (!this.#mayPass(event)) return undefined;
    return { message, key, count: seen.count, firstTimestampMs: seen.firstMs, combined };
  }

  /** The event that was written last under a key: what is counted under it is a repetition. */
  written(key: string): KubeObject | undefined {
    return this.#seen.get(key)?.written;
  }

  wrote(key: string, event: KubeObject): void {
    const seen = this.#seen.get(key);
    if (seen !== undefined) seen.written = event;
  }

  #aggregate(event: NewEvent): { message: string; key: string; combined: boolean } {
    const group = JSON.stringify([event.component, objectKey(event), event.type, event.reason]);
    const now = this.#clock.monotonic();
    let similar = this.#similar.get(group);
    if (similar === undefined || now - similar.lastMs > similarIntervalMs) {
      similar = { messages: new Set(), lastMs: now };
      this.#similar.set(group, similar);
    }
    similar.messages.add(event.message);
    similar.lastMs = now;
    if (similar.messages.size < similarMax)
      return { message: event.message, key: group + event.message, combined: false };
    similar.messages.delete(similar.messages.values().next().value as string);
    return { message: `(combined from similar events): ${event.message}`, key: group, combined: true };
  }

  #mayPass(event: NewEvent): boolean {
    const key = JSON.stringify([event.component, objectKey(event)]);
    const now = this.#clock.monotonic();
    let bucket = this.#tokens.get(key);
    if (bucket === undefined) {
      bucket = { left: spamBurst, atMs: now };
      this.#tokens.set(key, bucket);
    }
    bucket.left = Math.min(spamBurst, bucket.left + (now - bucket.atMs) / spamIntervalMs);
    bucket.atMs = now;
    if (bucket.left < 1) return false;
    bucket.left--;
    return true;
  }
}

/** Which object, whatever its version. */
function objectKey(event: NewEvent): unknown {
  const { kind, namespace, name, uid, apiVersion } = event.involvedObject;
  return [kind, namespace, name, uid, apiVersion];
}

/** A map that forgets what was not looked at for longest. */
export class RecentMap<V> {
  readonly #entries = new Map<string, V>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  get(key: string): V | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  set(key: string, value: V): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size > this.#max) this.#entries.delete(this.#entries.keys().next().value as string);
  }
}
