/** The resource API on a store, the controllers on top of that, and hollow nodes where asked for. */

import protobufTable from "../../schemas/kubernetes/protobuf.json" with { type: "json" };
import type { AdmissionSelection } from "../admission/index.ts";
import { type AccessControl, type ApiServer, createApiServer, type PolicyFeed } from "../apiserver/index.ts";
import type { Auditor } from "../audit/index.ts";
import { type Client, createClient } from "../client/index.ts";
import { serveHttp } from "../member/index.ts";
import type { Platform } from "../platform/index.ts";
import { createRegistry, type Registry } from "../registry/index.ts";
import { createCacher } from "../storage/index.ts";
import { createMetrics, type Log } from "../telemetry/index.ts";
import { createKubernetesCodec, type KubernetesCodec, type KubernetesTable } from "../wire/index.ts";
import { openAccessControl } from "./access/access-control.ts";
import { openAdmission } from "./access/admission.ts";
import { openAuditor } from "./access/audit.ts";
import { ensureExtensionAuthentication } from "./access/extension-authentication.ts";
import { ensureLegacyTokenTracking } from "./access/legacy-token-tracking.ts";
import { followCertificates, servingMaterial } from "./certificates/follow.ts";
import type { ApiPki } from "./certificates/pki.ts";
import { firstAddress } from "./cidr.ts";
import { componentsOf } from "./components.ts";
import type { ApiConfig } from "./config.ts";
import { startControllers } from "./controllers.ts";
import { hostPort } from "./host-port.ts";
import { startHollowNodes } from "./nodes/hollow-nodes.ts";
import { checkServed } from "./runtime-config.ts";
import { type StartStep, startHooks } from "./start-hooks.ts";
import { ensureBootstrapRoles } from "./start-objects/bootstrap-roles.ts";
import { keepFlowControl } from "./start-objects/flow-control.ts";
import { keepIdentityLease } from "./start-objects/identity-lease.ts";
import { keepKubernetesEndpoints, publishedAddress } from "./start-objects/kubernetes-endpoints.ts";
import { keepKubernetesService } from "./start-objects/kubernetes-service.ts";
import { plantSeed } from "./start-objects/seed.ts";
import { keepServiceCidr } from "./start-objects/service-cidr.ts";
import { keepSystemNamespaces } from "./start-objects/system-namespaces.ts";
import { ensureSystemPriorityClasses } from "./start-objects/system-priority-classes.ts";
import type { BackingStore } from "./stores/backing-store.ts";
import { openEncryption, type StoreOfResource } from "./stores/encryption.ts";

export interface Api {
  /** `https://127.0.0.1:6443` */
  readonly apiUrl: string;
  /** /readyz says ok: there is a leader, and the controllers' first lists are in where they run here. */
  readonly ready: Promise<void>;
  /** A client of the resource API without a socket, as a member of system:masters. */
  client(userAgent: string): Client;
  /** Ends cleanly: nodes deregister, watches end. The store stays open. */
  close(): Promise<void>;
}

const standardEventTtlSeconds = 3600;
/** Of keys that differ; more would not tell more. */
const loggedKeysMax = 10;
const standardNodePortRange = { from: 30_000, to: 32_767 };

/** What it stands on. */
interface ApiParts {
  readonly log: Log;
  readonly store: BackingStore;
  readonly pki: ApiPki;
  /** Reads the certificates' files again; left out where they do not change while it runs. */
  readonly rereadPki?: (() => Promise<ApiPki>) | undefined;
}

/** What it is made of. */
interface ServedParts extends ApiParts {
  readonly access: AccessControl;
  readonly auditor: Auditor | undefined;
  readonly storeOf: StoreOfResource;
  readonly admission: AdmissionSelection;
}

