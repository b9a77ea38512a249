import type { Alarm } from "./alarm.ts";
import { ContainerRunner } from "./container.ts";
import { afterStart, type CrashRecord, durationText, waitBeforeStart } from "./crash-backoff.ts";
import { imageBackoffMsMax, imageBackoffMsMin, retryMsMin } from "./limits.ts";
import { type Container, containersOf, isSidecar } from "./pod.ts";
import type { PodContext } from "./pod-context.ts";
import { newRecord } from "./records.ts";
import { phaseOf, restarts } from "./status.ts";

/** The containers of one pod: which of them is to run now, in which order, and how long after it failed. */
export class PodContainers {
  readonly runners = new Map<string, ContainerRunner>();
  readonly #context: PodContext;
  readonly #alarm: Alarm;
  readonly #crashes = new Map<string, CrashRecord>();
  readonly #imageTries = new Map<string, { delayMs: number; nextMs: number }>();
  /** Nothing is to be started any more. */
  #ending = false;

  constructor(context: PodContext, alarm: Alarm) {
    this.#context = context;
    this.#alarm = alarm;
    for (const one of context.record.containers.values())
      this.runners.set(one.name, new ContainerRunner(context, one));
  }

  get anyEnded(): boolean {
    return [...this.runners.values()].some(({ record }) => record.state.kind === "terminated");
  }

  get anyRunning(): boolean {
    return [...this.runners.values()].some(({ running }) => running);
  }

  /** The containers have done their work, and none of them is to be started again. */
  get noneRestarts(): boolean {
    const { pod } = this.#context;
    return pod.spec.containers.every((container) => {
      const state = this.runners.get(container.name)?.record.state;
      return state?.kind === "terminated" && !restarts(pod, container, state.exitCode);
    });
  }

  /** Programs of an earlier life. */
  async adopt(): Promise<void> {
    for (const runner of this.runners.values()) await runner.adopt();
  }

  /** Leaves its programs as they are. */
  async detach(): Promise<void> {
    await Promise.all([...this.runners.values()].map((runner) => runner.detach()));
  }

  /** From now on none is started. */
  abandon(): void {
    this.#ending = true;
  }

  /** Starts what is to run and does not. */
  async run(): Promise<void> {
    const { spec } = this.#context.pod;
    // Ephemeral ones run once, and whenever somebody adds them.
    for (const container of spec.ephemeralContainers ?? []) {
      const runner = this.#runner(container);
      if (runner.record.state.kind !== "terminated") await this.#keepRunning(runner, container);
    }
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

  /** Containers at once, then sidecars in the reverse of their order. */
  async end(graceMs: number): Promise<void> {
    const { machine, pod } = this.#context;
    const deadline = machine.clock.monotonic() + graceMs;
    const left = (): number => Math.max(0, deadline - machine.clock.monotonic());
    const stop = async (name: string): Promise<void> =>
      this.runners.get(name)?.kill(`Stopping container ${name}`, left());
    const inits = pod.spec.initContainers ?? [];
    const first = containersOf(pod).filter(
      (container) => !(inits.includes(container) && isSidecar(container)),
    );
    await Promise.all(first.map(({ name }) => stop(name)));
    for (const { name } of inits.filter(isSidecar).reverse()) await stop(name);
  }

  #runner(container: Container): ContainerRunner {
    let runner = this.runners.get(container.name);
    if (runner === undefined) {
      const { pod, record: podRecord } = this.#context;
      const waiting = (pod.spec.initContainers?.length ?? 0) > 0 ? "PodInitializing" : "ContainerCreating";
      const record = newRecord(container.name, waiting);
      podRecord.containers.set(container.name, record);
      runner = new ContainerRunner(this.#context, record);
      this.runners.set(container.name, runner);
    }
    return runner;
  }

  /** Starts it where it does not run and is to. */
  async #keepRunning(runner: ContainerRunner, container: Container): Promise<void> {
    const { record } = runner;
    const { pod, machine } = this.#context;
    const { clock } = machine;
    if (record.state.kind === "running" || this.#ending) return;
    const ended =
      record.state.kind === "terminated" ? record.state : record.starts > 0 ? record.last : undefined;
    if (record.state.kind === "terminated") {
      if (!restarts(pod, container, record.state.exitCode)) return;
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
      else this.#alarm.retry();
    } else {
      this.#imageTries.delete(container.name);
      if (state.kind === "terminated") this.#context.wake();
    }
  }

  /** The containers have done their work. */
  #over(): boolean {
    const { pod, record } = this.#context;
    return phaseOf(pod, record, false) !== "Pending" && this.noneRestarts;
  }

  #backOff(runner: ContainerRunner, crash: CrashRecord, wait: number): void {
    const { record } = runner;
    const { name, uid, namespace } = this.#context.pod.metadata;
    const message = `back-off ${durationText(crash.delayMs)} restarting failed container=${record.name} pod=${name}_${namespace}(${uid})`;
    if (record.state.kind === "terminated") {
      record.last = record.state;
      record.state = { kind: "waiting", reason: "CrashLoopBackOff", message };
      this.#context.event(
        "Warning",
        "BackOff",
        `Back-off restarting failed container ${record.name} in pod ${name}_${namespace}(${uid})`,
        record.name,
      );
    }
    this.#alarm.ringIn(wait);
  }

  #imageDue(runner: ContainerRunner, container: Container): boolean {
    const tries = this.#imageTries.get(container.name);
    const { clock } = this.#context.machine;
    if (tries === undefined || clock.monotonic() >= tries.nextMs) return true;
    const { state } = runner.record;
    if (state.kind === "waiting" && state.reason === "ErrImagePull") {
      const text = `Back-off pulling image ${JSON.stringify(container.image)}`;
      this.#context.event("Normal", "BackOff", text, container.name);
      this.#context.event("Warning", "Failed", "Error: ImagePullBackOff", container.name);
      runner.record.state = {
        kind: "waiting",
        reason: "ImagePullBackOff",
        message: `${text}: ErrImagePull: ${state.message}`,
      };
    }
    this.#alarm.ringIn(tries.nextMs - clock.monotonic());
    return false;
  }

  #imageFailed(container: Container): void {
    const { clock } = this.#context.machine;
    const before = this.#imageTries.get(container.name)?.delayMs ?? 0;
    const delayMs = before === 0 ? imageBackoffMsMin : Math.min(before * 2, imageBackoffMsMax);
    this.#imageTries.set(container.name, { delayMs, nextMs: clock.monotonic() + delayMs });
    this.#alarm.ringIn(retryMsMin);
  }
}
