/** The kubelet's API over the pods of a process node. */
import type { Duplex } from "node:stream";
import type { KubeObject } from "../../apimachinery/index.ts";
import type { Machine } from "../../platform/index.ts";
import type { LogQuery } from "../agent/log-query.ts";
import { type ContainerName, HostError, type PodHost } from "../agent/pod-host.ts";
import type { Summary } from "../agent/summary.ts";
import type { CommandOptions, CommandStreams } from "../streaming/remote-command.ts";
import type { ContainerRunner } from "./container.ts";
import { execCommand } from "./exec.ts";
import { readLog } from "./log-reader.ts";
import type { RunningPods } from "./node.ts";
import { containersOf } from "./pod.ts";
import type { PodWorker } from "./pod-worker.ts";
import { summaryOf, UsageRates } from "./summary.ts";

/** A connection to a pod's port must stand within this. Milliseconds. */
const dialMs = 10_000;

export class ProcessPodHost implements PodHost {
  readonly #machine: Machine;
  readonly #running: RunningPods;
  readonly #nodeName: string;
  readonly #rates: UsageRates;

  constructor(machine: Machine, running: RunningPods, node: { name: string; directory: string }) {
    this.#machine = machine;
    this.#running = running;
    this.#nodeName = node.name;
    this.#rates = new UsageRates(machine, running, node.directory);
  }

  pods(): readonly KubeObject[] {
    return [...this.#running.all()].map(({ pod }) => pod);
  }

  async *logs(name: ContainerName, query: LogQuery, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const worker = this.#worker(name);
    const runner = this.#runner(worker, name);
    const start = startOf(runner, name, query.previous);
    const paths = { log: runner.places.log(start), times: runner.places.times(start) };
    const ended = (): boolean => query.previous || !runner.running || runner.record.starts - 1 !== start;
    yield* readLog(this.#machine, paths, query, { ended, signal });
  }

  requireContainer(name: ContainerName): void {
    const runner = this.#runner(this.#worker(name), name);
    if (!runner.running) throw new HostError(500, `container not found (${JSON.stringify(name.container)})`);
  }

  async exec(
    name: ContainerName,
    command: readonly string[],
    options: CommandOptions,
    streams: CommandStreams,
  ): Promise<void> {
    const runner = this.#runner(this.#worker(name), name);
    const surroundings = await runner.surroundings();
    await execCommand(this.#machine, command, surroundings, options, streams, runner.ended);
  }

  async attach(name: ContainerName, options: CommandOptions, streams: CommandStreams): Promise<void> {
    const runner = this.#runner(this.#worker(name), name);
    const start = runner.record.starts - 1;
    const paths = { log: runner.places.log(start), times: runner.places.times(start) };
    const query = {
      follow: true,
      previous: false,
      timestamps: false,
      sinceMs: undefined,
      limitBytes: undefined,
    };
    const ended = (): boolean => !runner.running || runner.record.starts - 1 !== start;
    const gone = new AbortController();
    void streams.closed.then(() => gone.abort());
    const input = options.stdin && runner.spec.stdin === true ? this.#feed(runner, streams) : undefined;
    if (input === undefined) streams.stdin?.resume();
    // One whose input ends with its first client has said nothing that somebody has read before.
    const tailLines = runner.spec.stdinOnce === true ? undefined : 0;
    const lines = readLog(this.#machine, paths, { ...query, tailLines }, { ended, signal: gone.signal });
    for await (const chunk of lines) {
      if (streams.stdout !== null && chunk.length > 0 && !streams.stdout.write(chunk))
        await new Promise<void>((resolve) => {
          streams.stdout?.once("drain", resolve);
          streams.stdout?.once("close", resolve);
        });
    }
    await streams.finish({ metadata: {}, status: "Success" });
  }

  async dial({ namespace, pod }: { namespace: string; pod: string }, port: number): Promise<Duplex> {
    const worker = this.#worker({ namespace, pod });
    const host = worker.context.place().podIp;
    const failed = (error: unknown): HostError => {
      const { code, message } = error as { code?: string; message: string };
      const why = code === "ECONNREFUSED" ? "connect: connection refused" : message;
      return new HostError(
        500,
        `failed to connect to ${host}:${port} in pod ${namespace}/${pod}: dial tcp ${host}:${port}: ${why}`,
      );
    };
    const connect = async (to: string): Promise<Duplex> =>
      (await this.#machine.network.connect({ host: to, port, timeoutMs: dialMs, halfOpen: true })).stream;
    try {
      return await connect(host);
    } catch (error) {
      if (worker.context.network() !== undefined) throw failed(error);
      // A container's loopback is its own; without a network of its own a program that listens on 127.0.0.1 alone listens there.
      try {
        return await connect("127.0.0.1");
      } catch {
        throw failed(error);
      }
    }
  }

  summary(): Promise<Summary> {
    return summaryOf(this.#machine, this.#running, this.#rates, this.#nodeName);
  }

  #worker({ namespace, pod }: { namespace: string; pod: string }): PodWorker {
    const worker = this.#running.find(namespace, pod);
    if (worker === undefined) throw new HostError(404, `pod ${JSON.stringify(pod)} does not exist`);
    return worker;
  }

  #runner(worker: PodWorker, { container, pod }: ContainerName): ContainerRunner {
    const { spec } = worker.pod;
    if (!containersOf(worker.pod).some(({ name }) => name === container))
      throw new HostError(
        404,
        `container ${JSON.stringify(container)} not found in pod ${JSON.stringify(pod)}`,
      );
    const runner = worker.runners.get(container);
    if (runner === undefined)
      throw new HostError(
        400,
        `container ${JSON.stringify(container)} in pod ${JSON.stringify(pod)} is waiting to start: ${
          (spec.initContainers?.length ?? 0) > 0 ? "PodInitializing" : "ContainerCreating"
        }`,
      );
    return runner;
  }

  /** Into the named pipe that the program reads. */
  #feed(runner: ContainerRunner, streams: CommandStreams): true {
    const pipe = this.#machine.files.appendStream(runner.places.stdin);
    pipe.on("error", () => streams.stdin?.resume());
    streams.stdin?.pipe(pipe);
    return true;
  }
}

/** Which start's log is meant, or the kubelet's sentence why there is none. */
function startOf({ record }: ContainerRunner, { container, pod }: ContainerName, previous: boolean): number {
  const name = `container ${JSON.stringify(container)} in pod ${JSON.stringify(pod)}`;
  const { state, last, starts } = record;
  if (previous) {
    if (last === undefined || (state.kind !== "waiting" && starts < 2))
      throw new HostError(400, `previous terminated ${name} not found`);
    return state.kind === "waiting" ? starts - 1 : starts - 2;
  }
  if (state.kind !== "waiting" || last !== undefined) return starts - 1;
  const why =
    state.reason === "ErrImagePull"
      ? "image can't be pulled"
      : state.reason === "ImagePullBackOff"
        ? "trying and failing to pull image"
        : state.reason;
  throw new HostError(400, `${name} is waiting to start: ${why}`);
}
