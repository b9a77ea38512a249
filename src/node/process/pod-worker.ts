/**
 * One pod on this node, from the moment it is bound here until it is gone: prepares what it needs, runs its containers in order, starts
 * them again as their policy says, ends them when it is deleted, and tells the server. Woken by anything that changes; one look at a time.
 */
import { type KubeObject, StatusError } from "../../apimachinery/index.ts";
import { errorText, keyOf } from "../../client/index.ts";
import type { Timer } from "../../platform/index.ts";
import { claimedPlace } from "./claims.ts";
import { ContainerRunner } from "./container.ts";
import { afterStart, type CrashRecord, durationText, waitBeforeStart } from "./crash-backoff.ts";
import {
  imageBackoffMsMax,
  imageBackoffMsMin,
  retryMsMax,
  retryMsMin,
  tellMsMax,
  volumeResyncMs,
} from "./limits.ts";
import type { NodeContext } from "./node-context.ts";
import { PodPlaces } from "./places.ts";
import { type Container, containersOf, isDeleted, isSidecar, type Pod } from "./pod.ts";
import type { PodContext } from "./pod-context.ts";
import { encodeRecord, newRecord, type PodRecord } from "./records.ts";
import { phaseOf, podStatus, restarts } from "./status.ts";
import { makeVolume, volumeFailure } from "./volumes.ts";

const pods = { group: "", version: "v1", resource: "pods" };

export class PodWorker {
  readonly context: PodContext;
  readonly runners = new Map<string, ContainerRunner>();
  readonly #node: NodeContext;
  readonly #crashes = new Map<string, CrashRecord>();
  readonly #imageTries = new Map<string, { delayMs: number; nextMs: number }>();
  #pod: Pod;
  #prepared = false;
  #retryMs = 0;
  #volumesAtMs = 0;
  #looking = false;
  #again = false;
  #timer: Timer | undefined;
  #timerDue = Number.POSITIVE_INFINITY;
  #terminating: Promise<void> | undefined;
  #written = "";
  #saving: Promise<void> = Promise.resolve();
  #stopped = false;
  /** Nothing is to be started any more. */
  #abandoned = false;
  #turn: Promise<void> = Promise.resolve();
  #adopting: Promise<void> = Promise.resolve();

