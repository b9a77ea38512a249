/**
 * Finds devices for claims on one node: k8s.io/dynamic-resource-allocation/structured. One claim after the other, one request after the
 * other, one device after the other, in the pools' order; what leads nowhere is taken back. The first solution is taken.
 */
import type { KubeObject } from "../../../apimachinery/index.ts";
import type {
  AllocatedDevice,
  Allocation,
  Attribute,
  Claim,
  Device,
  DeviceChoice,
  DeviceClass,
  DeviceRequest,
  NodeSelector,
  Slice,
} from "../../devices/types.ts";
import { type Pool, poolsOf } from "./pools.ts";
import type { DeviceSelectors } from "./selectors.ts";

/** A claim or a class that cannot be understood; in upstream's words. */
export class DeviceError extends Error {
  override readonly name = "DeviceError";
}

/** Devices of one claim: AllocationResultsMaxSize. */
const devicesMax = 32;

/** Devices that are tried for a pod on a node before it is given up: where claims contradict each other there are endless ways to fail. */
const triesMax = 20_000;

const noAllocation = "cannot allocate all claims";

export interface DeviceSupply {
  readonly slices: readonly Slice[];
  readonly classes: { get(namespace: string, name: string): DeviceClass | undefined };
  readonly selectors: DeviceSelectors;
  /** `driver/pool/device` of those that somebody has. */
  readonly inUse: ReadonlySet<string>;
}

interface Candidate {
  readonly id: string;
  readonly pool: Pool;
  readonly slice: Slice;
  readonly device: Device;
}

interface Choice {
  /** As results name it: `request` or `request/subrequest`. */
  readonly name: string;
  readonly choice: DeviceChoice;
  readonly deviceClass: DeviceClass;
  readonly count: number;
  /** With allocationMode All: which. */
  readonly all: readonly Candidate[] | undefined;
}

interface Taken {
  readonly candidate: Candidate;
  readonly request: string;
  readonly adminAccess: boolean;
  readonly deviceClass: DeviceClass;
}

/**
 * An allocation for each claim; a text where the node has no solution.
 * @throws DeviceError
 */
export function allocate(
  claims: readonly Claim[],
  node: KubeObject,
  supply: DeviceSupply,
): Allocation[] | string {
  const pools = poolsOf(supply.slices, node);
  const search = new Search(claims, pools, supply);
  const found = search.run();
  if (found === "spent") return "timed out trying to allocate devices";
  if (!found)
    return pools.some(({ isInvalid }) => isInvalid)
      ? "invalid resource pools were encountered"
      : noAllocation;
  return claims.map((claim, at) => allocationOf(claim, search.taken[at] as readonly Taken[]));
}

class Search {
  readonly taken: Taken[][];
  readonly #claims: readonly Claim[];
  readonly #pools: readonly Pool[];
  readonly #supply: DeviceSupply;
  readonly #choices: readonly (readonly (readonly Choice[])[])[];
  readonly #matches = new Map<string, boolean>();
  /** Devices that are taken in this search, by claim. */
  readonly #taking = new Map<string, Set<number>>();
  #tries = 0;

  constructor(claims: readonly Claim[], pools: readonly Pool[], supply: DeviceSupply) {
    this.#claims = claims;
    this.#pools = pools;
    this.#supply = supply;
    this.taken = claims.map(() => []);
    this.#choices = claims.map((claim) =>
      (claim.spec.devices?.requests ?? []).map((request) => this.#choicesOf(claim, request)),
    );
  }

  run(): boolean | "spent" {
    const found = this.#claim(0);
    return !found && this.#tries >= triesMax ? "spent" : found;
  }

