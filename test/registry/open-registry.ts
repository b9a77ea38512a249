import type { GroupVersionResource, KubeObject } from "../../src/apimachinery/index.ts";
import { seededPrng } from "../../src/base/index.ts";
import {
  type Access,
  createRegistry,
  type Registry,
  type ResourceHandler,
} from "../../src/registry/index.ts";
import { applyDefaults, decode } from "../../src/schema/index.ts";
import { createCacher } from "../../src/storage/index.ts";
import { ManualClock } from "../storage/manual-clock.ts";
import { MvccKv } from "../storage/mvcc-kv.ts";
import { requestContext } from "./open-store.ts";

/** Everybody may give out everything. */
const openAccess: Access = {
  grants: { role: async () => {}, binding: async () => {} },
  authorizer: { authorize: () => ({ allowed: true, reason: "" }) },
  rulesFor: () => ({ rules: [], missing: [], incomplete: false }),
  authenticator: { review: async () => ({ verdict: undefined, error: "" }) },
  issuer: { issuer: "", audiences: [], issue: () => ({ token: "", id: "" }), issueLegacy: () => "" },
};

/** One server's registry over a store that several may share. */
export interface OpenRegistry {
  readonly registry: Registry;
  readonly kv: MvccKv;
  readonly clock: ManualClock;
  handler(resource: GroupVersionResource): ResourceHandler;
}

export function openRegistry(
  shared: {
    kv?: MvccKv;
    clock?: ManualClock;
    seed?: number;
    clusterIps?: string;
    nodePorts?: { from: number; to: number };
  } = {},
): OpenRegistry {
  const { kv = new MvccKv(), clock = new ManualClock(), seed = 1 } = shared;
  const number = seededPrng(seed);
  let uids = 0;
  const registry = createRegistry({
    components: () => [{ name: "etcd-0", problem: undefined }],
    storageFor: ({ keyPrefix, namespaced, indexes }) =>
      createCacher({ kv, clock, keyPrefix, namespaced, indexes }),
    clock,
    random: {
      number,
      bytes: (length) => new Uint8Array(length),
      uuid: () => `00000000-0000-4000-${String(seed).padStart(4, "8")}-${String(++uids).padStart(12, "0")}`,
    },
    flags: {
      etcdPrefix: "/kubernetes.io",
      serviceClusterIpRange: shared.clusterIps ?? "10.0.0.0/24",
      serviceNodePortRange: shared.nodePorts ?? { from: 30_000, to: 32_767 },
      eventTtlSeconds: 3600,
    },
    access: openAccess,
  });
  return {
    registry,
    kv,
    clock,
    handler: (resource) => {
      const handler = registry.resource(resource);
      if (handler === undefined) throw new Error(`${resource.resource} is not served`);
      return handler;
    },
  };
}

/** What a body becomes on its way to the registry. */
export function decoded(handler: ResourceHandler, body: unknown, namespace: string): KubeObject {
  const { object } = decode(handler.kind, structuredClone(body) as never);
  if (handler.namespaced) object.metadata.namespace ??= namespace;
  return applyDefaults(handler.kind, object, "2026-01-01T00:00:00Z");
}

/** POST. */
export async function create(
  handler: ResourceHandler,
  body: unknown,
  options: { dryRun?: boolean } = {},
): Promise<KubeObject> {
  const namespace = (body as KubeObject).metadata.namespace ?? "default";
  const context = requestContext({ namespace, dryRun: options.dryRun ?? false });
  const stored = await handler.create?.(decoded(handler, body, namespace), context, {});
  return stored?.object as KubeObject;
}

/** GET, change, PUT. */
export async function change(
  handler: ResourceHandler,
  name: string,
  edit: (object: KubeObject) => void,
  namespace = "default",
): Promise<KubeObject> {
  const context = requestContext({ namespace });
  const next = (current: { object: KubeObject } | undefined): KubeObject => {
    const object = structuredClone(current?.object) as KubeObject;
    edit(object);
    return decoded(handler, object, namespace);
  };
  const stored = await handler.update?.(name, next, context, {});
  return stored?.object as KubeObject;
}

/** DELETE. */
export async function remove(handler: ResourceHandler, name: string, namespace = "default"): Promise<void> {
  await handler.delete?.(name, requestContext({ namespace }), {});
}
