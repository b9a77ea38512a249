import type { KubeObject } from "../../apimachinery/index.ts";
import type { Machine } from "../../platform/index.ts";
import type { PodPlace } from "./fields.ts";
import type { PodPlaces } from "./places.ts";
import type { Container, Pod } from "./pod.ts";
import type { PodRecord } from "./records.ts";
import type { ClusterDns } from "./resolv-conf.ts";
import type { Sandboxes } from "./sandbox/sandboxes.ts";

/** What a container needs of its pod and node. */
export interface PodContext {
  readonly machine: Machine;
  /** As it was last seen. */
  readonly pod: Pod;
  readonly record: PodRecord;
  readonly places: PodPlaces;
  /** Undefined where the node has no images. */
  readonly sandboxes: Sandboxes | undefined;
  place(): PodPlace;
  /** The file of the pod's network namespace; undefined where it has none of its own. */
  network(): string | undefined;
  services(): Readonly<Record<string, string>>;
  dns(): Promise<ClusterDns | undefined>;
  object(kind: "configmap" | "secret", name: string): Promise<KubeObject | undefined>;
  /** Of the pod, or of one of its containers. */
  event(type: "Normal" | "Warning", reason: string, message: string, container?: string): void;
  /** The pod's termination grace. Milliseconds. */
  graceMs(): number;
  /** What takes a process into the container's control group; "" where there are none. */
  cgroupFile(container: Container): Promise<string>;
  wasOutOfMemory(container: string): Promise<boolean>;
  /** Writes the record down. */
  save(): Promise<void>;
  /** Something changed: look what is to be done. */
  wake(): void;
}
