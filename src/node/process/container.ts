/**
 * One container of a pod over its starts: prepares and starts the program, watches over it with probes and hooks, ends it, and writes
 * down what became of it in its record. When it is to run is the pod's affair (pod-worker.ts).
 */
import type { RunningProcess } from "../../platform/index.ts";
import { ConfigError } from "./environment.ts";
import { runHook } from "./hooks.ts";
import { ImageError } from "./images.ts";
import { exitStatusIn, launch, StartError } from "./launch.ts";
import { postStartMsMax, shortestGraceMs, startedPollMs } from "./limits.ts";
import { LogKeeper } from "./log-keeper.ts";
import type { ContainerPlaces } from "./places.ts";
import { type Container, containersOf, type Probe } from "./pod.ts";
import type { PodContext } from "./pod-context.ts";
import { prepareProgram } from "./preparation.ts";
import { check, type ProbeTarget } from "./probes/check.ts";
import { Prober } from "./probes/prober.ts";
import type { Program, Surroundings } from "./program.ts";
import type { ContainerRecord, ContainerState } from "./records.ts";
import { runCommand } from "./run-command.ts";
import { logEnd, terminationMessage, terminationMessagePlace } from "./termination-message.ts";

type RunningState = Extract<ContainerState, { kind: "running" }>;

export class ContainerRunner {
  readonly record: ContainerRecord;
  readonly places: ContainerPlaces;
  readonly #pod: PodContext;
  readonly #name: string;
  #process: RunningProcess | undefined;
  #prober: Prober | undefined;
  #log: LogKeeper | undefined;
  #program: Program | undefined;
  #killing: Promise<void> | undefined;
  #hurry: (() => void) | undefined;
  /** Over when the program has ended. */
  #life = new AbortController();
  readonly #beside = new Set<Promise<void>>();

  constructor(pod: PodContext, record: ContainerRecord) {
    this.record = record;
    this.#pod = pod;
    this.#name = record.name;
    this.places = pod.places.container(record.name);
  }

  get running(): boolean {
    return this.record.state.kind === "running";
  }

  get process(): RunningProcess | undefined {
    return this.#process;
  }

