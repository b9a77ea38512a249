/** Claims of a pod to devices: whether a node has them, and which: k8s.io/kubernetes/pkg/scheduler/framework/plugins/dynamicresources. */
import type { KubeObject } from "../../../apimachinery/index.ts";
import type { Client, Lister } from "../../../client/index.ts";
import {
  allocationFinalizer,
  claimNameOf,
  isMadeFor,
  isReservedFor,
  podClaimsOf,
} from "../../devices/pod-claims.ts";
import type { Allocation, Claim, DeviceClass, Slice } from "../../devices/types.ts";
import { inNamespace, isTerminating, resourceClaims } from "../../resources.ts";
import { matchesNodeSelector } from "../node-affinity.ts";
import { allocate, type DeviceSupply } from "./allocator.ts";
import { DeviceSelectors } from "./selectors.ts";

export { DeviceError } from "./allocator.ts";

/** Which claims get which devices, once the pod's node is chosen. */
export interface DevicePlan {
  readonly claims: readonly { readonly claim: Claim; readonly allocation: Allocation | undefined }[];
}

export interface DeviceRules {
  /** Why no node will do; with "waits" nobody is told: the pod has not come to be scheduled yet. */
  readonly impossible?: string | "waits";
  /** Why this node will not do, or what the claims get there. @throws DeviceError */
  on(node: KubeObject): string | DevicePlan;
}

export class DeviceClaims {
  readonly #claims: Lister<Claim>;
  readonly #slices: Lister<Slice>;
  readonly #classes: Lister<DeviceClass>;
  readonly #client: Client;
  #selectors: DeviceSelectors | undefined;
  /** Allocations that are being written, or were and are not shown yet, by the claim's uid. */
  readonly #pending = new Map<string, Allocation>();

  constructor(options: {
    client: Client;
    claims: Lister<Claim>;
    slices: Lister<Slice>;
    classes: Lister<DeviceClass>;
  }) {
    this.#client = options.client;
    this.#claims = options.claims;
    this.#slices = options.slices;
    this.#classes = options.classes;
  }

  /** Before `rules` is asked about a pod: what reads expressions is loaded with the first that has claims. */
  async load(pod: KubeObject): Promise<void> {
    if (podClaimsOf(pod).length === 0) return;
    this.#selectors ??= new DeviceSelectors(await import("../../../cel/index.ts"));
  }

  /** The informer has shown the claim. */
  shown(claim: Claim): void {
    if (claim.status?.allocation !== undefined) this.#pending.delete(claim.metadata.uid as string);
  }

  gone(claim: Claim): void {
    this.#pending.delete(claim.metadata.uid as string);
  }

  /** Undefined where the pod has no claims. */
  rules(pod: KubeObject): DeviceRules | undefined {
    if (podClaimsOf(pod).length === 0) return undefined;
    const impossible = (text: string): DeviceRules => ({ impossible: text, on: () => text });
    const claims = this.#claimsOf(pod);
    if (claims === undefined) return impossible("waits");
    if (claims.length === 0) return undefined;
    const open = claims.filter(({ status }) => status?.allocation === undefined);
    for (const claim of open) {
      const { namespace, name, uid } = claim.metadata;
      if (this.#pending.has(uid as string))
        return impossible(`resource claim ${namespace}/${name} is in the process of being allocated`);
      const missing = this.#missingClass(claim);
      if (missing !== undefined) return impossible(missing);
    }
    let supply: DeviceSupply | undefined;
    return {
      on: (node) => {
        const isAway = claims.some(({ status }) => {
          const selector = status?.allocation?.nodeSelector;
          return selector !== undefined && !matchesNodeSelector(selector, node);
        });
        supply ??= open.length === 0 ? undefined : this.#supply();
        const found = supply === undefined ? [] : allocate(open, node, supply);
        if (typeof found === "string") return found;
        if (isAway) return "resourceclaim not available on the node";
        return { claims: claims.map((claim) => ({ claim, allocation: found[open.indexOf(claim)] })) };
      },
    };
  }

  /** What the plan takes is taken, from now on for every other pod. */
  reserve(plan: DevicePlan): void {
    for (const { claim, allocation } of plan.claims)
      if (allocation !== undefined) this.#pending.set(claim.metadata.uid as string, allocation);
  }

  /** Writes the plan: devices, and for which pod. */
  async write(plan: DevicePlan, pod: KubeObject): Promise<void> {
    try {
      for (const one of plan.claims) await this.#writeClaim(one, pod);
    } catch (error) {
      for (const { claim } of plan.claims) this.gone(claim);
      throw error;
    }
  }

  async #writeClaim(
    { claim, allocation }: { claim: Claim; allocation: Allocation | undefined },
    pod: KubeObject,
  ): Promise<void> {
    if (allocation === undefined && isReservedFor(claim, pod)) return;
    const scope = inNamespace(resourceClaims, claim.metadata.namespace);
    let current = claim;
    const finalizers = current.metadata.finalizers ?? [];
    // Before the status: nobody may take the claim away while devices are allocated for it.
    if (allocation !== undefined && !finalizers.includes(allocationFinalizer)) {
      const metadata = { ...current.metadata, finalizers: [...finalizers, allocationFinalizer] };
      current = await this.#client.update<Claim>(scope, { ...current, metadata });
    }
    const { name = "", uid = "" } = pod.metadata;
    const reservedFor = [...(current.status?.reservedFor ?? []), { resource: "pods", name, uid }];
    const status = { ...current.status, ...(allocation && { allocation }), reservedFor };
    await this.#client.update<Claim>(scope, { ...current, status }, "status");
  }

  /** Undefined while some have not been made, or are not the pod's, or go. */
  #claimsOf(pod: KubeObject): Claim[] | undefined {
    const claims: Claim[] = [];
    for (const podClaim of podClaimsOf(pod)) {
      const named = claimNameOf(pod, podClaim);
      if (named === "none") continue;
      const claim = named && this.#claims.get(pod.metadata.namespace, named.name);
      if (named === undefined || claim === undefined || isTerminating(claim)) return undefined;
      if (named.isGenerated && !isMadeFor(claim, pod)) return undefined;
      claims.push(claim);
    }
    return claims;
  }

  #missingClass(claim: Claim): string | undefined {
    for (const { name, exactly, firstAvailable = [] } of claim.spec.devices?.requests ?? []) {
      const choices =
        exactly === undefined
          ? firstAvailable.map((choice) => ({ request: `${name}/${choice.name}`, choice }))
          : [{ request: name, choice: exactly }];
      for (const { request, choice } of choices) {
        if (this.#classes.get("", choice.deviceClassName) === undefined)
          return `request ${request}: device class ${choice.deviceClassName} does not exist`;
      }
    }
    return undefined;
  }

  #supply(): DeviceSupply {
    const inUse = new Set<string>();
    const take = (allocation: Allocation | undefined): void => {
      for (const { driver, pool, device, adminAccess } of allocation?.devices.results ?? [])
        if (adminAccess !== true) inUse.add(`${driver}/${pool}/${device}`);
    };
    for (const { status } of this.#claims.list()) take(status?.allocation);
    for (const allocation of this.#pending.values()) take(allocation);
    if (this.#selectors === undefined) throw new Error("devices are chosen before CEL is loaded");
    return { slices: this.#slices.list(), classes: this.#classes, selectors: this.#selectors, inUse };
  }
}
