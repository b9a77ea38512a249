/**
 * Host names for Services: Ingresses and OpenShift's Routes become one table of routes (table.ts), a driver carries the requests by it.
 *
 *     Ingress, Route, IngressClass, Secret, Service ─▶ buildTable ─▶ changed? ─▶ driver.setTable      (HAProxy: a reload)
 *     EndpointSlice ─▶ entries of that Service ─────────────────────────────▶ driver.endpointsChanged (HAProxy: its socket)
 *     table ─▶ status of every owner whose part of it changed
 */
import type { Catalog } from "../catalog/index.ts";
import {
  type Client,
  type EventRecorder,
  errorText,
  type InformerFactory,
  type Log,
} from "../client/index.ts";
import type { Platform } from "../platform/index.ts";
import { endpointsOfEntry, type WeightedEndpoint } from "./backends.ts";
import { isUsableCertificate } from "./certificates.ts";
import type { Driver, EndpointsOf } from "./driver.ts";
import { ensureIngressClass, ensureRouteKind } from "./kinds.ts";
import { resyncMs } from "./limits.ts";
import { RouteSources } from "./sources.ts";
import { createStatusWriter } from "./status.ts";
import { buildTable } from "./table.ts";
import type { RouteEntry, RouteTable } from "./types.ts";

export interface RouterOptions {
  readonly platform: Platform;
  readonly client: Client;
  readonly catalog: Catalog;
  readonly informers: InformerFactory;
  readonly log: Log;
  readonly recorder?: EventRecorder;
  readonly signal: AbortSignal;
  /** What the owners of Ingresses are told to connect to. */
  readonly publishAddress: string;
  readonly startDriver: (endpointsOf: EndpointsOf) => Promise<Driver>;
}

export interface Router {
  readonly driver: Driver;
  readonly table: () => RouteTable;
  readonly endpointsOf: EndpointsOf;
  /** The driver routes by what the informers knew when they had synced. */
  readonly ready: Promise<void>;
  close(): Promise<void>;
}

const emptyTable: RouteTable = {
  entries: [],
  certificates: new Map(),
  problems: new Map(),
  admitted: new Set(),
};

export async function startRouter(options: RouterOptions): Promise<Router> {
  const { platform, client, catalog, informers, log, signal } = options;
  const { clock, loop } = platform;
  const sources = new RouteSources(informers, catalog, isUsableCertificate);
  let table = emptyTable;
  let shape = "";
  let entriesOf = new Map<string, RouteEntry[]>();
  const endpoints = new Map<string, readonly WeightedEndpoint[]>();
  let pending: { rebuild: boolean; keys: Set<string> } | undefined;
  let working = Promise.resolve();
  let started = false;

  const endpointsOf: EndpointsOf = (entry) => {
    let found = endpoints.get(entry.id);
    if (found === undefined) {
      found = endpointsOfEntry(catalog, entry);
      endpoints.set(entry.id, found);
    }
    return found;
  };
  const driver = await options.startDriver(endpointsOf);
  const status = createStatusWriter({
    client,
    clock,
    log,
    recorder: options.recorder,
    address: options.publishAddress,
    ports: [driver.http.port, driver.https.port],
    ingress: (namespace, name) => sources.findIngress(namespace, name),
    route: (namespace, name) => sources.findRoute(namespace, name),
    table: () => table,
  });

  /** Changes of one turn are dealt with together, one batch after the other. */
  function note(change: { rebuild: boolean; keys?: Iterable<string> }): void {
    if (pending === undefined) {
      pending = { rebuild: false, keys: new Set() };
      loop.soon(() => {
        if (!started) return;
        working = working.then(bringUpToDate);
      });
    }
    pending.rebuild ||= change.rebuild;
    for (const key of change.keys ?? []) pending.keys.add(key);
  }

  async function bringUpToDate(): Promise<void> {
    const batch = pending;
    pending = undefined;
    if (batch === undefined || signal.aborted) return;
    try {
      // Before anything else, so that no request is sent where nobody is any more.
      const touched = [...batch.keys].flatMap((key) => entriesOf.get(key) ?? []);
      for (const { id } of touched) endpoints.delete(id);
      const isNew =
        batch.rebuild || [...batch.keys].some((key) => !entriesOf.has(key)) || serviceChanged(batch.keys);
      if (isNew && rebuild()) await install();
      else if (touched.length > 0) await driver.endpointsChanged(touched);
    } catch (error) {
      log.error("the routes could not be brought up to date", { error: errorText(error) });
    }
  }

  /** Hands the table over; what the driver refuses is no part of it, and its owner is told. */
  async function install(): Promise<void> {
    const refused = await driver.setTable(table);
    if (refused.size === 0) return;
    const problems = new Map(table.problems);
    const entries = table.entries.filter(({ id }) => !refused.has(id));
    for (const { id, owner } of table.entries) {
      const message = refused.get(id);
      if (message === undefined) continue;
      problems.set(owner, [...(problems.get(owner) ?? []), { reason: "RefusedByDriver", message }]);
      status.update(owner);
    }
    table = { ...table, entries, problems, admitted: new Set(entries.map(({ owner }) => owner)) };
  }

  const versions = new Map<string, string | undefined>();
  function serviceChanged(keys: Iterable<string>): boolean {
    let changed = false;
    for (const key of keys) {
      const version = catalog.services.getByKey(key)?.metadata.resourceVersion;
      if (versions.get(key) !== version) changed = true;
      versions.set(key, version);
    }
    return changed;
  }

  /** False: the table is as it was. */
  function rebuild(): boolean {
    const before = table;
    const next = buildTable(sources);
    table = next;
    for (const owner of new Set([
      ...before.admitted,
      ...before.problems.keys(),
      ...next.admitted,
      ...next.problems.keys(),
    ]))
      status.update(owner);
    const nextShape = JSON.stringify([next.entries, [...next.certificates]]);
    if (nextShape === shape) return false;
    shape = nextShape;
    entriesOf = new Map();
    for (const entry of next.entries)
      for (const { serviceKey } of entry.targets)
        entriesOf.set(serviceKey, [...(entriesOf.get(serviceKey) ?? []), entry]);
    endpoints.clear();
    return true;
  }

  const again = (): void => note({ rebuild: true });
  sources.onChange(again);
  // Whoever wrote to an Ingress may have written its status away.
  sources.onIngress(({ metadata }) => status.update(`Ingress ${metadata.namespace}/${metadata.name}`));
  const stopFollowing = catalog.onChange((keys) => note({ rebuild: false, keys }));
  void ensureIngressClass(client, clock, log, signal);
  void ensureRouteKind(client, clock, log, signal).then((served) => {
    if (served) sources.followRoutes(informers, again);
  });
  const resync = clock.every(
    resyncMs,
    () => {
      working = working
        .then(async () => {
          endpoints.clear();
          if (rebuild()) await install();
          else await driver.resync();
        })
        .catch((error) => log.error("the routes could not be compared", { error: errorText(error) }));
    },
    { background: true },
  );

  return {
    driver,
    table: () => table,
    endpointsOf,
    ready: Promise.all([catalog.synced, sources.synced]).then(async () => {
      started = true;
      pending = { rebuild: true, keys: new Set() };
      working = working.then(bringUpToDate);
      await working;
    }),
    async close() {
      resync.cancel();
      stopFollowing();
      await status.stop();
      await working;
      await driver.close();
    },
  };
}
