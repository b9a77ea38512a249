import { formatMicroTime, type KubeObject, StatusError } from "../../apimachinery/index.ts";
import { type Client, errorText, type Log, pause } from "../../client/index.ts";
import type { Clock, Timer } from "../../platform/index.ts";
import { conditionIn } from "./conditions.ts";
import { type NodeDescription, nodeObject, nodeStatus } from "./node-object.ts";

export const nodes = { group: "", version: "v1", resource: "nodes" };
const leases = {
  group: "coordination.k8s.io",
  version: "v1",
  resource: "leases",
  namespace: "kube-node-lease",
};

/** How long the Lease says that it holds: the kubelet's nodeLeaseDurationSeconds. It is renewed four times in it. */
const leaseSecondsDefault = 40;
const renewalsPerLease = 4;

/** An unchanged status is posted again after so long; the kubelet's nodeStatusReportFrequency. */
const statusReportMs = 300_000;

/** After a failed registration. */
const retryMs = 200;
const retryMsMax = 7_000;

export interface RegistrationOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Log;
  readonly name: string;
  /** 40 by default. */
  readonly leaseSeconds?: number | undefined;
  /** Asked whenever the status is written. */
  describe(): NodeDescription | Promise<NodeDescription>;
  /** The Node as the server has it, whenever it was written or seen. */
  onNode(node: KubeObject): void;
  /** The node had been given up and is back: its pods were called not ready with it. */
  onRecovered(): void;
}

/**
 * One Node in the cluster: made, kept alive by a Lease, its status told again when it changes or somebody calls it lost, and taken out
 * at the end.
 */
export class NodeRegistration {
  /** The Node object is there and says Ready. */
  readonly registered: Promise<void>;
  readonly #options: RegistrationOptions;
  readonly #stopping = new AbortController();
  readonly #work: Promise<void>;
  #node: KubeObject | undefined;
  #lease: KubeObject | undefined;
  #statusPostedMs = 0;
  #posting = false;
  #heartbeat: Timer | undefined;

  constructor(options: RegistrationOptions) {
    this.#options = options;
    let resolveRegistered: () => void = () => {};
    this.registered = new Promise((resolve) => {
      resolveRegistered = resolve;
    });
    this.#work = this.#run(resolveRegistered);
  }

  get #leaseSeconds(): number {
    return this.#options.leaseSeconds ?? leaseSecondsDefault;
  }

  get node(): KubeObject | undefined {
    return this.#node;
  }

  /** Somebody wrote the Node. */
  nodeChanged(node: KubeObject): void {
    if (this.#node === undefined || node.metadata.uid !== this.#node.metadata.uid) return;
    this.#take(node);
    // Somebody gave this node up: it is not dead.
    const ready = conditionIn(node, "Ready");
    if (ready !== undefined && ready.status !== "True") void this.postStatus();
  }

  /** Ends the heartbeat without a word, as a machine that lost its power. */
  crash(): void {
    this.#stopping.abort();
    this.#heartbeat?.cancel();
  }

  /** Deletes the Node and its Lease: its pods' addresses leave the Endpoints with it. */
  async deregister(): Promise<void> {
    this.crash();
    await this.#work;
    const { client, log, name } = this.#options;
    for (const scope of [nodes, leases]) {
      try {
        await client.delete(scope, name);
      } catch (error) {
        if (error instanceof StatusError && error.code === 404) continue;
        log.warn("cannot take the node out of the cluster", { node: name, error: errorText(error) });
      }
    }
  }

  async postStatus(): Promise<void> {
    if (this.#posting || this.#stopping.signal.aborted) return;
    const { client, clock, log, name } = this.#options;
    this.#posting = true;
    try {
      this.#take(await this.#writeStatus(await client.get<KubeObject>(nodes, name)));
      this.#statusPostedMs = clock.monotonic();
      this.#options.onRecovered();
    } catch (error) {
      log.debug("cannot post the node's status", { node: name, error: errorText(error) });
    } finally {
      this.#posting = false;
    }
  }

  #take(node: KubeObject): void {
    this.#node = node;
    this.#options.onNode(node);
  }

  async #run(registered: () => void): Promise<void> {
    const { clock, log, name } = this.#options;
    const { signal } = this.#stopping;
    for (let wait = retryMs; !signal.aborted; wait = Math.min(wait * 2, retryMsMax)) {
      try {
        await this.#register();
        break;
      } catch (error) {
        log.debug("cannot register", { node: name, error: errorText(error) });
        await pause(clock, wait, signal);
      }
    }
    if (signal.aborted) return;
    registered();
    this.#heartbeat = clock.every((this.#leaseSeconds * 1000) / renewalsPerLease, () => void this.#beat(), {
      background: true,
    });
    // On a fresh cluster the Leases' namespace may come after the first nodes.
    for (let wait = retryMs; !signal.aborted; wait = Math.min(wait * 2, retryMsMax)) {
      await this.#beat();
      if (this.#lease !== undefined) break;
      await pause(clock, wait, signal);
    }
  }

  /** Makes the Node, or takes over the one that is there from an earlier life. */
  async #register(): Promise<void> {
    const { client, clock, name } = this.#options;
    const object = nodeObject(await this.#options.describe(), clock.now());
    let node: KubeObject;
    try {
      node = await client.create(nodes, object);
    } catch (error) {
      if (!(error instanceof StatusError && error.code === 409)) throw error;
      node = await client.get(nodes, name);
      const labels = { ...node.metadata.labels, ...object.metadata.labels };
      const annotations = { ...node.metadata.annotations, ...object.metadata.annotations };
      node = await client.update(nodes, { ...node, metadata: { ...node.metadata, labels, annotations } });
      node = await this.#writeStatus(node);
    }
    if (conditionIn(node, "Ready")?.status !== "True") node = await this.#writeStatus(node);
    this.#statusPostedMs = clock.monotonic();
    this.#take(node);
  }

  async #writeStatus(node: KubeObject): Promise<KubeObject> {
    const { client, clock } = this.#options;
    const status = nodeStatus(await this.#options.describe(), node, clock.now());
    return client.update(nodes, { ...node, status }, "status");
  }

  /** Renews the Lease; every now and then the status too. */
  async #beat(): Promise<void> {
    const { client, clock, log, name } = this.#options;
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
      await this.postStatus();
  }

  async #takeLease(renewTime: string): Promise<KubeObject> {
    const { client, name } = this.#options;
    const spec = { holderIdentity: name, leaseDurationSeconds: this.#leaseSeconds, renewTime };
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
      const present = await client.get<KubeObject>(leases, name);
      return client.update(leases, {
        ...present,
        metadata: { ...present.metadata, ownerReferences },
        spec: { ...present.spec, ...spec },
      });
    }
  }
}
