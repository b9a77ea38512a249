/**
 * One pod on this node, from the moment it is bound here until it is gone: prepares what it needs, runs its containers in order, starts
 * them again as their policy says, ends them when it is deleted, and tells the server. Woken by anything that changes; one look at a time.
 */
import { StatusError } from "../../apimachinery/index.ts";
import { errorText, keyOf } from "../../client/index.ts";
import type { Timer } from "../../platform/index.ts";
import { Alarm } from "./alarm.ts";
import type { ContainerRunner } from "./container.ts";
import { retryMsMax, retryMsMin, tellMsMax } from "./limits.ts";
import type { NodeContext } from "./node-context.ts";
import { PodPlaces } from "./places.ts";
import { isDeleted, type Pod } from "./pod.ts";
import { PodContainers } from "./pod-containers.ts";
import type { PodContext } from "./pod-context.ts";
import { PodSetup } from "./pod-setup.ts";
import { RecordFile } from "./record-file.ts";
import type { PodRecord } from "./records.ts";
import { podStatus } from "./status.ts";
import { StatusWriter } from "./status-writer.ts";

export class PodWorker {
  readonly context: PodContext;
  readonly #node: NodeContext;
  readonly #alarm: Alarm;
  readonly #setup: PodSetup;
  readonly #containers: PodContainers;
  readonly #file: RecordFile;
  readonly #status: StatusWriter;
  #pod: Pod;
  #looking = false;
  #again = false;
  #terminating: Promise<void> | undefined;
  #stopped = false;
  #abandoned = false;
  #turn: Promise<void> = Promise.resolve();
  #adopting: Promise<void> = Promise.resolve();