  constructor(node: NodeContext, pod: Pod, record: PodRecord) {
    this.#node = node;
    this.#pod = pod;
    const worker = this;
    const uid = pod.metadata.uid as string;
    const places = new PodPlaces(node.directory, uid);
    this.context = {
      machine: node.machine,
      get pod() {
        return worker.#pod;
      },
      record,
      places,
      sandboxes: node.sandboxes,
      network: () => (worker.#pod.spec.hostNetwork === true ? undefined : node.podNetwork()?.fileOf(uid)),
      place: () => ({
        nodeName: node.name,
        hostIp: node.address,
        podIp: record.podIp ?? node.address,
        allocatable: node.allocatable(),
      }),
      services: () =>
        node.serviceVariables(pod.metadata.namespace ?? "", worker.#pod.spec.enableServiceLinks !== false),
      dns: () => node.dns(),
      object: (kind, name) =>
        node.objects.get(kind, { namespace: pod.metadata.namespace ?? "", name, podUid: uid }),
      event: (type, reason, message, container) => node.event(worker.#pod, type, reason, message, container),
      graceMs: () => (worker.#pod.spec.terminationGracePeriodSeconds ?? 30) * 1000,
      cgroupFile: (container) => node.cgroups.enter(uid, container),
      wasOutOfMemory: (container) => node.cgroups.outOfMemory(uid, container),
      save: () => worker.#save(),
      wake: () => worker.wake(),
    };
    for (const one of record.containers.values())
      this.runners.set(one.name, new ContainerRunner(this.context, one));
  }

  get pod(): Pod {
    return this.#pod;
  }

  /** Programs of an earlier life. */
  adopt(): Promise<void> {
    this.#adopting = this.#adopt();
    return this.#adopting;
  }

  async #adopt(): Promise<void> {
    for (const runner of this.runners.values()) await runner.adopt();
    // What ran had everything that it needs.
    this.#prepared = [...this.runners.values()].some(({ running }) => running);
  }

  podChanged(pod: Pod): void {
    this.#pod = pod;
    this.wake();
  }

  /** A ConfigMap or Secret that it uses is new. */
  contentChanged(): void {
    this.#volumesAtMs = Number.NEGATIVE_INFINITY;
    this.wake();
  }

  /** The server has written it off, or never knew it: its programs end, nothing is told. */
  async abandon(): Promise<void> {
    this.#abandoned = true;
    // What is just being found again or started is to be ended, too.
    await this.#adopting;
    await this.#turn;
    await this.#endAll(this.context.graceMs());
    await this.#clear();
  }

  /** Leaves its programs as they are; resolves when nothing is written about them any more. */
  async detach(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await Promise.all([...this.runners.values()].map((runner) => runner.detach()));
    await this.#saving.catch(() => {});
  }

  wake(): void {
    if (this.#stopped || this.#abandoned) return;
    if (this.#looking) {
      this.#again = true;
      return;
    }
    this.#looking = true;
    this.#turn = this.#look();
  }

  async #look(): Promise<void> {
    do {
      this.#again = false;
      try {
        await this.#sync();
      } catch (error) {
        this.#node.log.warn("a pod cannot be brought up to date", {
          pod: keyOf(this.#pod),
          error: errorText(error),
        });
        this.#retry();
      }
    } while (this.#again && !this.#stopped && !this.#abandoned);
    this.#looking = false;
  }

  async #sync(): Promise<void> {
    const { pod } = this;
    if (isDeleted(pod)) return this.#terminate();
    const { record } = this.context;
    if (pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed") {
      // Written by us, or by somebody who evicted it: either way nothing may run.
      await this.#node.hostPorts.close(pod.metadata.uid as string);
      await this.#endAll(this.context.graceMs());
      if (pod.status.phase === "Failed" && record.failure === undefined && this.#anyRunning())
        await this.#report();
      return;
    }
    const refusal = this.#begun ? undefined : this.#node.refusal(pod);
    if (refusal !== undefined) {
      record.failure = refusal;
      this.context.event("Warning", refusal.reason, refusal.message.replace(/^Pod was rejected: /, ""));
      await this.#save();
      return this.#report();
    }
    if (this.#pastDeadline()) {
      record.failure ??= {
        reason: "DeadlineExceeded",
        message: "Pod was active on the node longer than the specified deadline",
      };
      this.context.event("Normal", "DeadlineExceeded", record.failure.message);
      await this.#save();
      await this.#endAll(this.context.graceMs());
      return this.#report();
    }
    // A program that ended is out of rotation before it is started again, which takes the processor from whoever is to hear of it; a server that
    // is away does not keep it from that, and is told below.
    const told = this.#anyEnded() ? this.#report().catch(() => {}) : undefined;
    if (told !== undefined) await this.#atMost(tellMsMax, told);
    if (await this.#prepare()) {
      await this.#openHostPorts();
      await this.#runEphemeral();
      await this.#runContainers();
    }
    await told;
    await this.#report();
    if (!this.#prepared) return;
    await this.#endSidecars();
  }

  /** Address and volumes; false while something is missing. */
  async #prepare(): Promise<boolean> {
    const { clock } = this.#node.machine;
    if (this.#prepared && clock.monotonic() - this.#volumesAtMs < volumeResyncMs) return true;
    const { context } = this;
    const { record, places } = context;
    record.podIp ??=
      this.#pod.spec.hostNetwork === true ? this.#node.address : this.#node.addressFor(this.#pod);
    if (record.podIp === undefined) return false;
    if (!this.#prepared && !(await this.#joinNetwork(record.podIp))) return false;
    try {
      if (!this.#prepared) {
        await this.#save();
        // Programs of other users go through it and cannot look around; what is secret in it is closed by itself.
        await this.#node.machine.files.setMode(places.directory, 0o711);
      }
      for (const volume of this.#pod.spec.volumes ?? []) {
        await makeVolume(volume, places.volume(volume.name), {
          machine: this.#node.machine,
          pod: this.#pod,
          place: context.place(),
          objects: context.object,
          claimed: (one) => claimedPlace(this.#node.client, this.#pod, one),
          mountMemory: this.#node.sandboxes?.mountMemory,
          token: (request) => this.#node.token(this.#pod, request),
        });
      }
    } catch (error) {
      // A running program keeps what it has; one that has not started waits.
      if (!this.#prepared) context.event("Warning", "FailedMount", mountFailure(error));
      this.#retry();
      return this.#prepared;
    }
    this.#volumesAtMs = clock.monotonic();
    this.#retryMs = 0;
    this.#prepared = true;
    if ((this.#pod.spec.volumes?.length ?? 0) > 0) this.#wakeIn(volumeResyncMs);
    return true;
  }

  /** Whether the pod is in the network, with its address. */
  async #joinNetwork(address: string): Promise<boolean> {
    const network = this.#pod.spec.hostNetwork === true ? undefined : this.#node.podNetwork();
    try {
      await network?.add(this.#pod.metadata.uid as string, address);
      return true;
    } catch (error) {
      this.context.event(
        "Warning",
        "FailedCreatePodSandBox",
        `Failed to create pod sandbox: ${errorText(error)}`,
      );
      this.#retry();
      return false;
    }
  }

  async #openHostPorts(): Promise<void> {
    const complaints = await this.#node.hostPorts.open(this.#pod, this.context.place().podIp);
    for (const complaint of complaints) this.context.event("Warning", "HostPortConflict", complaint);
  }

  async #runContainers(): Promise<void> {
    const { spec } = this.#pod;
    const begun = spec.containers.some(({ name }) => (this.runners.get(name)?.record.starts ?? 0) > 0);
    for (const container of spec.initContainers ?? []) {
      const runner = this.#runner(container);
      const { state, started } = runner.record;
      if (isSidecar(container)) {
        await this.#keepRunning(runner, container);
        // Before the pod has begun each must have started; afterwards they are restarted beside it.
        if (!begun && !(runner.running && started)) return;
        continue;
      }
      if (begun) continue;
      if (state.kind === "terminated" && state.exitCode === 0) continue;
      await this.#keepRunning(runner, container);
      return;
    }
    for (const container of spec.containers) await this.#keepRunning(this.#runner(container), container);
  }

  /** Ephemeral ones run once, and whenever somebody adds them. */
  async #runEphemeral(): Promise<void> {
    for (const container of this.#pod.spec.ephemeralContainers ?? []) {
      const runner = this.#runner(container);
      if (runner.record.state.kind !== "terminated") await this.#keepRunning(runner, container);
    }
  }

  /** Starts it where it does not run and is to. */
  async #keepRunning(runner: ContainerRunner, container: Container): Promise<void> {
    const { record } = runner;
    const { clock } = this.#node.machine;
    if (record.state.kind === "running" || this.#abandoned) return;
    const ended =
      record.state.kind === "terminated" ? record.state : record.starts > 0 ? record.last : undefined;
    if (record.state.kind === "terminated") {
      if (!restarts(this.#pod, container, record.state.exitCode)) return;
      if (this.#over() && isSidecar(container)) return;
    }
    if (ended !== undefined) {
      const endedAt = clock.monotonic() - (clock.now() - ended.finishedAt);
      const crash = this.#crashes.get(container.name);
      const wait = waitBeforeStart(crash, endedAt, clock.monotonic());
      if (wait > 0) return this.#backOff(runner, crash as CrashRecord, wait);
      this.#crashes.set(container.name, afterStart(crash, endedAt));
    }
    if (!this.#imageDue(runner, container)) return;
    await runner.start();
    const { state } = record;
    if (state.kind === "waiting") {
      // Not started at all: the crash loop does not count it.
      if (ended !== undefined) this.#crashes.delete(container.name);
      if (state.reason === "ErrImagePull") this.#imageFailed(container);
      else this.#retry();
    } else {
      this.#imageTries.delete(container.name);
      if (state.kind === "terminated") this.#again = true;
    }
  }

  #backOff(runner: ContainerRunner, crash: CrashRecord, wait: number): void {
    const { record } = runner;
    const { name, uid, namespace } = this.#pod.metadata;
    const message = `back-off ${durationText(crash.delayMs)} restarting failed container=${record.name} pod=${name}_${namespace}(${uid})`;
    if (record.state.kind === "terminated") {
      record.last = record.state;
      record.state = { kind: "waiting", reason: "CrashLoopBackOff", message };
      this.context.event(
        "Warning",
        "BackOff",
        `Back-off restarting failed container ${record.name} in pod ${name}_${namespace}(${uid})`,
        record.name,
      );
    }
    this.#wakeIn(wait);
  }

  #imageDue(runner: ContainerRunner, container: Container): boolean {
    const tries = this.#imageTries.get(container.name);
    const { clock } = this.#node.machine;
    if (tries === undefined || clock.monotonic() >= tries.nextMs) return true;
    const { state } = runner.record;
    if (state.kind === "waiting" && state.reason === "ErrImagePull") {
      const text = `Back-off pulling image ${JSON.stringify(container.image)}`;
      this.context.event("Normal", "BackOff", text, container.name);
      this.context.event("Warning", "Failed", "Error: ImagePullBackOff", container.name);
      runner.record.state = {
        kind: "waiting",
        reason: "ImagePullBackOff",
        message: `${text}: ErrImagePull: ${state.message}`,
      };
    }
    this.#wakeIn(tries.nextMs - clock.monotonic());
    return false;
  }

  #imageFailed(container: Container): void {
    const { clock } = this.#node.machine;
    const before = this.#imageTries.get(container.name)?.delayMs ?? 0;
    const delayMs = before === 0 ? imageBackoffMsMin : Math.min(before * 2, imageBackoffMsMax);
    this.#imageTries.set(container.name, { delayMs, nextMs: clock.monotonic() + delayMs });
    this.#wakeIn(retryMsMin);
  }

  /** The containers have done their work. */
  #over(): boolean {
    const phase = phaseOf(this.#pod, this.context.record, false);
    return (
      this.#pod.spec.containers.every(({ name }) => {
        const state = this.runners.get(name)?.record.state;
        return state?.kind === "terminated";
      }) &&
      phase !== "Pending" &&
      this.#noneRestarts()
    );
  }

  #noneRestarts(): boolean {
    return this.#pod.spec.containers.every((container) => {
      const state = this.runners.get(container.name)?.record.state;
      return state?.kind === "terminated" && !restarts(this.#pod, container, state.exitCode);
    });
  }

  async #endSidecars(): Promise<void> {
    if (!this.#anyRunning() || !this.#noneRestarts()) return;
    await this.#endAll(this.context.graceMs());
    await this.#report();
  }

  #anyEnded(): boolean {
    return [...this.runners.values()].some(({ record }) => record.state.kind === "terminated");
  }

  /** The node has taken it: something of it was started, or will be. */
  get #begun(): boolean {
    return this.#prepared || this.runners.size > 0;
  }

  #anyRunning(): boolean {
    return [...this.runners.values()].some(({ running }) => running);
  }

