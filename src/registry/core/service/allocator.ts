import {
  errors,
  type FieldError,
  field,
  type JsonObject,
  type KubeObject,
  parseCidr,
  parseIp,
} from "../../../apimachinery/index.ts";
import { StorageError } from "../../../storage/index.ts";
import type { RequestContext } from "../../context.ts";
import type { StrategyDeps } from "../../strategies.ts";
import type { Finish } from "../../strategy.ts";
import { AddressPool } from "./address-pool.ts";
import { AddressRanges, notInRange } from "./address-ranges.ts";
import { Allocation } from "./allocation.ts";
import { initIpFamilies, prefersAsBefore } from "./ip-families.ts";
import { AllocationError, NumberPool, staticBand } from "./number-pool.ts";
import { type Birth, type Holder, Reservations } from "./reservations.ts";
import {
  type IpFamily,
  isHeadless,
  mayHaveNodePorts,
  needsClusterIp,
  needsHealthCheckPort,
  needsNodePorts,
  type Service,
} from "./types.ts";

/**
 * Gives Services their addresses and node ports, and takes them back. What one request takes is kept in an `Allocation`, which is
 * undone when the request fails. Addresses are held by IPAddress objects (networking.k8s.io/v1), as upstream since 1.33.
 */
export class ServiceAllocator {
  readonly #deps: StrategyDeps;
  readonly #addresses: ReadonlyMap<IpFamily, AddressRanges>;
  readonly #ports: NumberPool;