  constructor(node: NodeContext, pod: Pod, record: PodRecord) {
    this.#node = node;
    this.#pod = pod;
    const worker = this;
    const uid = pod.metadata.uid as string;
    const places = new PodPlaces(node.directory, uid);
    this.#file = new RecordFile(node.machine.files, places, record);
    this.#status = new StatusWriter(node.client);
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
      save: () => worker.#file.save(),
      wake: () => worker.wake(),
    };
    this.#alarm = new Alarm(node.machine.clock, () => this.wake());
    this.#setup = new PodSetup(node, this.context, this.#alarm);
    this.#containers = new PodContainers(this.context, this.#alarm);
  }

  get pod(): Pod {
    return this.#pod;
  }

  /** By the names of the containers that were to run so far. */
  get runners(): ReadonlyMap<string, ContainerRunner> {
    return this.#containers.runners;
  }

  /** Programs of an earlier life. */
  adopt(): Promise<void> {
    this.#adopting = this.#adopt();
    return this.#adopting;
  }

  async #adopt(): Promise<void> {
    await this.#containers.adopt();
    if (this.#containers.anyRunning) this.#setup.found();
  }

  podChanged(pod: Pod): void {
    this.#pod = pod;
    this.wake();
  }

  /** A ConfigMap or Secret that it uses is new. */
  contentChanged(): void {
    this.#setup.contentChanged();
    this.wake();
  }

  /** The server has written it off, or never knew it: its programs end, nothing is told. */
  async abandon(): Promise<void> {
    this.#abandoned = true;
    this.#containers.abandon();
    // What is just being found again or started is to be ended, too.
    await this.#adopting;
    await this.#turn;
    await this.#containers.end(this.context.graceMs());
    await this.detach();
    await this.#setup.clear();
  }

  /** Leaves its programs as they are; resolves when nothing is written about them any more. */
  async detach(): Promise<void> {
    this.#stopped = true;
    this.#alarm.off();
    const saved = this.#file.close();
    await this.#containers.detach();
    await saved;
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
        this.#alarm.retry();
      }
    } while (this.#again && !this.#stopped && !this.#abandoned);
    this.#looking = false;
  }

  async #sync(): Promise<void> {
    const { pod } = this;
    if (isDeleted(pod)) return this.#terminate();
    if (pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed") return this.#endWrittenOff();
    // The node has taken it once something of it was started, or will be.
    const taken = this.#setup.ready || this.runners.size > 0;
    const refusal = taken ? undefined : this.#node.refusal(pod);
    if (refusal !== undefined) {
      this.context.event("Warning", refusal.reason, refusal.message.replace(/^Pod was rejected: /, ""));
      await this.#fail(refusal);
      return this.#report();
    }
    if (this.#pastDeadline()) return this.#endLate();
    // A program that ended is out of rotation before it is started again, which takes the processor from whoever is to hear of it; a server that
    // is away does not keep it from that, and is told below.
    const told = this.#containers.anyEnded ? this.#report().catch(() => {}) : undefined;
    if (told !== undefined) await this.#atMost(tellMsMax, told);
    if (await this.#setup.complete()) {
      await this.#setup.openHostPorts();
      await this.#containers.run();
    }
    await told;
    await this.#report();
    if (!this.#setup.ready || !this.#containers.noneRestarts || !this.#containers.anyRunning) return;
    // Sidecars go when the others have done their work.
    await this.#containers.end(this.context.graceMs());
    await this.#report();
  }

  /** Written by us, or by somebody who evicted it: either way nothing may run. */
  async #endWrittenOff(): Promise<void> {
    const { pod } = this;
    await this.#node.hostPorts.close(pod.metadata.uid as string);
    await this.#containers.end(this.context.graceMs());
    const { failure } = this.context.record;
    if (pod.status.phase === "Failed" && failure === undefined && this.#containers.anyRunning)
      await this.#report();
  }

  #pastDeadline(): boolean {
    const seconds = this.#pod.spec.activeDeadlineSeconds;
    const start: string | undefined = this.#pod.status?.startTime;
    if (seconds === undefined || start === undefined) return false;
    const left = Date.parse(start) + seconds * 1000 - this.#node.machine.clock.now();
    if (left > 0) this.#alarm.ringIn(left);
    return left <= 0;
  }

  async #endLate(): Promise<void> {
    const failure = this.context.record.failure ?? {
      reason: "DeadlineExceeded",
      message: "Pod was active on the node longer than the specified deadline",
    };
    this.context.event("Normal", "DeadlineExceeded", failure.message);
    await this.#fail(failure);
    await this.#containers.end(this.context.graceMs());
    return this.#report();
  }

  #fail(failure: NonNullable<PodRecord["failure"]>): Promise<void> {
    this.context.record.failure = failure;
    return this.#file.save();
  }

  /** The pod is to go. */
  async #terminate(): Promise<void> {
    const graceMs = (this.#pod.metadata.deletionGracePeriodSeconds ?? 0) * 1000;
    // A second DELETE may shorten what the first one gave.
    const begun = this.#terminating !== undefined;
    const ending = this.#containers.end(graceMs);
    if (begun) return;
    this.#terminating = ending;
    await this.#report();
    void ending.then(() => this.#finish());
  }

  async #finish(): Promise<void> {
    for (let delay = retryMsMin; !this.#stopped; delay = Math.min(delay * 2, retryMsMax)) {
      try {
        await this.#report(true);
        return await this.#status.remove(this.#pod);
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

  /** Tells the server, where it does not know yet. */
  #report(terminal = false): Promise<void> {
    const { record } = this.context;
    return this.#status.write(this.#pod, (pod) =>
      podStatus({
        pod,
        record,
        hostIp: this.#node.address,
        prepared: this.#setup.ready,
        terminal: terminal || record.failure !== undefined,
        nowMs: this.#node.machine.clock.now(),
      }),
    );
  }

  async #atMost(milliseconds: number, work: Promise<void>): Promise<void> {
    let timer: Timer | undefined;
    const late = new Promise<void>((resolve) => {
      timer = this.#node.machine.clock.after(milliseconds, resolve);
    });
    await Promise.race([work, late]);
    timer?.cancel();
  }
}
