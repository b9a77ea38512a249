/**
 * One member with all its roles: the store and etcd's API (or a store elsewhere), the resource API on top of it, the controllers on top of that, and hollow
 * nodes where asked for. `cli` and tests call the same function.
 */
import protobufTable from "../../schemas/kubernetes/protobuf.json" with { type: "json" };
import { type AccessControl, type ApiServer, createApiServer, type PolicyFeed } from "../apiserver/index.ts";
import { type Client, createClient } from "../client/index.ts";
import { serveHttp } from "../member/index.ts";
import type { Platform } from "../platform/index.ts";
import { createRegistry, type Registry } from "../registry/index.ts";
import { createCacher } from "../storage/index.ts";
import { createMetrics, type Log, type Metrics } from "../telemetry/index.ts";
import { createKubernetesCodec, type KubernetesCodec, type KubernetesTable } from "../wire/index.ts";
import { openAccessControl } from "./access.ts";
import type { BackingStore } from "./backing-store.ts";
import { ensureBootstrapRoles } from "./bootstrap-roles.ts";
import { firstAddress } from "./cidr.ts";
import { componentsOf } from "./components.ts";
import type { ServerConfig } from "./config.ts";
import { startControllers } from "./controllers.ts";
import { ensureExtensionAuthentication } from "./extension-authentication.ts";
import { openExternalStore } from "./external-store.ts";
import { keepFlowControl } from "./flow-control.ts";
import { startHollowNodes } from "./hollow-nodes.ts";
import { hostPort } from "./host-port.ts";
import { keepKubernetesEndpoints, publishedAddress } from "./kubernetes-endpoints.ts";
import { keepKubernetesService } from "./kubernetes-service.ts";
import { openMemberStore } from "./member-store.ts";
import { ensurePki, type Pki } from "./pki.ts";
import { plantSeed } from "./seed.ts";
import { keepServiceCidr } from "./service-cidr.ts";
import { keepSystemNamespaces } from "./system-namespaces.ts";
import { ensureSystemPriorityClasses } from "./system-priority-classes.ts";

export interface Server {
  readonly pki: Pki;
  /** `https://127.0.0.1:6443` */
  readonly apiUrl: string;
  /** Of the member in this process, or of the external cluster's members, with commas. */
  readonly etcdUrl: string;
  /** /readyz says ok: there is a leader, and the controllers' first lists are in where they run here. */
  readonly ready: Promise<void>;
  /** Rejects when this member cannot go on. */
  readonly failed: Promise<never>;
  /** A client of the resource API without a socket, as a member of system:masters. */
  client(userAgent: string): Client;
  /** Ends cleanly: nodes deregister, watches end, the log is closed. */
  close(): Promise<void>;
}

const eventTtlSeconds = 3600;
const nodePortRange = { from: 30_000, to: 32_767 };

