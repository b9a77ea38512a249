/**
 * Nodes that only say what a kubelet would: they register, keep their heartbeat, take the pods bound to them, give each an
 * address and report it running and ready, and let it go when it is deleted. No container runs. All nodes of a
 * process share one informer of pods and one of nodes, so a hundred idle nodes cost a hundred heartbeats every ten
 * seconds and nothing else.
 */
import { formatMicroTime, type KubeObject, StatusError } from "../../apimachinery/index.ts";
import {
  type Client,
  createInformer,
  createWorkqueue,
  errorText,
  type Informer,
  keyOf,
  type Log,
  pause,
  splitKey,
  type Workqueue,
} from "../../client/index.ts";
import type { Clock, Random, Timer } from "../../platform/index.ts";
import { PodAddresses } from "./addresses.ts";
import {
  completeAfterMs,
  delayMs,
  exitCodeOf,
  mayBeReady,
  readyAfterAnnotation,
  startAfterAnnotation,
  stopAfterAnnotation,
} from "./annotations.ts";
import { type NodeDescription, nodeObject, nodeStatus } from "./node-object.ts";
import { conditionIn, endedStatus, runningStatus } from "./pod-status.ts";

export interface HollowNodesOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface HollowNodeOptions {
  readonly name: string;
  /** "127.0.0.1" by default. */
  readonly address?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Quantities; 32 CPUs, 256Gi of memory, 110 pods by default. */
  readonly capacity?: Readonly<Record<string, string>>;
  readonly kubeletVersion?: string;
  readonly architecture?: string;
}

/** A registered node. */
export interface HollowNode {
  readonly name: string;
  /** The Node object is there and says Ready. */
  readonly registered: Promise<void>;
  /** Takes the node out of the cluster: deletes its Node and its Lease; its pods' addresses leave the Endpoints with it. */
  stop(): Promise<void>;
  /** Ends without a word, as a machine that lost its power. */
  crash(): void;
}

/** The hollow nodes of one process. */
export interface HollowNodes {
  add(options: HollowNodeOptions): HollowNode;
  /** Stops all. */
  stop(): Promise<void>;
}

const pods = { group: "", version: "v1", resource: "pods" };
const nodes = { group: "", version: "v1", resource: "nodes" };
const leases = {
  group: "coordination.k8s.io",
  version: "v1",
  resource: "leases",
  namespace: "kube-node-lease",
};

const nodeIndex = "node-name";

/** Between renewals of the Lease, and how long it says that it holds; the kubelet's. */
const leaseRenewMs = 10_000;
const leaseSeconds = 40;

/** An unchanged status is posted again after so long; the kubelet's nodeStatusReportFrequency. */
const statusReportMs = 300_000;

/** After a failed registration. */
const retryMs = 200;
const retryMsMax = 7_000;

const defaultCapacity = { cpu: "32", memory: "256Gi", "ephemeral-storage": "1Ti", pods: "110" };

export function createHollowNodes(options: HollowNodesOptions): HollowNodes {
  const stopping = new AbortController();
  const podInformer = createInformer({ ...options, scope: pods, fieldSelector: "spec.nodeName!=" });
  const nodeInformer = createInformer({ ...options, scope: nodes });
  podInformer.addIndex(nodeIndex, (pod) => [pod.spec?.nodeName ?? ""]);
  const running = new Map<string, Agent>();

  podInformer.addHandler({
    add: (pod) => running.get(pod.spec?.nodeName)?.podChanged(pod),
    update: (pod) => running.get(pod.spec?.nodeName)?.podChanged(pod),
    delete: (pod) => running.get(pod.spec?.nodeName)?.podGone(pod),
  });
  nodeInformer.addHandler({
    add: (node) => running.get(node.metadata.name as string)?.nodeChanged(node),
    update: (node) => running.get(node.metadata.name as string)?.nodeChanged(node),
  });

  return {
    add(node) {
      podInformer.start(stopping.signal);
      nodeInformer.start(stopping.signal);
      const agent = new Agent(options, node, podInformer, nodeInformer);
      running.set(node.name, agent);
      const forget = (): void => {
        running.delete(node.name);
      };
      return {
        name: node.name,
        registered: agent.registered,
        async stop() {
          forget();
          await agent.stop();
        },
        crash() {
          forget();
          agent.crash();
        },
      };
    },
    async stop() {
      await Promise.all([...running.values()].map((agent) => agent.stop()));
      running.clear();
      stopping.abort();
    },
  };
}

