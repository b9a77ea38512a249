/**
 * One member with all its roles: the store and etcd's API (or a store elsewhere), and on top of it the resource API, controllers and nodes
 * (`api.ts`). `cli` and tests call the same function.
 */
import type { Platform } from "../platform/index.ts";
import { createMetrics, type Log } from "../telemetry/index.ts";
import { type Api, startApi } from "./api.ts";
import { type ApiPki, type Pki, preparePki } from "./certificates/pki.ts";
import { firstAddress } from "./cidr.ts";
import type { ApiConfig, ExternalStore, ServerConfig } from "./config.ts";
import type { BackingStore } from "./stores/backing-store.ts";
import { openExternalStore } from "./stores/external-store.ts";
import { openMemberStore } from "./stores/member-store.ts";

/** A running server. */
export interface ApiServer extends Omit<Api, "close"> {
  /** Of the member in this process, or of the external cluster's members, with commas. */
  readonly etcdUrl: string;
  /** Rejects when this member cannot go on. */
  readonly failed: Promise<never>;
  /** Ends cleanly: nodes deregister, watches end, the log is closed. */
  close(): Promise<void>;
}

export interface Server extends ApiServer {
  readonly pki: Pki;
}

/** `given`: made already; else it is read from, or made in, the configuration's directory. */
export async function startServer(
  platform: Platform,
  config: ServerConfig,
  log: Log,
  given?: Pki,
): Promise<Server> {
  const { store, hosts } = config;
  const serviceAddress = firstAddress(config.serviceClusterIpRange);
  const { pki, keep } =
    given === undefined
      ? await preparePki(platform, config.certsDir, { hosts, serviceAddress })
      : { pki: given, keep: async () => {} };
  const opened =
    "servers" in store
      ? openExternalStore(platform, store, log)
      : openMemberStore(platform, config, store, { log, pki, metrics: createMetrics() });
  // The disk takes new certificates while the API starts: before that it has the store's log to make.
  const started = opened.then((backing) => startOn(backing, platform, config, log, pki));
  const [server, kept] = await Promise.allSettled([started, opened.then(keep)]);
  if (server.status === "rejected") throw server.reason;
  if (kept.status === "fulfilled") return { ...server.value, pki };
  await server.value.close();
  throw kept.reason;
}

/** The resource API on an etcd cluster that others run, with certificates that others made. */
export async function startApiServer(
  platform: Platform,
  config: ApiConfig & { readonly store: ExternalStore },
  log: Log,
  pki: ApiPki,
  rereadPki: () => Promise<ApiPki>,
): Promise<ApiServer> {
  const store = await openExternalStore(platform, config.store, log);
  return startOn(store, platform, config, log, pki, rereadPki);
}

async function startOn(
  store: BackingStore,
  platform: Platform,
  config: ApiConfig,
  log: Log,
  pki: ApiPki,
  rereadPki?: () => Promise<ApiPki>,
): Promise<ApiServer> {
  try {
    const api = await startApi(platform, config, { log, store, pki, rereadPki });
    return {
      ...api,
      etcdUrl: store.etcdUrl,
      failed: store.failed,
      async close() {
        await api.close();
        await store.close();
      },
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}