  #runner(container: Container): ContainerRunner {
    let runner = this.runners.get(container.name);
    if (runner === undefined) {
      const waiting =
        (this.#pod.spec.initContainers?.length ?? 0) > 0 ? "PodInitializing" : "ContainerCreating";
      const record = newRecord(container.name, waiting);
      this.context.record.containers.set(container.name, record);
      runner = new ContainerRunner(this.context, record);
      this.runners.set(container.name, runner);
    }
    return runner;
  }

  #pastDeadline(): boolean {
    const seconds = this.#pod.spec.activeDeadlineSeconds;
    const start: string | undefined = this.#pod.status?.startTime;
    if (seconds === undefined || start === undefined) return false;
    const left = Date.parse(start) + seconds * 1000 - this.#node.machine.clock.now();
    if (left > 0) this.#wakeIn(left);
    return left <= 0;
  }

  /** The pod is to go. */
  async #terminate(): Promise<void> {
    const graceMs = (this.#pod.metadata.deletionGracePeriodSeconds ?? 0) * 1000;
    // A second DELETE may shorten what the first one gave.
    const begun = this.#terminating !== undefined;
    const ending = this.#endAll(graceMs);
    if (begun) return;
    this.#terminating = ending;
    await this.#report();
    void ending.then(() => this.#finish());
  }

  async #finish(): Promise<void> {
    for (let delay = retryMsMin; !this.#stopped; delay = Math.min(delay * 2, retryMsMax)) {
      try {
        await this.#report(true);
        const { name, namespace, uid } = this.#pod.metadata;
        await this.#node.client.delete({ ...pods, namespace: namespace as string }, name as string, {
          gracePeriodSeconds: 0,
          preconditions: { uid: uid as string },
        });
        return;
      } catch (error) {
        if (error instanceof StatusError && (error.code === 404 || error.code === 409)) return;
        this.#node.log.debug("cannot take a pod out of the cluster", {
          pod: keyOf(this.#pod),
          error: errorText(error),
        });
        await new Promise<void>((resolve) =>
          this.#node.machine.clock.after(delay, resolve, { background: true }),
        );
      }
    }
  }

  /** Containers at once, then sidecars in the reverse of their order. */
  async #endAll(graceMs: number): Promise<void> {
    const { clock } = this.#node.machine;
    const deadline = clock.monotonic() + graceMs;
    const left = (): number => Math.max(0, deadline - clock.monotonic());
    const stop = (runner: ContainerRunner | undefined): Promise<void> =>
      runner === undefined
        ? Promise.resolve()
        : runner.kill(`Stopping container ${runner.record.name}`, left());
    const inits = this.#pod.spec.initContainers ?? [];
    const first = containersOf(this.#pod).filter(
      (container) => !(inits.includes(container) && isSidecar(container)),
    );
    await Promise.all(first.map(({ name }) => stop(this.runners.get(name))));
    for (const { name } of inits.filter(isSidecar).reverse()) await stop(this.runners.get(name));
  }

  /** Removes everything that was the pod's here. */
  async #clear(): Promise<void> {
    await this.detach();
    await this.#node.hostPorts.close(this.#pod.metadata.uid as string);
    await this.#node.podNetwork()?.remove(this.#pod.metadata.uid as string);
    this.#node.releaseAddress(this.#pod);
    await this.#node.sandboxes?.unmountBelow(this.context.places.directory);
    this.#node.objects.release(this.#pod.metadata.uid as string);
    await this.#node.cgroups.remove(this.#pod.metadata.uid as string);
    await this.#node.machine.files.remove(this.context.places.directory);
  }

  async #atMost(milliseconds: number, work: Promise<void>): Promise<void> {
    let timer: Timer | undefined;
    const late = new Promise<void>((resolve) => {
      timer = this.#node.machine.clock.after(milliseconds, resolve);
    });
    await Promise.race([work, late]);
    timer?.cancel();
  }

  #retry(): void {
    this.#retryMs = this.#retryMs === 0 ? retryMsMin : Math.min(this.#retryMs * 2, retryMsMax);
    this.#wakeIn(this.#retryMs);
  }

  #wakeIn(milliseconds: number): void {
    const { clock } = this.#node.machine;
    const due = clock.monotonic() + milliseconds;
    if (due >= this.#timerDue) return;
    this.#timer?.cancel();
    this.#timerDue = due;
    this.#timer = clock.after(
      milliseconds,
      () => {
        this.#timerDue = Number.POSITIVE_INFINITY;
        this.wake();
      },
      { background: true },
    );
  }

  /** One write after the other; the last one has everything. */
  #save(): Promise<void> {
    const { record, places } = this.context;
    const { files } = this.#node.machine;
    this.#saving = this.#saving
      .catch(() => {})
      .then(async () => {
        if (this.#stopped) return;
        await files.makeDirectory(places.directory);
        const next = `${places.record}.new`;
        await files.write(next, Buffer.from(encodeRecord(record)), 0o600);
        await files.rename(next, places.record);
      });
    return this.#saving;
  }

  /** Tells the server, where it does not know yet. */
  async #report(terminal = false): Promise<void> {
    const { clock } = this.#node.machine;
    const scope = { ...pods, namespace: this.#pod.metadata.namespace as string };
    const statusOf = (pod: Pod): KubeObject["status"] =>
      podStatus({
        pod,
        record: this.context.record,
        hostIp: this.#node.address,
        prepared: this.#prepared,
        terminal: terminal || this.context.record.failure !== undefined,
        nowMs: clock.now(),
      });
    for (let pod = this.#pod; ; ) {
      const status = statusOf(pod);
      const text = view(status);
      if (text === this.#written && text === view(pod.status ?? {})) return;
      try {
        await this.#node.client.update(scope, { ...pod, status }, "status");
        this.#written = text;
        return;
      } catch (error) {
        if (!(error instanceof StatusError)) throw error;
        if (error.code === 404) return;
        if (error.code !== 409) throw error;
        pod = await this.#node.client.get<Pod>(scope, pod.metadata.name as string);
        if (pod.metadata.uid !== this.#pod.metadata.uid) return;
      }
    }
  }
}

/** What of a status is worth a write. */
function view(status: KubeObject["status"]): string {
  const { conditions = [], ...rest } = status;
  return JSON.stringify([
    Object.keys(rest)
      .sort()
      .map((key) => [key, rest[key]]),
    (conditions as Record<string, unknown>[])
      .map(({ type, status: value, reason, message }) => JSON.stringify([type, value, reason, message]))
      .sort(),
  ]);
}

function mountFailure(error: unknown): string {
  const text = volumeFailure(error);
  return text.startsWith("MountVolume") ? text : `MountVolume.SetUp failed : ${text}`;
}