  /** One of them is enough. */
  #choicesOf(claim: Claim, { name, exactly, firstAvailable = [] }: DeviceRequest): Choice[] {
    const alternatives =
      exactly === undefined
        ? firstAvailable.map((choice) => ({ name: `${name}/${choice.name}`, choice }))
        : [{ name, choice: exactly }];
    return alternatives.map(({ name: full, choice }) => {
      const deviceClass = this.#supply.classes.get("", choice.deviceClassName);
      const where = `claim ${claim.metadata.namespace}/${claim.metadata.name}, request ${full}`;
      if (deviceClass === undefined) {
        const missing = `deviceclass.resource.k8s.io "${choice.deviceClassName}" not found`;
        throw new DeviceError(
          `${where}: could not retrieve device class ${choice.deviceClassName}: ${missing}`,
        );
      }
      const base = { name: full, choice, deviceClass };
      if (choice.allocationMode !== "All") return { ...base, count: choice.count ?? 1, all: undefined };
      const all: Candidate[] = [];
      for (const pool of this.#pools) {
        const id = `${pool.driver}/${pool.name}`;
        const asked = `${where}: asks for all devices, but resource pool ${id} is currently`;
        if (pool.isIncomplete) throw new DeviceError(`${asked} being updated`);
        if (pool.isInvalid) throw new DeviceError(`${asked} invalid`);
        for (const candidate of candidatesOf(pool))
          if (this.#suits(claim, base, candidate)) all.push(candidate);
      }
      return { ...base, count: all.length, all };
    });
  }

