import type { Client, Log } from "../../client/index.ts";
import type { Machine } from "../../platform/index.ts";
import type { Cgroups } from "./cgroups.ts";
import type { HostPorts } from "./host-ports.ts";
import type { ObjectCache } from "./object-cache.ts";
import type { Pod } from "./pod.ts";
import type { ClusterDns } from "./resolv-conf.ts";
import type { PodNetwork } from "./sandbox/pod-network.ts";
import type { Sandboxes } from "./sandbox/sandboxes.ts";

/** What a pod needs of its node. */
export interface NodeContext {
  readonly machine: Machine;
  readonly client: Client;
  readonly log: Log;
  readonly name: string;
  /** InternalIP. */
  readonly address: string;
  /** Where the node keeps everything. */
  readonly directory: string;
  readonly objects: ObjectCache;
  readonly cgroups: Cgroups;
  /** Undefined where the node has no images. */
  readonly sandboxes: Sandboxes | undefined;
  allocatable(): Readonly<Record<string, string>>;
  /** Undefined while the node has none to give. */
  addressFor(pod: Pod): string | undefined;
  releaseAddress(pod: Pod): void;
  readonly hostPorts: HostPorts;
  /** Why the node does not take the pod beside those that it has. */
  refusal(pod: Pod): { readonly reason: string; readonly message: string } | undefined;
  /** Of pods with networks of their own; undefined where they have none. */
  podNetwork(): PodNetwork | undefined;
  dns(): Promise<ClusterDns | undefined>;
  serviceVariables(namespace: string, links: boolean): Readonly<Record<string, string>>;
  /** A token of the pod's service account; undefined where the server gives none. */
  token(
    pod: Pod,
    request: { audience: string | undefined; expirationSeconds: number },
  ): Promise<string | undefined>;
  event(pod: Pod, type: "Normal" | "Warning", reason: string, message: string, container?: string): void;
}