export async function startApi(
  platform: Platform,
  config: ApiConfig,
  { log, store, pki, rereadPki }: ApiParts,
): Promise<Api> {
  const { clock } = platform;
  const serviceAddress = firstAddress(config.serviceClusterIpRange);
  const closing: (() => Promise<void> | void)[] = [];
  const closeAll = async () => {
    for (const close of closing.splice(0).reverse()) await close();
  };
  try {
    const storeOf = await openEncryption(platform, config, store.kv);
    const admission = await openAdmission(platform.disk, config);
    const auditor = config.audit && (await openAuditor(platform, config.audit, log));
    const access = await openAccessControl(platform, config, { log, pki });
    const served = { log, store, pki, access, auditor, storeOf, admission };
    const { api, registry, policy } = createApi(platform, config, served);
    closing.push(() => registry.close());
    closing.push(() => policy.close());
    const material = servingMaterial(pki);
    const tls = {
      ...material,
      ...(config.tlsMinVersion && { minVersion: config.tlsMinVersion }),
      clientCertificate: material.ca === undefined ? ("none" as const) : ("request" as const),
    };
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
    const { advertise = publishedAddress(config.api.host, config.localPodCidr !== undefined) } = config;
    const ip = advertise === "nowhere" ? undefined : advertise;
    const tellAuthorities = ({ clientCa, requestHeader }: ApiPki) =>
      ensureExtensionAuthentication({ ...own, clientCa, requestHeader });
    const seeded = store.ready
      .then(() => plantSeed({ kv: store.kv, platform, file: config.seedFile, prefix: config.etcdPrefix }))
      .catch((error: Error) => {
        own.log.warn("the seed was not planted", { error: error.message });
        return false;
      })
      .then((isPlanted) => ({ ...own, isPlanted }));
    const namespaces = seeded.then((planted) => keepSystemNamespaces(planted).there);
    const controllers = startControllers({
      platform,
      config,
      log,
      pki,
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
    const told = seeded.then(() => tellAuthorities(pki));
    if (rereadPki !== undefined) {
      const following = followCertificates({
        ...own,
        pki,
        reread: rereadPki,
        use(current) {
          access.trust(current);
          http.renewTls?.(servingMaterial(current));
        },
        onUsed: (current) => void told.then(() => tellAuthorities(current)),
      });
      closing.push(() => following.cancel());
    }
    const steps: Record<StartStep, Promise<unknown>> = {
      aggregation: store.ready.then(() => api.aggregate()),
      authentication: told,
      flowControl: seeded.then((planted) => keepFlowControl({ ...planted, client: flowControl }).there),
      identityLease: namespaces.then(() => keepIdentityLease({ ...own, name: config.name }).there),
      kubernetesService: seeded.then(kubernetes),
      namespaces: seeded.then(() => namespaces),
      policy: policy.synced,
      priorityClasses: seeded.then(ensureSystemPriorityClasses),
      registry: registry.ready,
      roles: seeded.then(ensureBootstrapRoles),
      serviceCidrs: seeded.then(() => keepServiceCidr({ ...own, cidrs }).there),
      tokenTracking: seeded.then(() => ensureLegacyTokenTracking(own)),
    };
    let synced = false;
    const informed = Promise.all([controllers.working, ...Object.values(steps)]).then(() => {
      synced = true;
    });
    api.addReadinessCheck("informer-sync", () => (synced ? undefined : "first lists are not in yet"));
    for (const [name, step] of startHooks) api.addStartHook(name, steps[step]);
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
      apiUrl: `https://${hostPort(http)}`,
      ready: store.ready.then(() => Promise.all([nodes.registered, informed])).then(() => {}),
      client,
      close: closeAll,
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

function createApi(
  platform: Platform,
  config: ApiConfig,
  parts: ServedParts,
): { api: ApiServer; registry: Registry; policy: PolicyFeed } {
  const { clock, random } = platform;
  const { log, store, access, pki, auditor, storeOf, admission } = parts;
  const { windowFrom } = store;
  const metrics = createMetrics();
  const compared = metrics.counter(
    "apiserver_storage_consistency_checks_total",
    "Comparisons of the watch cache with the store, by how they ended.",
    ["group", "resource", "status"],
  );
  checkServed(config.runtimeConfig ?? []);
  const registry = createRegistry({
    storageFor: ({ group, resource, keyPrefix, namespaced, indexes }) =>
      createCacher({
        kv: storeOf({ group, resource }),
        clock,
        keyPrefix,
        namespaced,
        indexes,
        frozen: config.frozenObjects === true,
        onCompared(status, differing) {
          compared.with(group, resource, status).add();
          if (status !== "failure") return;
          const keys = differing.slice(0, loggedKeysMax);
          log
            .channel("apiserver")
            .error("the watch cache was not as the store is: it is read anew", { group, resource, keys });
        },
        ...(windowFrom === undefined ? {} : { windowFrom }),
      }),
    clock,
    random,
    flags: {
      etcdPrefix: config.etcdPrefix,
      serviceClusterIpRange: config.serviceClusterIpRange,
      serviceNodePortRange: config.serviceNodePortRange ?? standardNodePortRange,
      ...(config.localPodCidr === undefined ? {} : { localPodCidr: config.localPodCidr }),
      eventTtlSeconds: config.eventTtlSeconds ?? standardEventTtlSeconds,
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
    admission,
    outbound: {
      connect: (to) => platform.network.connect(to),
      kubeletClient: pki.kubeletClient,
      ...(config.localPodCidr === undefined ? {} : { localPodCidr: config.localPodCidr }),
    },
    clock,
    random,
    log: log.channel("apiserver"),
    metrics,
    frontProxy: pki.frontProxy,
    auditor,
    inFlight: config.inFlight,
    watchSeconds: config.watchSeconds,
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