  get spec(): Container {
    const found = containersOf(this.#pod.pod).find(({ name }) => name === this.#name);
    return found as Container;
  }

  /** Where the program runs, for exec; made anew where the agent has come back since. */
  async surroundings(): Promise<Surroundings> {
    this.#program ??= await this.#prepare(this.record.starts - 1);
    return this.#program.surroundings;
  }

  /** Starts the program. What keeps it from starting ends up in the record, as the kubelet would say it. */
  async start(): Promise<void> {
    const { machine, record: recordOf } = this.#pod;
    const { record } = this;
    const before = record.state;
    const startedAt = machine.clock.now();
    const id = `process://${Buffer.from(machine.random.bytes(32)).toString("hex")}`;
    try {
      const program = await this.#prepare(record.starts);
      this.#program = program;
      const { image } = this.spec;
      this.#pod.event(
        "Normal",
        "Pulled",
        `Container image ${JSON.stringify(image)} already present on machine`,
        this.#name,
      );
      this.#pod.event("Normal", "Created", "Container created", this.#name);
      await this.#beginFiles(record.starts, program.surroundings);
      const child = await launch(machine, {
        command: program.command,
        ...program.surroundings,
        logFile: this.places.log(record.starts),
        exitFile: this.places.exit(record.starts),
        cgroupFile: await this.#pod.cgroupFile(this.spec),
        stdinFile: this.spec.stdin === true ? this.places.stdin : "",
      });
      if (before.kind === "terminated") record.last = before;
      record.starts++;
      record.started = false;
      record.ready = false;
      record.state = { kind: "running", startedAt, pid: child.pid, startTime: child.startTime, id };
      // Written down before anything else happens: a program that nobody knows of would be started twice.
      await this.#pod.save();
      this.#watch(child, false);
      if (await this.#begun(child)) this.#pod.event("Normal", "Started", "Container started", this.#name);
    } catch (error) {
      this.#failed(error, before, { startedAt, id });
      await this.#pod.save();
    }
    recordOf.containers.set(this.#name, record);
  }

  /** Finds the program of an earlier life again, or learns how it ended meanwhile. */
  async adopt(): Promise<void> {
    const { state, started } = this.record;
    if (state.kind !== "running") return;
    const found = this.#pod.machine.processes.adopt(state);
    if (found !== undefined) this.#watch(found, started);
    else await this.#ended(state, undefined);
  }

  /**
   * Ends the program: preStop hook, SIGTERM, and SIGKILL when the time is up. A second call only shortens the first.
   * `graceMs` counts from now.
   */
  kill(message: string, graceMs: number): Promise<void> {
    if (this.#killing !== undefined) {
      if (graceMs <= shortestGraceMs) this.#hurry?.();
      return this.#killing;
    }
    // One that has just ended by itself is still being written down.
    if (!this.running || this.#process === undefined) return this.#settled;
    this.#pod.event("Normal", "Killing", message, this.#name);
    this.#killing = this.#end(graceMs).finally(() => {
      this.#killing = undefined;
      this.#hurry = undefined;
    });
    return this.#killing;
  }

  /** Lets go of it without ending it. */
  async detach(): Promise<void> {
    this.#prober?.stop();
    await this.#log?.stop();
  }

  /** Fires when the program that runs now has ended. */
  get ended(): AbortSignal {
    return this.#life.signal;
  }

  /** Fires `ended` for `run` when the program does, and makes that wait for it: what runs beside a program ends with it, as everything in a container does. */
  async #besideIt<T>(run: (ended: AbortSignal) => Promise<T>): Promise<T> {
    const work = run(this.#life.signal);
    const settled = work.then(
      () => {},
      () => {},
    );
    this.#beside.add(settled);
    try {
      return await work;
    } finally {
      this.#beside.delete(settled);
    }
  }

  async #end(graceMs: number): Promise<void> {
    const { clock } = this.#pod.machine;
    const child = this.#process;
    if (child === undefined) return;
    this.#prober?.stop();
    const deadline = clock.monotonic() + graceMs;
    const preStop = this.spec.lifecycle?.preStop;
    const hurried = new Promise<void>((resolve) => {
      this.#hurry = resolve;
    });
    const done = child.ended.then(() => {});
    if (preStop !== undefined && graceMs > 0) {
      const hook = runHook(this.#pod.machine, preStop, {
        target: this.#probeTarget(),
        timeoutMs: graceMs,
      }).catch(() => this.#pod.event("Warning", "FailedPreStopHook", "PreStopHook failed", this.#name));
      await Promise.race([hook, hurried, done]);
    }
    child.signal("SIGTERM");
    const left = Math.max(shortestGraceMs, deadline - clock.monotonic());
    let timer: { cancel(): void } | undefined;
    const late = new Promise<void>((resolve) => {
      timer = clock.after(left, resolve);
    });
    await Promise.race([done, late, hurried.then(() => this.#soon(shortestGraceMs))]);
    timer?.cancel();
    child.signal("SIGKILL");
    await done;
    // The record is written by whoever waits for the end; this caller wants to find it written.
    await this.#settled;
  }

  #settled: Promise<void> = Promise.resolve();

  #soon(milliseconds: number): Promise<void> {
    return new Promise((resolve) =>
      this.#pod.machine.clock.after(milliseconds, resolve, { background: true }),
    );
  }

  #watch(child: RunningProcess, alreadyStarted: boolean): void {
    const { machine } = this.#pod;
    const state = this.record.state as RunningState;
    this.#process = child;
    this.#life = new AbortController();
    this.#log = new LogKeeper(machine, this.places, this.record.starts - 1);
    this.#settled = child.ended.then(({ exitCode }) => this.#ended(state, exitCode));
    const begin = (): void => {
      if (this.#process !== child) return;
      this.#prober = new Prober({
        clock: machine.clock,
        container: this.spec,
        runsForMs: machine.clock.now() - state.startedAt,
        alreadyStarted,
        check: (probe) => check(machine, probe, this.#probeTarget()),
        onStarted: () =>
          this.#change(() => {
            this.record.started = true;
          }),
        onReady: (ready) =>
          this.#change(() => {
            this.record.ready = ready;
          }),
        onFailure: (kind, output) =>
          this.#pod.event("Warning", "Unhealthy", `${kind} probe failed: ${output}`, this.#name),
        onUnhealthy: (kind, probe) => this.#restartFor(kind, probe),
      });
    };
    const postStart = this.spec.lifecycle?.postStart;
    // Neither a hook nor a probe finds a container that is still being put together.
    void this.#begun(child).then(async (begun) => {
      if (!begun) return;
      if (postStart === undefined || alreadyStarted || (await this.#postStart(postStart))) begin();
    });
  }

  async #postStart(handler: NonNullable<NonNullable<Container["lifecycle"]>["postStart"]>): Promise<boolean> {
    try {
      await runHook(this.#pod.machine, handler, { target: this.#probeTarget(), timeoutMs: postStartMsMax });
      return true;
    } catch {
      this.#pod.event("Warning", "FailedPostStartHook", "PostStartHook failed", this.#name);
      void this.kill("FailedPostStartHook", this.#pod.graceMs());
      return false;
    }
  }

  #restartFor(kind: "Startup" | "Liveness", probe: Probe): void {
    const grace = probe.terminationGracePeriodSeconds;
    const graceMs = grace === undefined ? this.#pod.graceMs() : grace * 1000;
    void this.kill(`Container ${this.#name} failed ${kind.toLowerCase()} probe, will be restarted`, graceMs);
  }

  #change(change: () => void): void {
    const { started, ready } = this.record;
    change();
    if (started === this.record.started && ready === this.record.ready) return;
    void this.#pod.save();
    this.#pod.wake();
  }

  async #ended(state: RunningState, told: number | undefined): Promise<void> {
    const { record } = this;
    this.#prober?.stop();
    // What it left behind in its group goes with it, as with a container's first process, and so does what ran beside it.
    this.#process?.signal("SIGKILL");
    this.#process = undefined;
    this.#life.abort();
    // Nobody is to be sent here while it is found out how it ended.
    record.started = false;
    record.ready = false;
    this.#pod.wake();
    await Promise.all([this.#log?.stop(), ...this.#beside]);
    record.state = await this.#termination(state, told);
    this.#pod.wake();
    await this.#pod.save();
  }

  async #termination(state: RunningState, told: number | undefined): Promise<ContainerState> {
    const { machine } = this.#pod;
    const { files } = machine;
    const start = this.record.starts - 1;
    const exitCode = (await exitStatusIn(files, this.places.exit(start))) ?? told;
    const file = this.#program?.startedFile;
    const begun = file === undefined || (await files.status(file)) !== undefined;
    const ended = (exit: number, reason: string, message: string): ContainerState => ({
      kind: "terminated",
      exitCode: exit,
      reason,
      ...(message === "" ? {} : { message }),
      startedAt: begun ? state.startedAt : 0,
      finishedAt: machine.clock.now(),
      id: state.id,
    });
    if (!begun) return ended(128, "StartError", await logEnd(files, this.places.log(start)));
    if (exitCode === undefined)
      return ended(
        137,
        "ContainerStatusUnknown",
        "The container could not be located when the pod was terminated",
      );
    const failed = exitCode !== 0;
    const message = await terminationMessage(files, this.spec, this.places, { start, failed });
    const oom = exitCode === 137 && (await this.#pod.wasOutOfMemory(this.#name));
    return ended(exitCode, oom ? "OOMKilled" : failed ? "Error" : "Completed", message);
  }

  /** A start that did not come about. */
  #failed(error: unknown, before: ContainerState, at: { startedAt: number; id: string }): void {
    const { record } = this;
    const message = error instanceof Error ? error.message : String(error);
    if (before.kind === "terminated") record.last = before;
    if (error instanceof ConfigError) {
      this.#pod.event("Warning", "Failed", `Error: ${message}`, this.#name);
      record.state = { kind: "waiting", reason: error.name, message };
    } else if (error instanceof ImageError) {
      this.#pod.event("Warning", "Failed", message.replace(/^failed/, "Failed"), this.#name);
      this.#pod.event("Warning", "Failed", `Error: ${error.reason}`, this.#name);
      record.state = { kind: "waiting", reason: error.reason, message };
    } else if (error instanceof StartError) {
      const said = `failed to start container ${JSON.stringify(this.#name)}: ${message}`;
      this.#pod.event("Warning", "Failed", `Error: ${said}`, this.#name);
      record.starts++;
      record.state = {
        kind: "terminated",
        exitCode: 128,
        reason: "StartError",
        message: said,
        startedAt: 0,
        finishedAt: at.startedAt,
        id: at.id,
      };
    } else {
      this.#pod.event("Warning", "Failed", `Error: ${message}`, this.#name);
      record.state = { kind: "waiting", reason: "CreateContainerError", message };
    }
  }

  #prepare(start: number): Promise<Program> {
    return prepareProgram(this.#pod, this.spec, { places: this.places, start });
  }

  /** Waits until the program itself runs; false where it never came to that. */
  async #begun(child: RunningProcess): Promise<boolean> {
    const file = this.#program?.startedFile;
    if (file === undefined) return true;
    let ended = false;
    void child.ended.then(() => {
      ended = true;
    });
    const { files } = this.#pod.machine;
    while (!ended && (await files.status(file)) === undefined) await this.#soon(startedPollMs);
    return (await files.status(file)) !== undefined;
  }

  async #beginFiles(start: number, { uid, gid }: Surroundings): Promise<void> {
    const { files } = this.#pod.machine;
    const message = terminationMessagePlace(this.spec, this.places);
    await files.makeDirectory(message.directory);
    await files.write(message.path, new Uint8Array(), 0o666);
    if (uid !== undefined || gid !== undefined) {
      const owner = { ...(uid === undefined ? {} : { uid }), ...(gid === undefined ? {} : { gid }) };
      await files.own(this.places.root, owner).catch(() => {});
    }
    if (this.spec.stdin === true && (await files.status(this.places.stdin)) === undefined)
      await runCommand(this.#pod.machine, {
        command: ["mkfifo", "-m", "666", this.places.stdin],
        env: this.#pod.machine.processes.environment(),
        cwd: this.places.directory,
        timeoutMs: shortestGraceMs,
      });
    // The log before the last one is nobody's any more.
    for (const path of [
      this.places.log(start - 2),
      this.places.times(start - 2),
      this.places.exit(start - 2),
      this.places.layer(start - 1),
      this.places.started(start),
      this.places.started(start - 1),
    ])
      await files.remove(path);
  }

  #probeTarget(): ProbeTarget {
    return {
      container: this.spec,
      podIp: this.#pod.place().podIp,
      exec: (command, timeoutMs) =>
        this.#besideIt(async (ended) => {
          const { enter, ...surroundings } = await this.surroundings();
          const entered = enter === undefined ? command : await enter(command);
          return runCommand(this.#pod.machine, { command: entered, timeoutMs, ended, ...surroundings });
        }),
    };
  }
}
