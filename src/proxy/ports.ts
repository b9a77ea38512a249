import { type Catalog, type Endpoint, endpointsOf, type Service } from "../catalog/index.ts";
import { Balancer, type BalancerOptions } from "./balancer.ts";
import type { Frontend } from "./frontends.ts";
import { type Place, selectEndpoints } from "./selection.ts";

/** One port of a Service: its balancer, and the endpoints that may get traffic, worked out when first needed after a change. */
interface ServicePortState {
  readonly serviceKey: string;
  readonly balancer: Balancer;
  readonly selected: Map<"Cluster" | "Local", readonly Endpoint[]>;
}

/** The ports of all Services that something listens for. */
export class ServicePorts {
  readonly #states = new Map<string, ServicePortState>();
  readonly #catalog: Catalog;
  readonly #options: BalancerOptions;
  readonly #place: () => Place;
  readonly #standIn: (serviceKey: string) => readonly Endpoint[];

  /** `standIn`: the endpoints of a Service that has none of its own. */
  constructor(
    catalog: Catalog,
    options: BalancerOptions,
    place: () => Place,
    standIn: (serviceKey: string) => readonly Endpoint[],
  ) {
    this.#catalog = catalog;
    this.#options = options;
    this.#place = place;
    this.#standIn = standIn;
  }

  balancer(frontend: Frontend): Balancer {
    return this.#state(frontend).balancer;
  }

  endpoints(frontend: Frontend): readonly Endpoint[] {
    const { selected } = this.#state(frontend);
    let found = selected.get(frontend.policy);
    if (found === undefined) {
      const { portName: name, protocol, serviceKey } = frontend;
      const slices = this.#catalog.slicesOf(serviceKey);
      const known = slices.length > 0 ? endpointsOf(slices, { name, protocol }) : this.#standIn(serviceKey);
      found = selectEndpoints(known, frontend.policy, this.#place());
      selected.set(frontend.policy, found);
    }
    return found;
  }

  /** Pods of a Service on this machine, for its health check: endpoints that would get external traffic. */
  localPods(service: Service): number {
    const slices = this.#catalog.slicesOf(`${service.metadata.namespace}/${service.metadata.name}`);
    const addresses = new Set<string>();
    for (const port of service.spec?.ports ?? []) {
      const known = endpointsOf(slices, { name: port.name ?? "", protocol: port.protocol ?? "TCP" });
      for (const { ready, nodeName, address } of known)
        if (ready && this.#place().isLocal(nodeName)) addresses.add(address);
    }
    return addresses.size;
  }

  /** Its endpoints or its rules are not as they were. */
  changed(serviceKey: string, service: Service | undefined): void {
    const affinityMs = affinityOf(service);
    for (const [key, state] of this.#states) {
      if (state.serviceKey !== serviceKey) continue;
      if (service === undefined) this.#states.delete(key);
      state.selected.clear();
      state.balancer.affinityMs = affinityMs;
    }
  }

  #state({ serviceKey, portName, protocol }: Frontend): ServicePortState {
    const key = `${serviceKey} ${portName} ${protocol}`;
    let state = this.#states.get(key);
    if (state === undefined) {
      state = { serviceKey, balancer: new Balancer(this.#options), selected: new Map() };
      state.balancer.affinityMs = affinityOf(this.#catalog.services.getByKey(serviceKey));
      this.#states.set(key, state);
    }
    return state;
  }
}

/** Milliseconds; undefined without session affinity. Three hours where nobody says (v1 ClientIPConfig). */
function affinityOf(service: Service | undefined): number | undefined {
  if (service?.spec?.sessionAffinity !== "ClientIP") return undefined;
  return (service.spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800) * 1000;
}
