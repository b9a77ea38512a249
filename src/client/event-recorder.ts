import { formatMicroTime, formatTime, type KubeObject, StatusError } from "../apimachinery/index.ts";
import { BoundedQueue } from "../base/index.ts";
import type { Clock } from "../platform/index.ts";
import { pause } from "./backoff.ts";
import { type CorrelatedEvent, EventCorrelator, type NewEvent, RecentMap } from "./event-correlator.ts";
import { correlatedEventsMax, pendingEventsMax } from "./limits.ts";
import { errorText, type Log } from "./log.ts";
import type { Client, ResourceScope } from "./ports.ts";

/** Tells people what a component did to an object, as Event objects beside it. */
export interface EventRecorder {
  /** Never fails and never waits. `object` must know its kind and apiVersion; `fieldPath` is the part of it that is meant. */
  event(
    object: KubeObject,
    type: "Normal" | "Warning",
    reason: string,
    message: string,
    fieldPath?: string,
  ): void;
  /**
   * The newer form (events.k8s.io) that names what was tried: the scheduler's. Repetitions become a series. `related` is whatever else had to do
   * with it.
   */
  action(
    object: KubeObject,
    type: "Normal" | "Warning",
    reason: string,
    action: string,
    message: string,
    related?: KubeObject,
  ): void;
  /** Resolves when everything recorded so far is written or given up. */
  flush(): Promise<void>;
}

export interface EventSink {
  /** `host`: where the component runs, for those that run on many. */
  recorder(component: string, host?: string): EventRecorder;
}

/** How often an event is tried when the server cannot be reached, and how long between (client-go's sink). */
const writeTries = 12;
const writeRetryMs = 10_000;

/** A series is written again at most so often (client-go's finishTime). */
const seriesRefreshMs = 360_000;

/**
 * Writes the Events of all recorders of a process, one after the other, at most `pendingEventsMax` waiting; what does
 * not fit is dropped, since nothing may depend on events.
 */