  constructor(deps: StrategyDeps) {
    this.#deps = deps;
    this.#addresses = new Map(
      deps.flags.serviceClusterIpRange.split(",").map((text) => {
        const ranges = this.#addressRanges(text.trim());
        return [ranges.family, ranges];
      }),
    );
    this.#ports = this.#portPool();
  }

  /** Fills in addresses and ports of a new Service. @throws StatusError */
  async onCreate(service: Service, context: RequestContext): Promise<Finish> {
    this.#initFamilies(service, undefined);
    const allocation = new Allocation(holderOf(service));
    return await this.#attempt(allocation, async () => {
      if (needsClusterIp(service) && !isHeadless(service))
        await this.#takeAddresses(service, allocation, context);
      if (mayHaveNodePorts(service)) await this.#takePorts(service, allocation, context);
      await this.#takeHealthCheckPort(service, allocation, context);
    });
  }

  /** As `onCreate` for what a change needs anew; what it does not need any more is given back once it is stored. @throws StatusError */
  async onUpdate(next: Service, old: Service, context: RequestContext): Promise<Finish> {
    this.#initFamilies(next, old);
    const allocation = new Allocation(holderOf(next));
    return await this.#attempt(allocation, async () => {
      await this.#changeAddresses(next, old, allocation, context);
      await this.#changePorts(next, old, allocation, context);
    });
  }

  /** The Service is gone. */
  async onDelete(service: Service): Promise<void> {
    const holder = holderOf(service);
    for (const address of ownAddresses(service)) await this.#rangesOf(address)?.release(address, holder);
    for (const port of ownPorts(service)) await this.#ports.release(BigInt(port), holder);
  }

  async #attempt(allocation: Allocation, work: () => Promise<void>): Promise<Finish> {
    try {
      await work();
    } catch (error) {
      await allocation.finish("failed");
      if (error instanceof StorageError) throw errors.internalError(error.message);
      throw error;
    }
    return (outcome) => allocation.finish(outcome);
  }

  #initFamilies(service: Service, old: Service | undefined): void {
    refuse(service, initIpFamilies(service, old, [...this.#addresses.keys()]));
  }

  #rangesOf(address: string): AddressRanges | undefined {
    const family = parseIp(address)?.family;
    return family === undefined ? undefined : this.#addresses.get(`IPv${family}`);
  }

  /** One address for each family; those that the client chose first. */
  async #takeAddresses(service: Service, allocation: Allocation, context: RequestContext): Promise<void> {
    const { spec } = service;
    const chosen = spec.clusterIPs ?? [];
    const addresses: string[] = [];
    for (const address of chosen) {
      await this.#takeAddress(service, address, allocation, context);
      addresses.push(address);
    }
    for (const family of (spec.ipFamilies ?? []).slice(chosen.length)) {
      const ranges = this.#addresses.get(family);
      if (ranges === undefined) continue;
      addresses.push(await ranges.takeAny(allocation, context));
    }
    spec.clusterIPs = addresses;
    spec.clusterIP = addresses[0] as string;
  }

  async #takeAddress(
    service: Service,
    address: string,
    allocation: Allocation,
    context: RequestContext,
  ): Promise<void> {
    const refusal = await (this.#rangesOf(address)?.take(address, allocation, context) ?? notInRange);
    if (refusal === undefined) return;
    const detail = `failed to allocate IP ${address}: ${refusal}`;
    refuse(service, [field.invalid("spec.clusterIPs", service.spec.clusterIPs, detail)]);
  }

  async #changeAddresses(
    next: Service,
    old: Service,
    allocation: Allocation,
    context: RequestContext,
  ): Promise<void> {
    if (prefersAsBefore(next, old)) return;
    const holder = holderOf(old);
    if (!needsClusterIp(next)) {
      for (const address of ownAddresses(old)) {
        allocation.later(() => this.#rangesOf(address)?.release(address, holder) ?? Promise.resolve());
      }
      return;
    }
    if (isHeadless(next)) return;
    if (!needsClusterIp(old)) return await this.#takeAddresses(next, allocation, context);
    const before = ownAddresses(old);
    const families = next.spec.ipFamilies?.length ?? 1;
    if (before.length === 1 && families === 2) await this.#addSecondAddress(next, allocation, context);
    if (before.length !== 2 || families !== 1) return;
    const [first, second] = before as [string, string];
    if (next.spec.clusterIPs?.length === 2 && next.spec.clusterIPs[1] === second)
      next.spec.clusterIPs = [first];
    allocation.later(() => this.#rangesOf(second)?.release(second, holder) ?? Promise.resolve());
  }

  async #addSecondAddress(next: Service, allocation: Allocation, context: RequestContext): Promise<void> {
    const [first, second] = next.spec.clusterIPs ?? [];
    if (first === undefined) return;
    if (second !== undefined) return await this.#takeAddress(next, second, allocation, context);
    const ranges = this.#addresses.get(next.spec.ipFamilies?.[1] as IpFamily);
    if (ranges !== undefined) next.spec.clusterIPs = [first, await ranges.takeAny(allocation, context)];
  }

  /** One port of every node for each port; a number over TCP and UDP is one port. */
  async #takePorts(service: Service, allocation: Allocation, context: RequestContext): Promise<void> {
    const ports = service.spec.ports ?? [];
    const byPort = new Map<number, number>();
    for (const [i, port] of ports.entries()) {
      if (!port.nodePort && !needsNodePorts(service)) continue;
      const shared = byPort.get(port.port);
      if (shared !== undefined && (!port.nodePort || port.nodePort === shared)) {
        port.nodePort = shared;
        continue;
      }
      const chosen =
        port.nodePort || ports.find((other) => other.port === port.port && other.nodePort)?.nodePort;
      port.nodePort = await this.#takePort(service, chosen, `spec.ports[${i}].nodePort`, allocation, context);
      byPort.set(port.port, port.nodePort);
    }
  }

  async #changePorts(
    next: Service,
    old: Service,
    allocation: Allocation,
    context: RequestContext,
  ): Promise<void> {
    const before = new Set(ownPorts(old));
    if (mayHaveNodePorts(next)) {
      const seen = new Set<string>();
      for (const [i, port] of (next.spec.ports ?? []).entries()) {
        if (!port.nodePort && !needsNodePorts(next)) continue;
        const isKept = port.nodePort && (before.has(port.nodePort) || allocation.ports.has(port.nodePort));
        if (!isKept) {
          const path = `spec.ports[${i}].nodePort`;
          port.nodePort = await this.#takePort(next, port.nodePort, path, allocation, context);
        }
        const name = `{${port.protocol ?? "TCP"} ${port.nodePort}}`;
        if (seen.has(name)) throw errors.plainError(`duplicate nodePort: ${name}`);
        seen.add(name);
      }
    }
    const health = next.spec.healthCheckNodePort;
    if (needsHealthCheckPort(next) && !(health && before.has(health))) {
      await this.#takeHealthCheckPort(next, allocation, context);
    }
    const kept = new Set(ownPorts(next));
    const holder = holderOf(old);
    for (const port of before)
      if (!kept.has(port)) allocation.later(() => this.#ports.release(BigInt(port), holder));
  }

  /** `chosen` 0 or undefined: any. */
  async #takePort(
    service: Service,
    chosen: number | undefined,
    path: string,
    allocation: Allocation,
    context: RequestContext,
  ): Promise<number> {
    if (!chosen) return await this.#takeAnyPort(allocation, context);
    const refusal = await this.#refusalOfPort(chosen, allocation, context);
    if (refusal !== undefined) refuse(service, [field.invalid(path, chosen, refusal)]);
    return chosen;
  }

  async #refusalOfPort(
    port: number,
    allocation: Allocation,
    context: RequestContext,
  ): Promise<string | undefined> {
    const number = BigInt(port);
    // Upstream's dry run has no eye for the range.
    if (!context.dryRun && !this.#ports.contains(number)) {
      const { from, to } = this.#deps.flags.serviceNodePortRange;
      return `provided port is not in the valid range. The range of valid ports is ${from}-${to}`;
    }
    const isFree =
      !allocation.ports.has(port) &&
      (context.dryRun
        ? !(await this.#ports.isTaken(number))
        : await this.#ports.take(number, allocation.holder));
    if (!isFree) return "provided port is already allocated";
    allocation.ports.add(port);
    if (!context.dryRun) allocation.undo(() => this.#ports.release(number, allocation.holder));
    return undefined;
  }

  async #takeAnyPort(allocation: Allocation, context: RequestContext): Promise<number> {
    // A dry run takes nothing and shows a number that can be nobody's.
    if (context.dryRun) {
      const shown = allocation.ports.size === 0 ? portOfDryRun : Math.max(...allocation.ports) + 1;
      allocation.ports.add(shown);
      return shown;
    }
    try {
      const number = await this.#ports.takeAny(allocation.holder);
      allocation.ports.add(Number(number));
      allocation.undo(() => this.#ports.release(number, allocation.holder));
      return Number(number);
    } catch (error) {
      if (!(error instanceof AllocationError)) throw error;
      throw errors.internalError(`failed to allocate a nodePort: ${error.message}`);
    }
  }

  async #takeHealthCheckPort(
    service: Service,
    allocation: Allocation,
    context: RequestContext,
  ): Promise<void> {
    if (!needsHealthCheckPort(service)) return;
    const chosen = service.spec.healthCheckNodePort;
    if (!chosen) {
      service.spec.healthCheckNodePort = await this.#takeAnyPort(allocation, context);
      return;
    }
    const refusal = await this.#refusalOfPort(chosen, allocation, context);
    if (refusal === undefined) return;
    throw errors.internalError(`failed to allocate requested HealthCheck NodePort ${chosen}: ${refusal}`);
  }

  #addressRanges(range: string): AddressRanges {
    const cidr = parseCidr(range);
    if (cidr === undefined)
      throw new TypeError(`--service-cluster-ip-range ${range} is no CIDR, such as 10.96.0.0/16`);
    const family: IpFamily = `IPv${cidr.family}`;
    const reservations = new Reservations({
      store: () => this.#deps.storageOf({ group: "networking.k8s.io", resource: "ipaddresses" }),
      clock: this.#deps.clock,
      random: this.#deps.random,
      describe: (name, holder, birth) => ipAddressOf(name, family, holder, birth),
      holderOf: (object) => object["spec"]?.parentRef,
      isHeld: async (name, holder) =>
        (await this.#serviceOf(holder))?.spec.clusterIPs?.includes(name) ?? false,
    });
    return new AddressRanges({
      first: cidr,
      poolOf: (each) => new AddressPool(each, reservations, () => this.#deps.random.number()),
      objects: () => this.#deps.storageOf({ group: "networking.k8s.io", resource: "servicecidrs" }),
    });
  }

  #portPool(): NumberPool {
    const { from, to } = this.#deps.flags.serviceNodePortRange;
    const band = staticBand(BigInt(to - from + 1), portBand);
    return new NumberPool({
      first: BigInt(from),
      last: BigInt(to),
      dynamicFrom: BigInt(from) + band,
      reservations: new Reservations({
        store: () => this.#deps.ownStorage("ranges/servicenodeports"),
        clock: this.#deps.clock,
        random: this.#deps.random,
        describe: nodePortReservation,
        holderOf: (object) => object["holder"],
        isHeld: async (name, holder) => {
          const service = await this.#serviceOf(holder);
          return service !== undefined && ownPorts(service).includes(Number(name));
        },
      }),
      random: () => this.#deps.random.number(),
      nameOf: String,
    });
  }

  async #serviceOf({ namespace, name }: Holder): Promise<Service | undefined> {
    const { storage, keyPrefix } = this.#deps.storageOf({ group: "", resource: "services" });
    try {
      return (await storage.get(`${keyPrefix}${namespace}/${name}`)).object as Service;
    } catch (error) {
      if (error instanceof StorageError && error.code === "KEY_NOT_FOUND") return undefined;
      throw error;
    }
  }
}

