import { type KubeObject, StatusError, type WatchEvent } from "../apimachinery/index.ts";
import type { Clock, Random } from "../platform/index.ts";
import { Backoff, pause } from "./backoff.ts";
import { listPageSize } from "./limits.ts";
import { errorText, type Log } from "./log.ts";
import type { Client, ResourceScope } from "./ports.ts";

/** Receives the state of a resource, then its changes, synchronously and in order. */
interface ReflectorSink<T extends KubeObject> {
  /** The whole state: what is not in it is gone. */
  replace(items: readonly T[]): void;
  apply(event: WatchEvent<T> & { type: "ADDED" | "MODIFIED" | "DELETED" }): void;
}

export interface ReflectorOptions<T extends KubeObject> {
  readonly client: Client;
  readonly scope: ResourceScope;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Ask for the state as a watch with initial events; falls back to a list where the server refuses. */
  readonly streamingList?: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly sink: ReflectorSink<T>;
  readonly signal: AbortSignal;
}

/** A server ends watches after this many seconds, drawn from min..2·min, so that they do not all end together. */
const watchSecondsMin = 300;

/** A watch that ends sooner than this without an event is a failure, not a time-out. */
const watchShortMs = 1_000;

/** The annotation of the bookmark that closes a streaming list (KEP-3157). */
const initialEventsEnd = "k8s.io/initial-events-end";

/**
 * Keeps a sink equal to a resource until the signal fires: list, watch from the list's resourceVersion, carry on from the
 * last event or bookmark when the stream ends, list again when that version is gone (410). Failures are retried with
 * back-off for ever. client-go's Reflector.
 */
export async function runReflector<T extends KubeObject>(options: ReflectorOptions<T>): Promise<void> {
  const { clock, random, log, signal, scope } = options;
  const backoff = new Backoff({ baseMs: 100, maxMs: 30_000, jitter: 1, resetMs: 120_000 }, clock, random);
  const state: ReflectorState = {
    streaming: options.streamingList ?? false,
    // "0": any state that the server has at hand; after a 410 only the newest will do.
    listFrom: "0",
    resourceVersion: undefined,
  };
  while (!signal.aborted) {
    const started = clock.monotonic();
    try {
      if (state.resourceVersion === undefined && !state.streaming) await list(options, state);
      const events = await watch(options, state);
      if (signal.aborted) return;
      if (events > 0 || clock.monotonic() - started >= watchShortMs) {
        backoff.reset();
        continue;
      }
      log.debug("a watch ended at once", { resource: scope.resource });
    } catch (error) {
      if (signal.aborted) return;
      if (isGone(error)) {
        log.debug("the watched version is gone: listing again", { resource: scope.resource });
        if (state.resourceVersion === undefined) state.listFrom = "";
        else {
          // The first relist after a version expired costs nothing but time when it is delayed.
          state.resourceVersion = undefined;
          state.listFrom = "";
          continue;
        }
      } else if (state.streaming && state.resourceVersion === undefined && refusesStreaming(error)) {
        state.streaming = false;
        continue;
      } else {
        log.warn("cannot list or watch", { resource: scope.resource, error: errorText(error) });
      }
    }
    await pause(clock, backoff.next(), signal);
  }
}

interface ReflectorState {
  streaming: boolean;
  listFrom: string;
  /** Where to go on watching; undefined: the state must be read first. */
  resourceVersion: string | undefined;
}

async function list<T extends KubeObject>(
  options: ReflectorOptions<T>,
  state: ReflectorState,
): Promise<void> {
  const { client, scope, sink, signal } = options;
  const selectors = selectorsOf(options);
  // A limit would turn a list from the watch cache into one from the store, so it goes with "newest" only.
  const first = state.listFrom === "0" ? { resourceVersion: "0" } : { limit: listPageSize };
  let page = await client.list<T>(scope, { ...selectors, ...first });
  const items = page.items ?? [];
  const resourceVersion = page.metadata.resourceVersion ?? "";
  while (page.metadata.continue !== undefined && page.metadata.continue !== "" && !signal.aborted) {
    page = await client.list<T>(scope, {
      ...selectors,
      limit: listPageSize,
      continue: page.metadata.continue,
    });
    items.push(...(page.items ?? []));
  }
  if (signal.aborted) return;
  // Items of a typed list do not say what they are; events of a watch do.
  const kind = page.kind.endsWith("List") ? page.kind.slice(0, -4) : page.kind;
  for (const item of items) {
    item.kind ??= kind;
    item.apiVersion ??= page.apiVersion;
  }
  sink.replace(items);
  state.resourceVersion = resourceVersion;
}

/** Events applied until the stream ended. */
async function watch<T extends KubeObject>(
  options: ReflectorOptions<T>,
  state: ReflectorState,
): Promise<number> {
  const { client, scope, sink, signal, random } = options;
  const initial: Map<string, T> | undefined = state.resourceVersion === undefined ? new Map() : undefined;
  let reading = initial !== undefined;
  let events = 0;
  const stream = client.watch<T>(scope, {
    ...selectorsOf(options),
    ...(initial === undefined
      ? { resourceVersion: state.resourceVersion as string }
      : {
          sendInitialEvents: true,
          resourceVersionMatch: "NotOlderThan" as const,
          ...(state.listFrom === "" ? {} : { resourceVersion: state.listFrom }),
        }),
    allowWatchBookmarks: true,
    timeoutSeconds: Math.floor(watchSecondsMin * (1 + random.number())),
    signal,
  });
  for await (const event of stream) {
    if (signal.aborted) break;
    if (event.type === "ERROR") throw new StatusError(event.object as never);
    const { metadata } = event.object;
    if (event.type === "BOOKMARK") {
      if (reading) {
        if (metadata.annotations?.[initialEventsEnd] !== "true") continue;
        sink.replace([...(initial as Map<string, T>).values()]);
        reading = false;
      }
    } else if (reading) {
      const key = `${metadata.namespace ?? ""}/${metadata.name}`;
      if (event.type === "DELETED") initial?.delete(key);
      else initial?.set(key, event.object);
      continue;
    } else {
      sink.apply(event as WatchEvent<T> & { type: "ADDED" | "MODIFIED" | "DELETED" });
    }
    events++;
    if (metadata.resourceVersion !== undefined) state.resourceVersion = metadata.resourceVersion;
  }
  return events;
}

function selectorsOf(options: { labelSelector?: string; fieldSelector?: string }): {
  labelSelector?: string;
  fieldSelector?: string;
} {
  return {
    ...(options.labelSelector === undefined ? {} : { labelSelector: options.labelSelector }),
    ...(options.fieldSelector === undefined ? {} : { fieldSelector: options.fieldSelector }),
  };
}

/** 410, whatever its reason; and a version from before the server's store was replaced. */
function isGone(error: unknown): boolean {
  if (!(error instanceof StatusError)) return false;
  if (error.code === 410) return true;
  return error.status.details?.causes?.some((cause) => cause.reason === "ResourceVersionTooLarge") === true;
}

function refusesStreaming(error: unknown): boolean {
  return error instanceof StatusError && (error.code === 422 || error.code === 400);
}