export function createEventSink(options: {
  client: Client;
  clock: Clock;
  log: Log;
  /** Appears as reportingInstance of actions, after the component: `default-scheduler-vm`. */
  hostName: string;
  signal: AbortSignal;
}): EventSink {
  const { client, clock, log, hostName, signal } = options;
  const correlator = new EventCorrelator(clock);
  const series = new RecentMap<{ event: KubeObject; count: number; lastMs: number; writtenMs: number }>(
    correlatedEventsMax,
  );
  const queue = new BoundedQueue<() => Promise<void>>(pendingEventsMax);
  let draining: Promise<void> | undefined;
  let serial = 0;
  /** Since the queue was empty last. */
  let dropped = 0;

  function enqueue(write: () => Promise<void>): void {
    if (signal.aborted) return;
    if (!queue.tryPush(write)) {
      if (dropped === 0) log.warn("too many events wait: what comes now is dropped");
      dropped++;
      return;
    }
    draining ??= drain().finally(() => {
      draining = undefined;
      if (dropped > 0) log.warn("events were dropped", { count: dropped });
      dropped = 0;
    });
  }

  async function drain(): Promise<void> {
    for (let write = queue.shift(); write !== undefined; write = queue.shift()) {
      for (let tries = 1; !signal.aborted; tries++) {
        try {
          await write();
          break;
        } catch (error) {
          // A Status is the server's last word (a namespace that terminates, a bad name); anything else may pass.
          const final = error instanceof StatusError || tries === writeTries;
          if (final) log.debug("an event cannot be written", { error: errorText(error) });
          if (final) break;
          await pause(clock, writeRetryMs, signal);
        }
      }
    }
  }

  /** Unique per object: upstream appends the nanoseconds since 1970 in hexadecimal. */
  function eventName(objectName: string): string {
    serial = (serial + 1) % 1_000_000;
    const nanoseconds = BigInt(Math.floor(clock.now())) * 1_000_000n + BigInt(serial);
    return `${objectName}.${nanoseconds.toString(16)}`;
  }

  async function writeEvent(event: NewEvent, correlated: CorrelatedEvent, nowMs: number): Promise<void> {
    const scope = eventScope(event.involvedObject);
    const lastTimestamp = formatTime(nowMs);
    // Looked up when its turn comes: the event that it repeats may have been written only now.
    const old = correlator.written(correlated.key);
    if (old !== undefined) {
      try {
        const body = { count: correlated.count, lastTimestamp, message: correlated.message };
        const patch = { type: "strategic" as const, body };
        correlator.wrote(correlated.key, await client.patch(scope, old.metadata.name as string, patch));
        return;
      } catch (error) {
        // Events expire: the repetition of one that did is a new one.
        if (!(error instanceof StatusError) || error.code !== 404) throw error;
      }
    }
    const name = eventName(event.involvedObject.name ?? "");
    const created = await client.create(scope, {
      apiVersion: "v1",
      kind: "Event",
      metadata: { name, namespace: scope.namespace as string },
      involvedObject: event.involvedObject,
      reason: event.reason,
      message: correlated.message,
      source: { component: event.component, ...(event.host === undefined ? {} : { host: event.host }) },
      firstTimestamp: formatTime(correlated.firstTimestampMs),
      lastTimestamp,
      count: correlated.count,
      type: event.type,
      // client-go leaves these two out of what it combines.
      reportingComponent: correlated.combined ? "" : event.component,
      reportingInstance: correlated.combined ? "" : (event.host ?? ""),
    });
    correlator.wrote(correlated.key, created);
  }

  async function writeAction(
    event: NewEvent,
    action: string,
    related: Readonly<Record<string, string>> | undefined,
    nowMs: number,
  ): Promise<void> {
    const { involvedObject: regarding, component, type, reason } = event;
    const scope = { ...eventScope(regarding), group: "events.k8s.io" };
    // One of another version of the object is not a repetition.
    const key = JSON.stringify([regarding, component, type, reason, action, related]);
    const known = series.get(key);
    if (known !== undefined && nowMs - known.lastMs < seriesRefreshMs) {
      known.count++;
      known.lastMs = nowMs;
      if (known.count > 2 && nowMs - known.writtenMs < seriesRefreshMs) return;
      known.writtenMs = nowMs;
      try {
        const body = { series: { count: known.count, lastObservedTime: formatMicroTime(nowMs) } };
        const patch = { type: "strategic" as const, body };
        known.event = await client.patch(scope, known.event.metadata.name as string, patch);
        return;
      } catch (error) {
        if (!(error instanceof StatusError) || error.code !== 404) throw error;
      }
    }
    const created = await client.create(scope, {
      apiVersion: "events.k8s.io/v1",
      kind: "Event",
      metadata: { name: eventName(regarding.name ?? ""), namespace: scope.namespace as string },
      eventTime: formatMicroTime(nowMs),
      reportingController: event.component,
      reportingInstance: `${event.component}-${hostName}`,
      action,
      reason: event.reason,
      regarding,
      ...(related === undefined ? {} : { related }),
      note: event.message,
      type: event.type,
    });
    series.set(key, { event: created, count: 1, lastMs: nowMs, writtenMs: nowMs });
  }

  return {
    recorder: (component, host) => ({
      event(object, type, reason, message, fieldPath) {
        const reference = objectReference(object);
        const involvedObject = fieldPath === undefined ? reference : { ...reference, fieldPath };
        const event = { involvedObject, component, host, type, reason, message };
        const correlated = correlator.correlate(event);
        if (correlated === undefined) return;
        const nowMs = clock.now();
        enqueue(() => writeEvent(event, correlated, nowMs));
      },
      action(object, type, reason, action, message, other) {
        const event = { involvedObject: objectReference(object), component, type, reason, message };
        const related = other === undefined ? undefined : objectReference(other);
        const nowMs = clock.now();
        enqueue(() => writeAction(event, action, related, nowMs));
      },
      async flush() {
        while (draining !== undefined) await draining;
      },
    }),
  };
}

/** Where upstream puts the events of cluster-scoped objects. */
const clusterEventsNamespace = "default";

function eventScope(involvedObject: Readonly<Record<string, string>>): ResourceScope {
  const namespace = involvedObject.namespace;
  return {
    group: "",
    version: "v1",
    resource: "events",
    namespace: namespace === undefined || namespace === "" ? clusterEventsNamespace : namespace,
  };
}

/** v1 ObjectReference, as client-go's GetReference makes it. */
function objectReference(object: KubeObject): Record<string, string> {
  const { namespace, name, uid, resourceVersion } = object.metadata;
  return {
    kind: object.kind ?? "",
    ...(namespace === undefined ? {} : { namespace }),
    name: name ?? "",
    ...(uid === undefined ? {} : { uid }),
    apiVersion: object.apiVersion ?? "",
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
}
