/** Services and slices made by hand on a small API, and the real network: what tests of DNS, proxy and router start with. */
import type { KubeObject } from "../../src/apimachinery/index.ts";
import { createCatalog } from "../../src/catalog/index.ts";
import {
  type Client,
  createClient,
  createInformerFactory,
  type InformerFactory,
  silentLog,
} from "../../src/client/index.ts";
import { nodePlatform, type Platform } from "../../src/platform/index.ts";
import { FakeApi, type Kind } from "../client/fake-api.ts";

export interface TrafficWorld {
  readonly api: FakeApi;
  readonly client: Client;
  readonly platform: Platform;
  readonly informers: InformerFactory;
  readonly catalog: ReturnType<typeof createCatalog>;
  readonly signal: AbortSignal;
  /** Informers begin; resolves when they have what there is. */
  start(): Promise<void>;
  stop(): void;
}

export const scopes = {
  services: { group: "", version: "v1", resource: "services" },
  slices: { group: "discovery.k8s.io", version: "v1", resource: "endpointslices" },
  namespaces: { group: "", version: "v1", resource: "namespaces" },
} as const;

const customKinds: readonly Kind[] = [
  { group: "route.openshift.io", version: "v1", resource: "routes", kind: "Route", namespaced: true },
  {
    group: "apiextensions.k8s.io",
    version: "v1",
    resource: "customresourcedefinitions",
    kind: "CustomResourceDefinition",
    namespaced: false,
  },
];

export function createTrafficWorld(): TrafficWorld {
  const platform = nodePlatform();
  const { clock, random, loop } = platform;
  const api = new FakeApi(clock, customKinds);
  const client = createClient({ transport: api, userAgent: "test" });
  const informers = createInformerFactory({ client, clock, random, log: silentLog });
  const catalog = createCatalog({ informers, loop });
  const stopping = new AbortController();
  return {
    api,
    client,
    platform,
    informers,
    catalog,
    signal: stopping.signal,
    async start() {
      informers.start(stopping.signal);
      await informers.synced();
    },
    stop: () => stopping.abort(),
  };
}

export async function addNamespace({ client }: Pick<TrafficWorld, "client">, name: string): Promise<void> {
  await client.create(scopes.namespaces, { metadata: { name } });
}

export async function addService(
  { client }: Pick<TrafficWorld, "client">,
  name: string,
  spec: object,
  namespace = "default",
): Promise<KubeObject> {
  return client.create({ ...scopes.services, namespace }, { metadata: { name }, spec });
}

/** A slice of a Service: `NAME-SUFFIX`. */
export async function addSlice(
  { client }: Pick<TrafficWorld, "client">,
  service: string,
  slice: { ports: object[]; endpoints: object[]; addressType?: string; suffix?: string },
  namespace = "default",
): Promise<KubeObject> {
  const { ports, endpoints, addressType = "IPv4", suffix = "1" } = slice;
  return client.create(
    { ...scopes.slices, namespace },
    {
      metadata: { name: `${service}-${suffix}`, labels: { "kubernetes.io/service-name": service } },
      addressType,
      ports,
      endpoints,
    },
  );
}

/** Replaces the endpoints of a slice. */
export async function setEndpoints(
  { client, api }: TrafficWorld,
  slice: string,
  endpoints: object[],
  namespace = "default",
): Promise<void> {
  const old = api.get("endpointslices", namespace, slice) as KubeObject;
  await client.update({ ...scopes.slices, namespace }, { ...old, endpoints });
}

/** Until the condition holds; the clock only bounds a failure. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 10_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
