/**
 * A node whose pods are processes. Its memory is on disk: what it started is found again by pid and start time when the agent comes back,
 * and nothing is started twice.
 */
import { join, resolve } from "node:path";
import type { KubeObject } from "../../apimachinery/index.ts";
import { fromUtf8 } from "../../base/index.ts";
import {
  createEventSink,
  createInformer,
  type EventRecorder,
  errorText,
  type Informer,
  keyOf,
} from "../../client/index.ts";
import { portRefusal } from "../agent/port-refusal.ts";
import { NodeRegistration, nodes } from "../agent/registration.ts";
import { directoryProvisioner } from "../agent/storage.ts";
import { openCgroups } from "./cgroups.ts";
import { describeMachine } from "./describe.ts";
import { HostPorts } from "./host-ports.ts";
import type { NodeContext } from "./node-context.ts";
import { ObjectCache } from "./object-cache.ts";
import type { Pod } from "./pod.ts";
import { PodRange } from "./pod-range.ts";
import { PodWorker } from "./pod-worker.ts";
import type { ProcessNodeOptions } from "./ports.ts";
import { startProvisioner } from "./provisioner.ts";
import { decodeRecord, type PodRecord } from "./records.ts";
import { openSandboxes } from "./sandbox/sandboxes.ts";
import { ServiceVariables } from "./service-variables.ts";
import { PodTokens } from "./tokens.ts";

const pods = { group: "", version: "v1", resource: "pods" };
const services = { group: "", version: "v1", resource: "services" };

/** What the agent's API is asked for: who runs here. */
export interface RunningPods {
  /** By namespace and name. */
  find(namespace: string, name: string): PodWorker | undefined;
  all(): Iterable<PodWorker>;
}

export class NodeAgent implements RunningPods {
  readonly #options: ProcessNodeOptions;
  readonly #stopping = new AbortController();
  readonly #workers = new Map<string, PodWorker>();
  readonly #pods: Informer<Pod>;
  readonly #nodes: Informer;
  readonly #services: Informer;
  readonly #objects: ObjectCache;
  readonly #tokens: PodTokens;
  readonly #range: PodRange;
  readonly #events: EventRecorder;
  readonly #recorderOf: (component: string) => EventRecorder;
  readonly #registration: NodeRegistration;
  readonly #lock: { release(): Promise<void> };
  readonly #context: NodeContext;
  #allocatable: Readonly<Record<string, string>> = {};
  #node: KubeObject | undefined;
  #ready = false;
  #starting: Promise<void> = Promise.resolve();
  /** Pods that are gone from the API and whose programs are being ended. */
  readonly #ending = new Set<Promise<void>>();

  /** `agent`: what the Node tells of the agent's API. @throws where another agent has the directory */
  static async open(
    options: ProcessNodeOptions,
    agent: { readonly port: number; readonly annotations: Readonly<Record<string, string>> },
  ): Promise<NodeAgent> {
    const { machine, directory, name, images } = options;
    await machine.files.makeDirectory(directory);
    const sandboxes =
      images === undefined
        ? undefined
        : await openSandboxes(machine, { layout: images, directory: resolve(directory) });
    const lock = await machine.disk.lock(directory);
    const cgroups = await openCgroups(machine.files, name);
    return new NodeAgent(options, agent, { cgroups, sandboxes }, lock);
  }

