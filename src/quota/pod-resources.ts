import { addResources, maxResources, type ResourceList, readResources } from "./resource-list.ts";

/** The parts of a pod that say what it takes. */
export interface PodSpec {
  readonly containers?: readonly Container[] | null;
  readonly initContainers?: readonly Container[] | null;
  readonly resources?: Resources;
  readonly overhead?: Readonly<Record<string, string>>;
}

export interface Container {
  readonly name?: string;
  readonly resources?: Resources;
  readonly restartPolicy?: string;
}

interface Resources {
  readonly requests?: Readonly<Record<string, string>> | null;
  readonly limits?: Readonly<Record<string, string>> | null;
}

/** Of these a pod may say itself what all its containers take together. */
const podLevelResources = /^(cpu|memory|hugepages-.*)$/;

/**
 * What a pod takes: its containers together, or an init container where one takes more; sidecars run beside both. Upstream's
 * component-helpers PodRequests and PodLimits. `overhead`: with what the sandbox takes.
 */
export function podResources(
  spec: PodSpec,
  kind: "requests" | "limits",
  options: { readonly overhead: boolean },
): ResourceList {
  let total: ResourceList = new Map();
  for (const { resources } of spec.containers ?? [])
    total = addResources(total, readResources(resources?.[kind]));
  let sidecars: ResourceList = new Map();
  let starting: ResourceList = new Map();
  for (const { resources, restartPolicy } of spec.initContainers ?? []) {
    const own = readResources(resources?.[kind]);
    if (restartPolicy === "Always") {
      total = addResources(total, own);
      sidecars = addResources(sidecars, own);
      starting = maxResources(starting, sidecars);
    } else starting = maxResources(starting, addResources(own, sidecars));
  }
  total = maxResources(total, starting);
  const ofPod = readResources(spec.resources?.[kind]);
  total = new Map([...total, ...[...ofPod].filter(([name]) => podLevelResources.test(name))]);
  if (!options.overhead) return total;
  // A limit that is not there is no limit, whatever the sandbox takes.
  const overhead = readResources(spec.overhead);
  const counted = kind === "requests" ? overhead : new Map([...overhead].filter(([name]) => total.has(name)));
  return addResources(total, counted);
}