/** `pki`: made already; else it is read from, or made in, the configuration's directory. */
export async function startServer(
  platform: Platform,
  config: ServerConfig,
  log: Log,
  pki?: Pki,
): Promise<Server> {
  const { clock } = platform;
  const serviceAddress = firstAddress(config.serviceClusterIpRange);
  const certificates =
    pki ?? (await ensurePki(platform, config.certsDir, { hosts: config.hosts, serviceAddress }));
  const closing: (() => Promise<void> | void)[] = [];
  const closeAll = async () => {
    for (const close of closing.splice(0).reverse()) await close();
  };
  try {
    const access = await openAccessControl(platform, config, { log, pki: certificates });
    const store = await openStore(platform, config, { log, pki: certificates, metrics: createMetrics() });
    closing.push(() => store.close());

    const { api, registry, policy } = createApi(platform, config, {
      log,
      store,
      access,
      pki: certificates,
    });
    closing.push(() => registry.close());
    closing.push(() => policy.close());
    const tls = { ...certificates.apiServer, ca: certificates.apiCa, clientCertificate: "request" as const };
    const http = await serveHttp(
      platform,
      config.api,
      { onRequest: api.callback, onUpgrade: api.upgrade },
      tls,
    );
    closing.push(async () => {
      await api.close();
      await http.close();
    });

    const client = (userAgent: string) => {
      const user = { name: "system:admin", groups: ["system:masters", "system:authenticated"] };
      return createClient({ transport: api.transport(user), userAgent });
    };
    const stopping = new AbortController();
    closing.push(() => stopping.abort());
    const own = {
      client: client("kube-apiserver"),
      clock,
      random: platform.random,
      log: log.channel("apiserver"),
      signal: stopping.signal,
    };
    const ip = publishedAddress(config.api.host, config.localPodCidr !== undefined);
    const seeded = store.ready
      .then(() => plantSeed({ kv: store.kv, platform, file: config.seedFile, prefix: config.etcdPrefix }))
      .catch((error: Error) => own.log.warn("the seed was not planted", { error: error.message }));
    const namespaces = seeded.then(() => keepSystemNamespaces(own).there);
    const controllers = startControllers({
      platform,
      config,
      log,
      pki: certificates,
      access,
      leadership: store.leadership,
      namespaces,
      client,
    });
    closing.push(() => controllers.stop());
    const cidrs = config.serviceClusterIpRange.split(",").map((range) => range.trim());
    const flowControl = client("api-priority-and-fairness-config-producer-v1");
    const kubernetes = () =>
      Promise.all([
        keepKubernetesService({ ...own, clusterIp: serviceAddress, port: http.port }).there,
        ip === undefined
          ? undefined
          : keepKubernetesEndpoints({ ...own, network: platform.network, ip, port: http.port }).there,
      ]);
    // By the names that upstream's hooks for the same have in /readyz?verbose.
    const hooks: Record<string, Promise<unknown>> = {
      "start-apiextensions-informers": registry.ready,
      "start-system-namespaces-controller": seeded.then(() => namespaces),
      "start-cluster-authentication-info-controller": seeded.then(() =>
        ensureExtensionAuthentication({ ...own, pki: certificates }),
      ),
      "rbac/bootstrap-roles": seeded.then(() => ensureBootstrapRoles(own)),
      "scheduling/bootstrap-system-priority-classes": seeded.then(() => ensureSystemPriorityClasses(own)),
      "priority-and-fairness-config-producer": seeded.then(
        () => keepFlowControl({ ...own, client: flowControl }).there,
      ),
      "bootstrap-controller": seeded.then(kubernetes),
      "start-kubernetes-service-cidr-controller": seeded.then(() => keepServiceCidr({ ...own, cidrs }).there),
    };
    const bootstrapped = Promise.all(Object.values(hooks));
    // Nobody who is not another server waits for the list of who serves what.
    void store.ready.then(() => api.aggregate());
    let synced = false;
    const informed = Promise.all([controllers.working, bootstrapped, policy.synced, registry.ready]).then(
      () => {
        synced = true;
      },
    );
    api.addReadinessCheck("informer-sync", () => (synced ? undefined : "first lists are not in yet"));
    for (const [name, done] of Object.entries(hooks)) api.addStartHook(name, done);
    const nodes = await startHollowNodes({
      client: client("raftsman-node"),
      platform,
      count: config.hollowNodes,
      // Nodes of several members must not share names.
      prefix: store.leadership.by === "alone" ? "hollow" : `${config.name}-hollow`,
      log,
    });
    closing.push(() => nodes.close());

    return {
      pki: certificates,
      apiUrl: `https://${hostPort(http)}`,
      etcdUrl: store.etcdUrl,
      ready: store.ready.then(() => Promise.all([nodes.registered, informed])).then(() => {}),
      failed: store.failed,
      client,
      close: closeAll,
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

function openStore(
  platform: Platform,
  config: ServerConfig,
  parts: { log: Log; pki: Pki; metrics: Metrics },
): Promise<BackingStore> {
  const { store } = config;
  return "servers" in store
    ? openExternalStore(platform, store, parts.log)
    : openMemberStore(platform, config, store, parts);
}

function createApi(
  platform: Platform,
  config: ServerConfig,
  { log, store, access, pki }: { log: Log; store: BackingStore; access: AccessControl; pki: Pki },
): { api: ApiServer; registry: Registry; policy: PolicyFeed } {
  const { clock, random } = platform;
  const { kv, windowFrom } = store;
  const registry = createRegistry({
    storageFor: ({ keyPrefix, namespaced, indexes }) =>
      createCacher({
        kv,
        clock,
        keyPrefix,
        namespaced,
        indexes,
        ...(windowFrom === undefined ? {} : { windowFrom }),
      }),
    clock,
    random,
    flags: {
      etcdPrefix: config.etcdPrefix,
      serviceClusterIpRange: config.serviceClusterIpRange,
      serviceNodePortRange: nodePortRange,
      ...(config.localPodCidr === undefined ? {} : { localPodCidr: config.localPodCidr }),
      eventTtlSeconds,
    },
    access: access.forRegistry,
    components: () => componentsOf(store, config.controllers),
    conversionWebhook: (webhook, review) => api.convert(webhook, review),
    onTrouble: (message, error) =>
      log
        .channel("apiserver")
        .debug(message, { error: error instanceof Error ? error.message : String(error) }),
  });
  let codec: KubernetesCodec | undefined;
  const api: ApiServer = createApiServer({
    registry,
    access,
    outbound: {
      connect: (to) => platform.network.connect(to),
      kubeletClient: pki.kubeletClient,
      ...(config.localPodCidr === undefined ? {} : { localPodCidr: config.localPodCidr }),
    },
    clock,
    random,
    log: log.channel("apiserver"),
    frontProxy: pki.frontProxy,
    protobuf: () => {
      codec ??= createKubernetesCodec(protobufTable as KubernetesTable);
      return codec;
    },
  });
  // A member that waits for the others is alive, but not ready.
  api.addLivenessCheck("etcd", () => undefined);
  api.addReadinessCheck("etcd-readiness", () => store.problem());
  return { api, registry, policy: access.follow(registry) };
}