  private constructor(
    options: ProcessNodeOptions,
    agent: { readonly port: number; readonly annotations: Readonly<Record<string, string>> },
    { cgroups, sandboxes }: Pick<NodeContext, "cgroups" | "sandboxes">,
    lock: { release(): Promise<void> },
  ) {
    const { client, machine, log, name, address, directory } = options;
    const { clock, random } = machine;
    const { signal } = this.#stopping;
    this.#options = options;
    this.#lock = lock;
    const watching = { client, clock, random, log };
    this.#pods = createInformer<Pod>({ ...watching, scope: pods, fieldSelector: `spec.nodeName=${name}` });
    this.#nodes = createInformer({ ...watching, scope: nodes, fieldSelector: `metadata.name=${name}` });
    this.#services = createInformer({ ...watching, scope: services });
    const variables = new ServiceVariables(this.#services);
    this.#objects = new ObjectCache(watching, (uids) => {
      for (const uid of uids) this.#workers.get(uid)?.contentChanged();
    });
    this.#tokens = new PodTokens({ client, clock, log });
    this.#range = new PodRange(machine, log, { namespaces: sandboxes !== undefined });
    const sink = createEventSink({ client, clock, log, hostName: name, signal });
    this.#events = sink.recorder("kubelet", name);
    this.#recorderOf = (component) => sink.recorder(component);
    this.#context = {
      machine,
      client,
      log,
      name,
      address,
      directory,
      objects: this.#objects,
      cgroups,
      sandboxes,
      allocatable: () => this.#allocatable,
      addressFor: (pod) => {
        const given = this.#range.allocate(pod.metadata.uid as string);
        return given === "" ? address : given;
      },
      releaseAddress: (pod) => {
        this.#range.release(pod.metadata.uid as string);
        this.#tokens.release(pod.metadata.uid as string);
        for (const worker of this.#workers.values()) worker.wake();
      },
      hostPorts: new HostPorts(machine, address),
      refusal: (pod) =>
        portRefusal(
          pod,
          [...this.#workers.values()].map((worker) => worker.pod),
        ),
      podNetwork: () => this.#range.podNetwork,
      dns: async () => options.dns?.(),
      serviceVariables: (namespace, links) => variables.of(namespace, links),
      token: (pod, request) => this.#tokens.get(pod, request),
      event: (pod, type, reason, message, container) =>
        this.#events.event(
          { ...pod, apiVersion: "v1", kind: "Pod" },
          type,
          reason,
          message,
          container === undefined ? undefined : fieldPathOf(pod, container),
        ),
    };
    this.#registration = new NodeRegistration({
      client,
      clock,
      log,
      name,
      leaseSeconds: options.leaseSeconds,
      describe: async () => {
        const description = await describeMachine({
          host: await machine.host(),
          files: machine.files,
          directory,
          name,
          address,
          port: agent.port,
          labels: options.labels ?? {},
          annotations: agent.annotations,
          version: options.version,
        });
        this.#allocatable = description.capacity;
        return description;
      },
      onNode: (node) => void this.#nodeChanged(node),
      onRecovered: () => {
        for (const worker of this.#workers.values()) worker.wake();
      },
    });
    this.#starting = this.#start();
  }

  get registered(): Promise<void> {
    return this.#registration.registered;
  }

  find(namespace: string, name: string): PodWorker | undefined {
    for (const worker of this.#workers.values()) {
      const { metadata } = worker.pod;
      if (metadata.name === name && metadata.namespace === namespace) return worker;
    }
    return undefined;
  }

  all(): Iterable<PodWorker> {
    return this.#workers.values();
  }

  /** Ends all programs, whatever else goes wrong: nobody would end them later. */
  async stop(): Promise<void> {
    await this.#registration.deregister();
    this.#stopping.abort();
    await this.#starting;
    // Stopped before it began: what an earlier life has left running ends, too.
    if (!this.#ready) for (const record of (await this.#recall()).values()) await this.#endForgotten(record);
    for (const worker of this.#workers.values()) this.#end(worker);
    this.#workers.clear();
    await Promise.all(this.#ending);
    await this.#range.podNetwork?.close().catch((error) => this.#options.log.warn(errorText(error)));
    await this.#release();
  }

  async detach(): Promise<void> {
    this.#registration.crash();
    this.#stopping.abort();
    await this.#starting;
    await Promise.all([...this.#workers.values()].map((worker) => worker.detach()));
    await this.#release();
  }

  #end(worker: PodWorker): void {
    const ending = worker
      .abandon()
      .catch((error) =>
        this.#options.log.warn("a pod's directory cannot be removed", {
          pod: keyOf(worker.pod),
          error: errorText(error),
        }),
      )
      .finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }

  async #release(): Promise<void> {
    this.#objects.stop();
    await this.#lock.release();
  }

  async #start(): Promise<void> {
    const { signal } = this.#stopping;
    for (const informer of [this.#nodes, this.#services]) informer.start(signal);
    const { client, machine, log, name, directory } = this.#options;
    const recorder = this.#recorderOf(`${directoryProvisioner}_${name}`);
    startProvisioner({
      ...{ client, machine, log, signal, recorder, nodeName: name },
      directory: join(directory, "volumes"),
    });
    this.#pods.start(signal);
    this.#nodes.addHandler({
      add: (node) => this.#registration.nodeChanged(node),
      update: (node) => this.#registration.nodeChanged(node),
    });
    const stopped = new Promise<void>((resolve) =>
      signal.addEventListener("abort", () => resolve(), { once: true }),
    );
    const informed = Promise.all([this.registered, this.#pods.synced, this.#services.synced]);
    await Promise.race([informed, stopped]);
    if (signal.aborted) return;
    const known = this.#nodes.lister.list()[0];
    if (known !== undefined) this.#registration.nodeChanged(known);
    const found = await this.#recall();
    if (signal.aborted) return;
    this.#ready = true;
    this.#pods.addHandler({
      add: (pod) => this.#podChanged(pod, found.get(pod.metadata.uid as string)),
      update: (pod) => this.#podChanged(pod, undefined),
      delete: (pod) => this.#podGone(pod),
    });
    // Programs of pods that were deleted while no agent ran.
    for (const [uid, record] of found) if (!this.#workers.has(uid)) await this.#endForgotten(record);
  }

  /** What an earlier life of this agent has written down. */
  async #recall(): Promise<Map<string, PodRecord>> {
    const { machine, directory, log } = this.#options;
    const found = new Map<string, PodRecord>();
    const base = join(directory, "pods");
    for (const uid of await machine.files.list(base).catch((): string[] => [])) {
      const bytes = await machine.files.read(join(base, uid, "pod.json")).catch(() => undefined);
      const record = bytes === undefined ? undefined : decodeRecord(fromUtf8(bytes));
      if (record !== undefined) found.set(record.uid, record);
      else {
        log.warn("a pod's directory without a readable record is removed", { directory: join(base, uid) });
        await machine.files.remove(join(base, uid));
      }
    }
    return found;
  }

  async #endForgotten(record: PodRecord): Promise<void> {
    const containers = [...record.containers.keys()].map((name) => ({ name }));
    const { uid, namespace, name } = record;
    const pod: Pod = { metadata: { uid, namespace, name }, spec: { containers } };
    const worker = new PodWorker(this.#context, pod, record);
    await worker.adopt();
    this.#end(worker);
  }

  #podChanged(pod: Pod, earlier: PodRecord | undefined): void {
    // The last words of the watch: a program that is started now would be nobody's.
    if (this.#stopping.signal.aborted) return;
    const uid = pod.metadata.uid as string;
    const worker = this.#workers.get(uid);
    if (worker !== undefined) {
      worker.podChanged(pod);
      return;
    }
    const { clock } = this.#options.machine;
    const record: PodRecord = earlier ?? {
      uid,
      namespace: pod.metadata.namespace ?? "",
      name: pod.metadata.name ?? "",
      podIp: undefined,
      acceptedAt: clock.now(),
      containers: new Map(),
      failure: undefined,
    };
    if (record.podIp !== undefined) this.#range.reserve(uid, record.podIp);
    const made = new PodWorker(this.#context, pod, record);
    this.#workers.set(uid, made);
    void made.adopt().then(() => made.wake());
  }

  #podGone(pod: Pod): void {
    const uid = pod.metadata.uid as string;
    const worker = this.#workers.get(uid);
    this.#workers.delete(uid);
    if (worker !== undefined) this.#end(worker);
  }

  async #nodeChanged(node: KubeObject): Promise<void> {
    this.#node = node;
    const cidr: string | undefined = node.spec?.podCIDR;
    if (cidr === undefined || cidr === "") return;
    const complaint = await this.#range.adopt(cidr);
    if (complaint !== undefined)
      this.#events.event(
        { ...this.#node, apiVersion: "v1", kind: "Node" },
        "Warning",
        "PodAddressesNotLocal",
        complaint,
      );
    for (const worker of this.#workers.values()) {
      const { uid, podIp } = worker.context.record;
      if (podIp !== undefined) this.#range.reserve(uid, podIp);
      if (this.#ready) worker.wake();
    }
  }
}

/** How events name a container. */
function fieldPathOf(pod: Pod, container: string): string {
  const kinds = ["initContainers", "ephemeralContainers"] as const;
  const kind = kinds.find((one) => pod.spec[one]?.some(({ name }) => name === container));
  return `spec.${kind ?? "containers"}{${container}}`;
}
