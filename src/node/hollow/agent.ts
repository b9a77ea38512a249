import { type KubeObject, StatusError } from "../../apimachinery/index.ts";
import {
  createWorkqueue,
  errorText,
  type Informer,
  keyOf,
  splitKey,
  type Workqueue,
} from "../../client/index.ts";
import { PodAddresses } from "../agent/addresses.ts";
import type { NodeDescription } from "../agent/node-object.ts";
import { portRefusal } from "../agent/port-refusal.ts";
import { NodeRegistration } from "../agent/registration.ts";
import {
  completeAfterMs,
  delayMs,
  exitCodeOf,
  mayBeReady,
  readyAfterAnnotation,
  startAfterAnnotation,
  stopAfterAnnotation,
} from "./annotations.ts";
import { descriptionOf } from "./description.ts";
import { endedStatus, overdueStatus, runningStatus } from "./pod-status.ts";
import type { HollowNodeOptions, HollowNodesOptions } from "./ports.ts";

const pods = { group: "", version: "v1", resource: "pods" };
export const nodeIndex = "node-name";

/** Deadlines may be years away, which timers cannot wait for: they are looked at once a day. */
const deadlineWaitMsMax = 86_400_000;

/** What stands for the kubelet of one node. */
export class HollowAgent {
  readonly #options: HollowNodesOptions;
  readonly #description: NodeDescription;
  readonly #registration: NodeRegistration;
  readonly #pods: Informer;
  readonly #queue: Workqueue;
  /** Monotonic milliseconds at which a pod came here, by uid. */
  readonly #arrivals = new Map<string, number>();
  #addresses: PodAddresses | undefined;
  /** A pod waits for one that goes. */
  #lacksAddress = false;

