import { errorText } from "../../client/index.ts";
import type { Alarm } from "./alarm.ts";
import { claimedPlace } from "./claims.ts";
import { volumeResyncMs } from "./limits.ts";
import type { NodeContext } from "./node-context.ts";
import type { PodContext } from "./pod-context.ts";
import { makeVolume, volumeFailure } from "./volumes.ts";

/** What a pod has before its first program starts: an address, its place in the network, its volumes, its ports of the node. */
export class PodSetup {
  readonly #node: NodeContext;
  readonly #context: PodContext;
  readonly #alarm: Alarm;
  #ready: boolean;
  /** Monotonic milliseconds at which the volumes were looked at last. */
  #volumesAtMs = 0;

  constructor(node: NodeContext, context: PodContext, alarm: Alarm) {
    this.#node = node;
    this.#context = context;
    this.#alarm = alarm;
    this.#ready = false;
  }

  get ready(): boolean {
    return this.#ready;
  }

  /** Programs of an earlier life run: they had everything that they needed. */
  found(): void {
    this.#ready = true;
  }

  /** A ConfigMap or Secret that it uses is new. */
  contentChanged(): void {
    this.#volumesAtMs = Number.NEGATIVE_INFINITY;
  }

  /** Whether everything is there; the alarm is set where something is missing. */
  async complete(): Promise<boolean> {
    const { clock } = this.#node.machine;
    if (this.#ready && clock.monotonic() - this.#volumesAtMs < volumeResyncMs) return true;
    const { record, pod } = this.#context;
    record.podIp ??= pod.spec.hostNetwork === true ? this.#node.address : this.#node.addressFor(pod);
    if (record.podIp === undefined) return false;
    if (!this.#ready && !(await this.#joinNetwork(record.podIp))) return false;
    try {
      if (!this.#ready) await this.#openDirectory();
      await this.#makeVolumes();
    } catch (error) {
      // A running program keeps what it has; one that has not started waits.
      if (!this.#ready) this.#context.event("Warning", "FailedMount", mountFailure(error));
      this.#alarm.retry();
      return this.#ready;
    }
    this.#volumesAtMs = clock.monotonic();
    this.#alarm.succeeded();
    this.#ready = true;
    if ((pod.spec.volumes?.length ?? 0) > 0) this.#alarm.ringIn(volumeResyncMs);
    return true;
  }

  async openHostPorts(): Promise<void> {
    const { pod } = this.#context;
    const complaints = await this.#node.hostPorts.open(pod, this.#context.place().podIp);
    for (const complaint of complaints) this.#context.event("Warning", "HostPortConflict", complaint);
  }

  /** Removes everything that was the pod's here. */
  async clear(): Promise<void> {
    const { pod, places } = this.#context;
    const uid = pod.metadata.uid as string;
    await this.#node.hostPorts.close(uid);
    await this.#node.podNetwork()?.remove(uid);
    this.#node.releaseAddress(pod);
    await this.#node.sandboxes?.unmountBelow(places.directory);
    this.#node.objects.release(uid);
    await this.#node.cgroups.remove(uid);
    await this.#node.machine.files.remove(places.directory);
  }

  /** Whether the pod is in the network, with its address. */
  async #joinNetwork(address: string): Promise<boolean> {
    const { pod } = this.#context;
    const network = pod.spec.hostNetwork === true ? undefined : this.#node.podNetwork();
    try {
      await network?.add(pod.metadata.uid as string, address);
      return true;
    } catch (error) {
      const message = `Failed to create pod sandbox: ${errorText(error)}`;
      this.#context.event("Warning", "FailedCreatePodSandBox", message);
      this.#alarm.retry();
      return false;
    }
  }

  async #openDirectory(): Promise<void> {
    await this.#context.save();
    // Programs of other users go through it and cannot look around; what is secret in it is closed by itself.
    await this.#node.machine.files.setMode(this.#context.places.directory, 0o711);
  }

  async #makeVolumes(): Promise<void> {
    const { pod, places } = this.#context;
    for (const volume of pod.spec.volumes ?? []) {
      await makeVolume(volume, places.volume(volume.name), {
        machine: this.#node.machine,
        pod,
        place: this.#context.place(),
        objects: this.#context.object,
        claimed: (one) => claimedPlace(this.#node.client, pod, one),
        mountMemory: this.#node.sandboxes?.mountMemory,
        token: (request) => this.#node.token(pod, request),
      });
    }
  }
}

function mountFailure(error: unknown): string {
  const text = volumeFailure(error);
  return text.startsWith("MountVolume") ? text : `MountVolume.SetUp failed : ${text}`;
}
