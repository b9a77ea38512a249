import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import {
  type ApiServer,
  createAccessControl,
  createApiServer,
  type ServiceAccountKeys,
} from "../../src/apiserver/index.ts";
import type { Auditor } from "../../src/audit/index.ts";
import { signingKey } from "../../src/auth/index.ts";
import type { Revision } from "../../src/base/index.ts";
import { createClient, silentLog } from "../../src/client/index.ts";
import { ensureBootstrapRoles } from "../../src/main/start-objects/bootstrap-roles.ts";
import { type Clock, nodePlatform } from "../../src/platform/index.ts";
import { createRegistry, type Registry } from "../../src/registry/index.ts";
import { createCacher } from "../../src/storage/index.ts";
import { createKubernetesCodec, type KubernetesTable } from "../../src/wire/index.ts";
import { MvccKv } from "../storage/mvcc-kv.ts";

/** An API server over the real store of one member, without sockets. */
export interface OpenServer {
  readonly server: ApiServer;
  readonly registry: Registry;
  readonly kv: MvccKv;
  /** Makes the roles of a fresh server, and resolves when they count. */
  bootstrapRoles(): Promise<void>;
  /** What the server logged. */
  readonly logged: string[];
  close(): Promise<void>;
}

const ellipticKey = signingKey(
  generateKeyPairSync("ec", { namedCurve: "P-256" })
    .privateKey.export({ type: "pkcs8", format: "pem" })
    .toString(),
);
const serviceAccountKeys: ServiceAccountKeys = {
  issuers: ["https://kubernetes.default.svc.cluster.local"],
  audiences: [],
  signing: ellipticKey,
  verification: [ellipticKey],
};

export function openServer(
  options: {
    clock?: Clock;
    etcdPrefix?: string;
    serviceClusterIpRange?: string;
    /** A store that another server filled. */
    kv?: MvccKv;
    serviceAccounts?: Partial<ServiceAccountKeys>;
    /** What the server serves of the registry. */
    serves?: (registry: Registry) => Registry;
    auditor?: Auditor;
    outbound?: Parameters<typeof createApiServer>[0]["outbound"];
    watchSeconds?: number;
  } = {},
): OpenServer {
  const { random, clock: realClock } = nodePlatform();
  const clock = options.clock ?? realClock;
  const kv = options.kv ?? new MvccKv();
  const logged: string[] = [];
  const log = {
    error: (message: string, fields: object) => void logged.push(`${message}: ${JSON.stringify(fields)}`),
  };
  const access = createAccessControl({
    clock,
    random,
    log,
    serviceAccounts: { ...serviceAccountKeys, ...options.serviceAccounts },
    tokens: [
      { token: "admin-token", user: { name: "admin", uid: "admin-uid", groups: ["system:masters"] } },
      { token: "user-token", user: { name: "alice", uid: "alice-uid", groups: ["dev"] } },
    ],
  });
  const registry = createRegistry({
    onTrouble: (message, error) => logged.push(`${message}: ${String(error)}`),
    components: () => [{ name: "etcd-0", problem: undefined }],
    storageFor: ({ keyPrefix, namespaced, indexes }) =>
      createCacher({ kv, clock, keyPrefix, namespaced, indexes, windowFrom: 1 as Revision, frozen: true }),
    clock,
    random,
    flags: {
      etcdPrefix: options.etcdPrefix ?? "/kubernetes.io",
      serviceClusterIpRange: options.serviceClusterIpRange ?? "10.0.0.0/24",
      serviceNodePortRange: { from: 30_000, to: 32_767 },
      eventTtlSeconds: 3600,
    },
    access: access.forRegistry,
    conversionWebhook: (webhook, review) => server.convert(webhook, review),
  });
  const server: ApiServer = createApiServer({
    registry: options.serves?.(registry) ?? registry,
    access,
    clock,
    random,
    log,
    auditor: options.auditor,
    ...(options.outbound && { outbound: options.outbound }),
    watchSeconds: options.watchSeconds,
    protobuf: () => createKubernetesCodec(protobufTable()),
  });
  const policy = access.follow(registry);
  // As `main` has them.
  server.addLivenessCheck("etcd", () => undefined);
  server.addReadinessCheck("etcd-readiness", () => undefined);
  server.addReadinessCheck("informer-sync", () => undefined);
  server.addStartHook("poststarthook/start-apiextensions-informers", registry.ready);
  return {
    server,
    async bootstrapRoles() {
      const user = { name: "system:apiserver", groups: ["system:masters"] };
      const client = createClient({ transport: server.transport(user), userAgent: "kube-apiserver" });
      const { signal } = new AbortController();
      await ensureBootstrapRoles({ client, clock, log: silentLog, signal });
      await policy.synced;
    },
    registry,
    kv,
    logged,
    async close() {
      policy.close();
      await server.close();
      await registry.close();
    },
  };
}

function protobufTable(): KubernetesTable {
  const url = new URL("../../schemas/kubernetes/protobuf.json", import.meta.url);
  return JSON.parse(readFileSync(url, "utf8")) as KubernetesTable;
}

/** How many watches are under way, as `/metrics` tells it. */
export function watchesIn(metrics: string): number {
  const counts = metrics.matchAll(/^apiserver_longrunning_requests\{[^}]*\} (\d+)$/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}
