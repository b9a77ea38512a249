/**
 * Services together with their endpoints, as everybody sees them who sends traffic: DNS, the proxy and the router. The informers hold the
 * objects; the catalog joins EndpointSlices to their Service and says which Services changed, once for all changes of one turn.
 */
import type { InformerFactory, Lister } from "../client/index.ts";
import type { Loop } from "../platform/index.ts";
import type { EndpointSlice, Service } from "./types.ts";

export interface Catalog {
  readonly services: Lister<Service>;
  /** The slices of a Service, by its `namespace/name`; they may be there before it is. */
  slicesOf(key: string): EndpointSlice[];
  /** Services that hold this cluster IP. */
  servicesAt(clusterIp: string): Service[];
  /** Slices with an endpoint at this address. */
  slicesAt(address: string): EndpointSlice[];
  /** Called with the keys of Services that are not as they were, or whose endpoints are not. The answer ends it. */
  onChange(changed: (keys: ReadonlySet<string>) => void): () => void;
  /** Both first lists are in. */
  readonly synced: Promise<void>;
  readonly hasSynced: boolean;
}

const services = { group: "", version: "v1", resource: "services" };
const endpointSlices = { group: "discovery.k8s.io", version: "v1", resource: "endpointslices" };
const serviceLabel = "kubernetes.io/service-name";

export function createCatalog(options: { informers: InformerFactory; loop: Loop }): Catalog {
  const { informers, loop } = options;
  const serviceInformer = informers.informer<Service>(services);
  const sliceInformer = informers.informer<EndpointSlice>(endpointSlices);
  serviceInformer.addIndex("clusterIP", clusterIpsOf);
  sliceInformer.addIndex("service", (slice) => {
    const key = serviceKeyOf(slice);
    return key === undefined ? [] : [key];
  });
  sliceInformer.addIndex("address", (slice) => [
    ...new Set((slice.endpoints ?? []).flatMap((endpoint) => endpoint.addresses ?? [])),
  ]);

  const listeners = new Set<(keys: ReadonlySet<string>) => void>();
  let changed = new Set<string>();
  const note = (key: string | undefined): void => {
    if (key === undefined) return;
    if (changed.size === 0) {
      loop.soon(() => {
        const keys = changed;
        changed = new Set();
        for (const listener of listeners) listener(keys);
      });
    }
    changed.add(key);
  };
  const noteService = (service: Service): void => note(keyOfService(service));
  serviceInformer.addHandler({ add: noteService, update: noteService, delete: noteService });
  sliceInformer.addHandler({
    add: (slice) => note(serviceKeyOf(slice)),
    update: (slice, old) => {
      note(serviceKeyOf(slice));
      note(serviceKeyOf(old));
    },
    delete: (slice) => note(serviceKeyOf(slice)),
  });

  return {
    services: serviceInformer.lister,
    slicesOf: (key) => sliceInformer.lister.byIndex("service", key),
    servicesAt: (clusterIp) => serviceInformer.lister.byIndex("clusterIP", clusterIp),
    slicesAt: (address) => sliceInformer.lister.byIndex("address", address),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    synced: Promise.all([serviceInformer.synced, sliceInformer.synced]).then(() => {}),
    get hasSynced() {
      return serviceInformer.hasSynced && sliceInformer.hasSynced;
    },
  };
}

/** `namespace/name` */
export function keyOfService({ metadata }: Service): string {
  return `${metadata.namespace}/${metadata.name}`;
}

/** The Service a slice belongs to. */
export function serviceKeyOf({ metadata }: EndpointSlice): string | undefined {
  const name = metadata.labels?.[serviceLabel];
  return name === undefined || name === "" ? undefined : `${metadata.namespace}/${name}`;
}

/** The addresses that stand for a Service; none for a headless one, one without addresses yet, or an ExternalName. */
export function clusterIpsOf({ spec }: Service): readonly string[] {
  if (spec?.type === "ExternalName") return [];
  const addresses = spec?.clusterIPs ?? (spec?.clusterIP === undefined ? [] : [spec.clusterIP]);
  return addresses.filter((address) => address !== "" && address !== "None");
}