/** Upstream's calculateRangeOffset for ports. */
const portBand = { min: 16, max: 128, share: 32 };
/** Upstream shows this and what follows it: numbers beyond the usual range. */
const portOfDryRun = 32_769;

const holderOf = ({ metadata }: Service): Holder => ({
  namespace: metadata.namespace ?? "",
  name: metadata.name ?? "",
});

const ownAddresses = ({ spec }: Service): string[] =>
  (spec.clusterIPs ?? []).filter((address) => address !== "None");

const ownPorts = ({ spec }: Service): number[] =>
  [...(spec.ports ?? []).map(({ nodePort = 0 }) => nodePort), spec.healthCheckNodePort ?? 0].filter(
    (port) => port > 0,
  );

function refuse(service: Service, problems: readonly FieldError[]): void {
  if (problems.length > 0)
    throw errors.invalid({ group: "", kind: "Service" }, service.metadata.name ?? "", problems);
}

/** Everything of an IPAddress is ours. */
const addressFields: JsonObject = {
  "f:metadata": {
    "f:labels": {
      ".": {},
      "f:ipaddress.kubernetes.io/ip-family": {},
      "f:ipaddress.kubernetes.io/managed-by": {},
    },
  },
  "f:spec": { "f:parentRef": { ".": {}, "f:name": {}, "f:namespace": {}, "f:resource": {} } },
};

/** It goes to the store as it is: its fields stand where upstream's encoding has them. */
function ipAddressOf(name: string, family: IpFamily, holder: Holder, { uid, time }: Birth): KubeObject {
  return {
    kind: "IPAddress",
    apiVersion: "networking.k8s.io/v1",
    metadata: {
      name,
      uid,
      creationTimestamp: time,
      labels: {
        "ipaddress.kubernetes.io/ip-family": family,
        "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io",
      },
      managedFields: [
        {
          manager: "kube-apiserver",
          operation: "Update",
          apiVersion: "networking.k8s.io/v1",
          time,
          fieldsType: "FieldsV1",
          fieldsV1: addressFields,
        },
      ],
    },
    spec: { parentRef: { resource: "services", namespace: holder.namespace, name: holder.name } },
  };
}

/** Our own: upstream keeps node ports in one bitmap, which does not say whose they are. */
function nodePortReservation(
  name: string,
  { namespace, name: service }: Holder,
  { uid, time }: Birth,
): KubeObject {
  return {
    kind: "NodePortReservation",
    apiVersion: "internal/v1",
    metadata: { name, uid, creationTimestamp: time },
    holder: { namespace, name: service },
  };
}