  #claim(at: number): boolean {
    return at >= this.#claims.length || this.#request(at, 0);
  }

  #request(claim: number, at: number): boolean {
    const requests = this.#choices[claim] ?? [];
    const choices = requests[at];
    if (choices === undefined) return this.#claim(claim + 1);
    return choices.some((choice) => this.#devices({ claim, request: at, choice }, 0));
  }

  #devices(place: { claim: number; request: number; choice: Choice }, have: number): boolean {
    const { claim, request, choice } = place;
    if (choice.all !== undefined && choice.all.length === 0) return false;
    if (have >= choice.count) return this.#request(claim, request + 1);
    if ((this.taken[claim] ?? []).length + choice.count - have > devicesMax) return false;
    if (choice.all !== undefined) {
      // In whatever order, all of them are needed.
      return this.#try(place, have, choice.all[have] as Candidate);
    }
    for (const pool of this.#pools) {
      if (pool.isIncomplete || pool.isInvalid) continue;
      for (const candidate of candidatesOf(pool)) {
        if (this.#tries >= triesMax) return false;
        if (!this.#suits(this.#claims[claim] as Claim, choice, candidate)) continue;
        if (this.#try(place, have, candidate)) return true;
      }
    }
    return false;
  }

  #try(
    place: { claim: number; request: number; choice: Choice },
    have: number,
    candidate: Candidate,
  ): boolean {
    const { claim, choice } = place;
    const adminAccess = choice.choice.adminAccess === true;
    const takers = this.#taking.get(candidate.id) ?? new Set<number>();
    // Who only looks on may have what others have, but nothing twice.
    if (adminAccess ? takers.has(claim) : takers.size > 0 || this.#supply.inUse.has(candidate.id))
      return false;
    this.#tries++;
    const taken = this.taken[claim] as Taken[];
    taken.push({ candidate, request: choice.name, adminAccess, deviceClass: choice.deviceClass });
    this.#taking.set(candidate.id, takers.add(claim));
    if (fulfilsConstraints(this.#claims[claim] as Claim, taken) && this.#devices(place, have + 1))
      return true;
    taken.pop();
    takers.delete(claim);
    return false;
  }

  #suits(
    claim: Claim,
    { name, choice, deviceClass }: Pick<Choice, "name" | "choice" | "deviceClass">,
    { id, pool, device }: Candidate,
  ): boolean {
    const key = `${claim.metadata.uid}/${name}/${id}`;
    const known = this.#matches.get(key);
    if (known !== undefined) return known;
    const ofClass = `class ${deviceClass.metadata.name}`;
    const ofClaim = `claim ${claim.metadata.namespace}/${claim.metadata.name}`;
    const holds = (owner: string, selectors: DeviceChoice["selectors"] = []): boolean =>
      selectors.every(({ cel }, at) => {
        try {
          return this.#supply.selectors.matches(cel?.expression ?? "", pool.driver, device);
        } catch (error) {
          const cause = error instanceof Error ? error.message : String(error);
          throw new DeviceError(`${owner}: selector #${at}: ${cause}`);
        }
      });
    const suits = holds(ofClass, deviceClass.spec.selectors) && holds(ofClaim, choice.selectors);
    this.#matches.set(key, suits);
    return suits;
  }
}

function candidatesOf(pool: Pool): Candidate[] {
  return pool.slices.flatMap((slice) =>
    (slice.spec.devices ?? []).map((device) => ({
      id: `${pool.driver}/${pool.name}/${device.name}`,
      pool,
      slice,
      device,
    })),
  );
}

/** All devices of the requests that a constraint names have one value of its attribute. */
function fulfilsConstraints(claim: Claim, taken: readonly Taken[]): boolean {
  return (claim.spec.devices?.constraints ?? []).every(({ requests = [], matchAttribute }, at) => {
    if (matchAttribute === undefined) {
      const { namespace, name } = claim.metadata;
      throw new DeviceError(
        `claim ${namespace}/${name}, constraint #${at}: empty constraint (unsupported constraint type?)`,
      );
    }
    const bound = taken.filter(
      ({ request }) =>
        requests.length === 0 || requests.some((one) => request === one || request.startsWith(`${one}/`)),
    );
    const values = bound.map(({ candidate }) => attributeOf(candidate, matchAttribute));
    return values.every((value) => value !== undefined && value === values[0]);
  });
}

/** As text that is the same for equal values of one type. */
function attributeOf({ pool, device }: Candidate, name: string): string | undefined {
  const attributes: Record<string, Attribute> = device.attributes ?? {};
  const slash = name.indexOf("/");
  const attribute =
    attributes[name] ??
    (name.slice(0, slash) === pool.driver ? attributes[name.slice(slash + 1)] : undefined);
  if (attribute === undefined) return undefined;
  const [entry] = Object.entries(attribute);
  return entry === undefined ? undefined : `${entry[0]}=${entry[1]}`;
}

function allocationOf(claim: Claim, taken: readonly Taken[]): Allocation {
  const results = taken.map(
    ({ candidate: { pool, device }, request, adminAccess }): AllocatedDevice => ({
      request,
      driver: pool.driver,
      pool: pool.name,
      device: device.name,
      ...(adminAccess ? { adminAccess } : {}),
    }),
  );
  const config = configOf(claim, taken);
  const nodeSelector = nodeSelectorOf(taken);
  return {
    devices: { results, ...(config.length === 0 ? {} : { config }) },
    ...(nodeSelector === undefined ? {} : { nodeSelector }),
  };
}

/** What the classes say to their drivers, once each, and then what the claim does. */
function configOf(claim: Claim, taken: readonly Taken[]): object[] {
  const requestsOf = new Map<DeviceClass, Set<string>>();
  for (const { deviceClass, request } of taken)
    requestsOf.set(deviceClass, (requestsOf.get(deviceClass) ?? new Set()).add(request));
  const ofClasses = [...requestsOf].flatMap(([{ spec }, requests]) =>
    (spec.config ?? []).map((config) => ({ source: "FromClass", requests: [...requests], ...config })),
  );
  const chosen = new Set(taken.flatMap(({ request }) => [request, request.split("/")[0] as string]));
  const ofClaim = (claim.spec.devices?.config ?? [])
    .filter(({ requests = [] }) => requests.length === 0 || requests.some((one) => chosen.has(one)))
    .map((config) => ({ source: "FromClaim", ...config }));
  return [...ofClasses, ...ofClaim];
}

/** Where all of the devices can be reached; undefined: everywhere. */
function nodeSelectorOf(taken: readonly Taken[]): NodeSelector | undefined {
  const matchFields = new Map<string, object>();
  const matchExpressions = new Map<string, object>();
  for (const { candidate } of taken) {
    const { nodeName, nodeSelector } = candidate.slice.spec;
    if (nodeName !== undefined && nodeName !== "") {
      const only = { key: "metadata.name", operator: "In" as const, values: [nodeName] };
      return { nodeSelectorTerms: [{ matchFields: [only] }] };
    }
    const [term = {}] = nodeSelector?.nodeSelectorTerms ?? [];
    for (const one of term.matchFields ?? []) matchFields.set(JSON.stringify(one), one);
    for (const one of term.matchExpressions ?? []) matchExpressions.set(JSON.stringify(one), one);
  }
  if (matchFields.size + matchExpressions.size === 0) return undefined;
  const term = {
    ...(matchExpressions.size === 0 ? {} : { matchExpressions: [...matchExpressions.values()] }),
    ...(matchFields.size === 0 ? {} : { matchFields: [...matchFields.values()] }),
  };
  return { nodeSelectorTerms: [term] } as NodeSelector;
}