  constructor(
    options: HollowNodesOptions,
    node: HollowNodeOptions,
    podInformer: Informer,
    nodeInformer: Informer,
  ) {
    const { client, clock, log } = options;
    this.#options = options;
    this.#pods = podInformer;
    this.#description = descriptionOf(node, options.random.uuid());
    this.#queue = createWorkqueue({
      name: `pods of ${node.name}`,
      clock,
      log,
      concurrency: 16,
      process: (key) => this.#syncPod(key),
    });
    this.#registration = new NodeRegistration({
      client,
      clock,
      log,
      name: node.name,
      leaseSeconds: node.leaseSeconds,
      describe: () => this.#description,
      onNode: (object) => this.#adoptRange(object),
      onRecovered: () => this.#wakePods(),
    });
    void this.registered.then(() => {
      const known = nodeInformer.lister.get("", node.name);
      if (known !== undefined) this.nodeChanged(known);
      this.#queue.start();
    });
  }

  get registered(): Promise<void> {
    return this.#registration.registered;
  }

  podChanged(pod: KubeObject): void {
    this.#queue.add(keyOf(pod));
  }

  podGone(pod: KubeObject): void {
    const uid = pod.metadata.uid as string;
    this.#arrivals.delete(uid);
    this.#arrivals.delete(`${uid}/end`);
    this.#addresses?.release(uid);
    if (!this.#lacksAddress) return;
    this.#lacksAddress = false;
    this.#wakePods();
  }

  nodeChanged(node: KubeObject): void {
    this.#registration.nodeChanged(node);
  }

  async stop(): Promise<void> {
    await this.#queue.stop();
    await this.#registration.deregister();
  }

  crash(): void {
    this.#registration.crash();
    void this.#queue.stop();
  }

  /** Pods can have addresses as soon as the node has its range. */
  #adoptRange(node: KubeObject): void {
    const cidr: string | undefined = node.spec?.podCIDR;
    if (this.#addresses !== undefined || cidr === undefined || cidr === "") return;
    try {
      this.#addresses = new PodAddresses(cidr);
    } catch (error) {
      this.#options.log.error("the node's podCIDR cannot be used", {
        node: node.metadata.name,
        error: errorText(error),
      });
      return;
    }
    for (const pod of this.#pods.lister.byIndex(nodeIndex, this.#description.name)) {
      const present: string | undefined = pod.status?.podIP;
      if (present !== undefined) this.#addresses.reserve(pod.metadata.uid as string, present);
    }
    this.#wakePods();
  }

  #wakePods(): void {
    for (const pod of this.#pods.lister.byIndex(nodeIndex, this.#description.name))
      this.#queue.add(keyOf(pod));
  }

  async #syncPod(key: string): Promise<void> {
    const pod = this.#pods.lister.getByKey(key);
    if (pod === undefined || pod.spec?.nodeName !== this.#description.name) return;
    try {
      if ((pod.metadata.deletionTimestamp ?? null) !== null) await this.#endPod(key, pod);
      else if (pod.status?.phase !== "Succeeded" && pod.status?.phase !== "Failed")
        await this.#runPod(key, pod);
    } catch (error) {
      if (!(error instanceof StatusError && error.code === 404)) throw error;
    }
  }

  async #runPod(key: string, pod: KubeObject): Promise<void> {
    const { clock, client } = this.#options;
    const uid = pod.metadata.uid as string;
    const now = clock.monotonic();
    const arrivedMs = this.#arrivals.get(uid) ?? now;
    this.#arrivals.set(uid, arrivedMs);
    const running = pod.status?.phase === "Running";
    const overdueIn = this.#overdueIn(key, pod);
    if (overdueIn !== undefined && overdueIn <= 0) {
      const { namespace } = splitKey(key);
      const status = overdueStatus(pod, clock.now());
      await client.update({ ...pods, namespace }, { ...pod, status }, "status");
      return;
    }
    if (!running) {
      const refusal = portRefusal(pod, this.#pods.lister.byIndex(nodeIndex, this.#description.name));
      if (refusal !== undefined) {
        const { namespace } = splitKey(key);
        const status = { ...pod.status, ...refusal, phase: "Failed" };
        await client.update({ ...pods, namespace }, { ...pod, status }, "status");
        return;
      }
    }
    const startIn = running ? 0 : arrivedMs + delayMs(pod, startAfterAnnotation) - now;
    if (startIn > 0) {
      this.#queue.addAfter(key, startIn);
      return;
    }
    const podIp = pod.spec?.hostNetwork === true ? this.#description.address : this.#addresses?.allocate(uid);
    if (podIp === undefined) {
      this.#lacksAddress = this.#addresses !== undefined;
      return;
    }
    const readyIn = arrivedMs + delayMs(pod, startAfterAnnotation) + delayMs(pod, readyAfterAnnotation) - now;
    if (readyIn > 0) this.#queue.addAfter(key, readyIn);
    const ready = mayBeReady(pod) && readyIn <= 0;
    const completeIn = this.#completeIn(key, pod, readyIn);
    if (running && completeIn !== undefined && completeIn <= 0) {
      const { namespace } = splitKey(key);
      const ended = endedStatus(pod, clock.now(), exitCodeOf(pod));
      await client.update({ ...pods, namespace }, { ...pod, status: ended }, "status");
      return;
    }
    const status = runningStatus({
      pod,
      hostIp: this.#description.address,
      podIp,
      ready,
      nowMs: clock.now(),
    });
    if (running && sameReport(pod.status, status)) return;
    const { namespace } = splitKey(key);
    await client.update({ ...pods, namespace }, { ...pod, status }, "status");
  }

  /** Milliseconds until a pod that has started was active for as long as it may be; wakes the pod then. */
  #overdueIn(key: string, pod: KubeObject): number | undefined {
    const seconds: number | undefined = pod.spec?.activeDeadlineSeconds;
    const started: string | undefined = pod.status?.startTime;
    if (seconds === undefined || started === undefined) return undefined;
    const left = Date.parse(started) + seconds * 1_000 - this.#options.clock.now();
    if (left > 0) this.#queue.addAfter(key, Math.min(left, deadlineWaitMsMax));
    return left;
  }

  /** Milliseconds until the pod has done its work; wakes the pod then. */
  #completeIn(key: string, pod: KubeObject, readyInMs: number): number | undefined {
    const afterMs = completeAfterMs(pod);
    if (afterMs === undefined) return undefined;
    const left = readyInMs + afterMs;
    if (left > 0) this.#queue.addAfter(key, left);
    return left;
  }

  async #endPod(key: string, pod: KubeObject): Promise<void> {
    const { clock, client } = this.#options;
    const uid = pod.metadata.uid as string;
    const graceMs = (pod.metadata.deletionGracePeriodSeconds ?? 0) * 1_000;
    const stopMs = Math.min(delayMs(pod, stopAfterAnnotation), graceMs);
    const toldMs = this.#arrivals.get(`${uid}/end`) ?? clock.monotonic();
    const endIn = toldMs + stopMs - clock.monotonic();
    if (endIn > 0) {
      this.#arrivals.set(`${uid}/end`, toldMs);
      this.#queue.addAfter(key, endIn);
      return;
    }
    this.#arrivals.delete(`${uid}/end`);
    const { namespace, name } = splitKey(key);
    const scope = { ...pods, namespace };
    if (pod.status?.phase === "Running") {
      await client.update(scope, { ...pod, status: endedStatus(pod, clock.now()) }, "status");
    }
    await client.delete(scope, name, { gracePeriodSeconds: 0, preconditions: { uid } });
  }
}

/** The status on the server is what would be written: nobody changed it and nothing is new. */
function sameReport(present: KubeObject["status"], next: KubeObject["status"]): boolean {
  const view = (status: KubeObject["status"]): string =>
    JSON.stringify([
      status.phase,
      status.podIP,
      status.observedGeneration,
      (status.conditions as { type: string; status: string; reason?: string }[])
        .map(({ type, status: value, reason }) => [type, value, reason])
        .sort(),
    ]);
  return view(present) === view(next);
}
