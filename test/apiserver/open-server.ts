import { readFileSync } from "node:fs";
import { type ApiServer, createApiServer } from "../../src/apiserver/index.ts";
import { createAuthenticator, createAuthorizer } from "../../src/auth/index.ts";
import type { Revision } from "../../src/base/index.ts";
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
  /** What the server logged. */
  readonly logged: string[];
  close(): Promise<void>;
}

export function openServer(
  options: {
    clock?: Clock;
    etcdPrefix?: string;
    serviceClusterIpRange?: string;
    /** What the server serves of the registry. */
    serves?: (registry: Registry) => Registry;
  } = {},
): OpenServer {
  const { random, clock: realClock } = nodePlatform();
  const clock = options.clock ?? realClock;
  const kv = new MvccKv();
  const logged: string[] = [];
  const registry = createRegistry({
    storageFor: ({ keyPrefix, namespaced, indexes }) =>
      createCacher({ kv, clock, keyPrefix, namespaced, indexes, windowFrom: 1 as Revision }),
    clock,
    random,
    flags: {
      etcdPrefix: options.etcdPrefix ?? "/kubernetes.io",
      serviceClusterIpRange: options.serviceClusterIpRange ?? "10.0.0.0/24",
      serviceNodePortRange: { from: 30_000, to: 32_767 },
      eventTtlSeconds: 3600,
    },
  });
  const server = createApiServer({
    registry: options.serves?.(registry) ?? registry,
    authenticator: createAuthenticator({
      tokens: [
        { token: "admin-token", user: { name: "admin", groups: ["system:masters"] } },
        { token: "user-token", user: { name: "alice", groups: ["dev"] } },
      ],
    }),
    authorizer: createAuthorizer(),
    clock,
    random,
    log: { error: (message, fields) => logged.push(`${message}: ${JSON.stringify(fields)}`) },
    protobuf: () => createKubernetesCodec(protobufTable()),
  });
  return {
    server,
    registry,
    kv,
    logged,
    async close() {
      await server.close();
      await registry.close();
    },
  };
}

function protobufTable(): KubernetesTable {
  const url = new URL("../../schemas/kubernetes/protobuf.json", import.meta.url);
  return JSON.parse(readFileSync(url, "utf8")) as KubernetesTable;
}