/** What stands for the kubelet of one node. */
class Agent {
  readonly registered: Promise<void>;
  readonly #options: HollowNodesOptions;
  readonly #description: NodeDescription;
  readonly #pods: Informer;
  readonly #nodes: Informer;
  readonly #queue: Workqueue;
  readonly #stopping = new AbortController();
  readonly #work: Promise<void>;
  /** Monotonic milliseconds at which a pod came here, by uid. */
  readonly #arrivals = new Map<string, number>();
  #addresses: PodAddresses | undefined;
  #node: KubeObject | undefined;
  #lease: KubeObject | undefined;
  /** A pod waits for one that goes. */
  #lacksAddress = false;
  #statusPostedMs = 0;
  #posting = false;
  #heartbeat: Timer | undefined;

  constructor(
    options: HollowNodesOptions,
    node: HollowNodeOptions,
    podInformer: Informer,
    nodeInformer: Informer,
  ) {
    this.#options = options;
    this.#pods = podInformer;
    this.#nodes = nodeInformer;
    this.#description = {
      name: node.name,
      address: node.address ?? "127.0.0.1",
      labels: node.labels ?? {},
      capacity: node.capacity ?? defaultCapacity,
      kubeletVersion: node.kubeletVersion ?? "v1.35.4",
      architecture: node.architecture ?? "amd64",
      bootId: options.random.uuid(),
    };
    this.#queue = createWorkqueue({
      name: `pods of ${node.name}`,
      clock: options.clock,
      log: options.log,
      concurrency: 16,
      process: (key) => this.#syncPod(key),
    });
    let resolveRegistered: () => void = () => {};
    this.registered = new Promise((resolve) => {
      resolveRegistered = resolve;
    });
    this.#work = this.#run(resolveRegistered);
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
    if (this.#node === undefined || node.metadata.uid !== this.#node.metadata.uid) return;
    this.#node = node;
    this.#adoptRange(node);
    // Somebody gave this node up: it is not dead.
    const ready = conditionIn(node, "Ready");
    if (ready !== undefined && ready.status !== "True") void this.#postStatus();
  }

  async stop(): Promise<void> {
    if (this.#stopping.signal.aborted) return this.#work;
    this.#end();
    await this.#queue.stop();
    await this.#work;
    const { client } = this.#options;
    const name = this.#description.name;
    for (const scope of [nodes, leases]) {
      try {
        await client.delete(scope, name);
      } catch (error) {
        if (!(error instanceof StatusError && error.code === 404)) {
          this.#options.log.warn("cannot take the node out of the cluster", {
            node: name,
            error: errorText(error),
          });
        }
      }
    }
  }

  crash(): void {
    this.#end();
    void this.#queue.stop();
  }

  #end(): void {
    this.#stopping.abort();
    this.#heartbeat?.cancel();
  }

  async #run(registered: () => void): Promise<void> {
    const { clock, log } = this.#options;
    const { signal } = this.#stopping;
    for (let wait = retryMs; !signal.aborted; wait = Math.min(wait * 2, retryMsMax)) {
      try {
        await this.#register();
        break;
      } catch (error) {
        log.debug("cannot register", { node: this.#description.name, error: errorText(error) });
        await pause(clock, wait, signal);
      }
    }
    if (signal.aborted) return;
    registered();
    this.#heartbeat = clock.every(leaseRenewMs, () => void this.#beat(), { background: true });
    const known = this.#nodes.lister.get("", this.#description.name);
    if (known !== undefined) this.nodeChanged(known);
    this.#queue.start();
    // On a fresh cluster the Leases' namespace may come after the first nodes.
    for (let wait = retryMs; !signal.aborted; wait = Math.min(wait * 2, retryMsMax)) {
      await this.#beat();
      if (this.#lease !== undefined) break;
      await pause(clock, wait, signal);
    }
  }

  /** Makes the Node, or takes over the one that is there from an earlier life. */
  async #register(): Promise<void> {
    const { client, clock } = this.#options;
    const object = nodeObject(this.#description, clock.now());
    let node: KubeObject;
    try {
      node = await client.create(nodes, object);
    } catch (error) {
      if (!(error instanceof StatusError && error.code === 409)) throw error;
      node = await client.get(nodes, this.#description.name);
      const labels = { ...node.metadata.labels, ...object.metadata.labels };
      node = await client.update(nodes, { ...node, metadata: { ...node.metadata, labels } });
      node = await this.#writeStatus(node);
    }
    if (conditionIn(node, "Ready")?.status !== "True") node = await this.#writeStatus(node);
    this.#node = node;
    this.#statusPostedMs = clock.monotonic();
    this.#adoptRange(node);
  }

  #writeStatus(node: KubeObject): Promise<KubeObject> {
    const { client, clock } = this.#options;
    const status = nodeStatus(this.#description, node, clock.now());
    return client.update(nodes, { ...node, status }, "status");
  }

  async #postStatus(): Promise<void> {
    if (this.#posting || this.#stopping.signal.aborted) return;
    this.#posting = true;
    try {
      this.#node = await this.#writeStatus(
        await this.#options.client.get<KubeObject>(nodes, this.#description.name),
      );
      this.#statusPostedMs = this.#options.clock.monotonic();
      // Its pods were called not ready with it.
      this.#wakePods();
    } catch (error) {
      const node = this.#description.name;
      this.#options.log.debug("cannot post the node's status", { node, error: errorText(error) });
    } finally {
      this.#posting = false;
    }
  }

  /** Renews the Lease; every now and then the status too. */
  async #beat(): Promise<void> {
    const { client, clock, log } = this.#options;
    const name = this.#description.name;
    const renewTime = formatMicroTime(clock.now());
    try {
      this.#lease =
        this.#lease === undefined
          ? await this.#takeLease(renewTime)
          : await client.update(leases, { ...this.#lease, spec: { ...this.#lease.spec, renewTime } });
    } catch (error) {
      this.#lease = undefined;
      log.debug("no heartbeat", { node: name, error: errorText(error) });
    }
    const ready = this.#node === undefined ? undefined : conditionIn(this.#node, "Ready")?.status;
    if (ready !== "True" || clock.monotonic() - this.#statusPostedMs >= statusReportMs)
      await this.#postStatus();
  }

  async #takeLease(renewTime: string): Promise<KubeObject> {
    const { client } = this.#options;
    const name = this.#description.name;
    const spec = { holderIdentity: name, leaseDurationSeconds: leaseSeconds, renewTime };
    const uid = this.#node?.metadata.uid as string;
    const ownerReferences = [{ apiVersion: "v1", kind: "Node", name, uid }];
    try {
      return await client.create(leases, {
        apiVersion: "coordination.k8s.io/v1",
        kind: "Lease",
        metadata: { name, namespace: leases.namespace, ownerReferences },
        spec,
      });
    } catch (error) {
      if (!(error instanceof StatusError && error.code === 409)) throw error;
      const lease = await client.get(leases, name);
      return await client.update(leases, {
        ...lease,
        metadata: { ...lease.metadata, ownerReferences },
        spec: { ...lease.spec, ...spec },
      });
    }
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
