/**
 * Shows Endpoints that somebody wrote by hand, for a Service without a selector, as EndpointSlices as well:
 * k8s.io/kubernetes/pkg/controller/endpointslicemirroring.
 */
import { deepEqual, type KubeObject } from "../../apimachinery/index.ts";
import { createWorkqueue, keyOf, splitKey } from "../../client/index.ts";
import type { ControllerContext, ControllerDescriptor } from "../context.ts";
import { workUntil } from "../lifecycle.ts";
import { isNotFound } from "../owners.ts";
import {
  endpoints as endpointsResource,
  inNamespace,
  services as serviceResource,
  endpointSlices as sliceResource,
} from "../resources.ts";
import { kindOf, managedBy, managerName, mirrorOf, serviceName } from "./mirror.ts";

export const endpointSliceMirroringController: ControllerDescriptor = {
  name: "endpointslice-mirroring-controller",
  aliases: ["endpointslicemirroring"],
  create,
};

const skipMirror = "endpointslice.kubernetes.io/skip-mirror";
const leaderAnnotation = "control-plane.alpha.kubernetes.io/leader";

function create({ client, clock, log, signal, informers }: ControllerContext): { run(): Promise<void> } {
  const endpoints = informers.informer(endpointsResource);
  const services = informers.informer(serviceResource);
  const slices = informers.informer(sliceResource);
  const queue = createWorkqueue({ name: "mirrored endpoints", clock, log, process: mirror });
  const notice = (object: KubeObject): void => queue.add(keyOf(object));
  endpoints.addHandler({ add: notice, update: notice, delete: notice });
  services.addHandler({
    add: notice,
    update(service, old) {
      if (hasSelector(service) !== hasSelector(old)) notice(service);
    },
    delete: notice,
  });
  const noticeSlice = ({ metadata }: KubeObject): void => {
    const service = metadata.labels?.[serviceName];
    if (metadata.labels?.[managedBy] === managerName && service !== undefined) {
      queue.add(`${metadata.namespace}/${service}`);
    }
  };
  slices.addIndex("mirrored-service", ({ metadata: { labels = {}, namespace } }) =>
    labels[managedBy] === managerName ? [`${namespace}/${labels[serviceName]}`] : [],
  );
  /** Slices just made that the informer has not shown yet: until then nobody knows what there is. */
  const awaited = new Map<string, Set<string>>();
  const arrived = (slice: KubeObject): void => {
    for (const uids of awaited.values()) uids.delete(slice.metadata.uid as string);
    noticeSlice(slice);
  };
  slices.addHandler({ add: arrived, update: noticeSlice, delete: arrived });

  async function mirror(key: string): Promise<void> {
    if ((awaited.get(key)?.size ?? 0) > 0) return;
    awaited.delete(key);
    const { namespace } = splitKey(key);
    const scope = inNamespace(sliceResource, namespace);
    const source = endpoints.lister.getByKey(key);
    const service = services.lister.getByKey(key);
    const wanted =
      source !== undefined && service !== undefined && !hasSelector(service) && isMirrored(source)
        ? mirrorOf(source)
        : new Map<string, KubeObject>();
    for (const present of slices.lister.byIndex("mirrored-service", key)) {
      const kind = kindOf(present);
      const next = wanted.get(kind);
      wanted.delete(kind);
      if (next === undefined) await remove(present);
      else if (!sameContents(present, next)) {
        const { labels, annotations } = next.metadata;
        const metadata = {
          ...present.metadata,
          ...(labels && { labels }),
          ...(annotations && { annotations }),
        };
        await client.update(scope, { ...present, ...next, metadata });
      }
    }
    for (const slice of wanted.values()) {
      const { metadata } = await client.create(scope, slice);
      if (slices.lister.get(namespace, metadata.name ?? "") !== undefined) continue;
      const uids = awaited.get(key) ?? new Set();
      awaited.set(key, uids.add(metadata.uid as string));
    }
  }

  async function remove({ metadata: { namespace, name = "", uid } }: KubeObject): Promise<void> {
    try {
      await client.delete(inNamespace(sliceResource, namespace), name, {
        preconditions: { uid: uid as string },
      });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  return { run: () => workUntil(signal, queue) };
}

const hasSelector = ({ spec }: KubeObject): boolean => spec?.selector !== undefined;

function isMirrored({ metadata: { labels = {}, annotations = {} } }: KubeObject): boolean {
  // Endpoints of old leader elections change every few seconds, and nobody sends traffic to them.
  return labels[skipMirror] !== "true" && annotations[leaderAnnotation] === undefined;
}

function sameContents(present: KubeObject, next: KubeObject): boolean {
  return (
    deepEqual(present["endpoints"], next["endpoints"]) &&
    deepEqual(present.metadata.labels ?? {}, next.metadata.labels ?? {}) &&
    deepEqual(present.metadata.annotations ?? {}, next.metadata.annotations ?? {})
  );
}
