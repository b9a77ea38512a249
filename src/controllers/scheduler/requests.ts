import { type KubeObject, parseQuantity } from "../../apimachinery/index.ts";

/** Amounts by resource name, in 10^-9 of the resource's unit. */
export type Amounts = ReadonlyMap<string, bigint>;

interface ContainerSpec {
  readonly restartPolicy?: string;
  readonly resources?: { readonly requests?: Record<string, string | number> };
  readonly ports?: readonly { hostPort?: number; hostIP?: string; protocol?: string }[];
}

/**
 * What a node must have for the pod: the sum of its containers, or its largest init container where that is more (with the
 * sidecars that run beside it), and its overhead.
 */
export function podRequests(pod: KubeObject): Amounts {
  const total = new Map<string, bigint>();
  for (const container of (pod.spec?.containers ?? []) as ContainerSpec[]) add(total, requestsOf(container));
  const sidecars = new Map<string, bigint>();
  const initial = new Map<string, bigint>();
  for (const container of (pod.spec?.initContainers ?? []) as ContainerSpec[]) {
    if (container.restartPolicy === "Always") {
      add(sidecars, requestsOf(container));
      raise(initial, sidecars);
    } else {
      const peak = new Map(sidecars);
      add(peak, requestsOf(container));
      raise(initial, peak);
    }
  }
  add(total, sidecars);
  raise(total, initial);
  add(total, amountsOf(pod.spec?.overhead));
  return total;
}

/** `status.allocatable`, `resources.requests` and the like; what is no quantity counts as nothing. */
export function amountsOf(quantities: Record<string, string | number> | undefined): Map<string, bigint> {
  const amounts = new Map<string, bigint>();
  for (const [resource, text] of Object.entries(quantities ?? {})) {
    try {
      amounts.set(resource, parseQuantity(String(text)).nano);
    } catch {
      // The server validates quantities; a custom server's slip must not stop the scheduling of others.
    }
  }
  return amounts;
}

/** `10.0.0.1|TCP|80` of every host port that the pod takes; "0.0.0.0" for all addresses. */
export function hostPorts(pod: KubeObject): string[] {
  const found: string[] = [];
  for (const container of (pod.spec?.containers ?? []) as ContainerSpec[]) {
    for (const { hostPort, hostIP, protocol } of container.ports ?? []) {
      if (hostPort !== undefined && hostPort > 0) {
        found.push(
          `${hostIP === undefined || hostIP === "" ? "0.0.0.0" : hostIP}|${protocol ?? "TCP"}|${hostPort}`,
        );
      }
    }
  }
  return found;
}

/** Two pods cannot have the same port of the same address; 0.0.0.0 is every address. */
export function portsConflict(a: string, b: string): boolean {
  const [addressA, ...restA] = a.split("|");
  const [addressB, ...restB] = b.split("|");
  if (restA.join("|") !== restB.join("|")) return false;
  return addressA === addressB || addressA === "0.0.0.0" || addressB === "0.0.0.0";
}

function requestsOf(container: ContainerSpec): Map<string, bigint> {
  return amountsOf(container.resources?.requests);
}

function add(total: Map<string, bigint>, amounts: Amounts): void {
  for (const [resource, amount] of amounts) total.set(resource, (total.get(resource) ?? 0n) + amount);
}

function raise(total: Map<string, bigint>, amounts: Amounts): void {
  for (const [resource, amount] of amounts) {
    if (amount > (total.get(resource) ?? 0n)) total.set(resource, amount);
  }
}
