/** The machines of one simulation, and somebody who starts members again that have ended. */
import type { ReplicaConfig } from "../../src/replica/index.ts";
import { type Instruments, Machine } from "./machine.ts";
import { SimNetwork } from "./network.ts";
import type { Weather } from "./weather.ts";
import type { World } from "./world.ts";

const peerPort = 2380;
/** Several images and a lot of log, here where everything is small. */
const diskReserveBytes = 1024 * 1024;
/** How often the supervisor looks, and what it waits, at most, before it starts a member again. Milliseconds. */
const superviseMs = 200;
const restartMsMax = 2000;

export class SimCluster {
  readonly world: World;
  readonly network: SimNetwork;
  readonly machines: Machine[] = [];
  readonly weather: Weather;
  readonly #instruments: Instruments;
  /** When a change of members was asked for last, and when its answer came. */
  changedAt = Number.NEGATIVE_INFINITY;
  #supervising = true;

  constructor(world: World, weather: Weather, instruments: Instruments) {
    this.world = world;
    this.weather = weather;
    this.#instruments = instruments;
    this.network = new SimNetwork(world);
    const initialMembers = Array.from({ length: weather.members }, (_, i) => memberAt(i + 1));
    for (let i = 1; i <= weather.members; i++) this.#addMachine(i, { initialMembers });
    for (let i = weather.members + 1; i <= weather.members + weather.spares; i++)
      this.#addMachine(i, { initialMembers: [memberAt(i)], initialState: "existing" }).held = true;
  }

  /** Starts all, and keeps them running until `endSupervision`. */
  async start(): Promise<void> {
    await Promise.all(this.machines.map((machine) => machine.start()));
    for (const machine of this.machines) void this.#supervise(machine);
  }

  endSupervision(): void {
    this.#supervising = false;
  }

  /** Those that belong to the cluster, as far as its operator knows. */
  get members(): readonly Machine[] {
    return this.machines.filter(({ held }) => !held);
  }

  /** Members that run. */
  get running(): readonly Machine[] {
    return this.machines.filter(({ replica }) => replica !== undefined);
  }

  /** The one that leads the latest term, as far as anybody knows. */
  get leader(): Machine | undefined {
    const leaders = this.running.filter(({ replica }) => replica?.status().role === "leader");
    return leaders.sort((a, b) => termOf(b) - termOf(a))[0];
  }

  #addMachine(number: number, given: Pick<ReplicaConfig, "initialMembers" | "initialState">): Machine {
    const { world, network, weather } = this;
    const { name } = memberAt(number);
    const host = hostOf(number);
    const machine = new Machine({
      world,
      network,
      name,
      host,
      instruments: this.#instruments,
      config: {
        ...given,
        name,
        directory: `/${name}`,
        clusterToken: "sim",
        listenPeer: { host, port: peerPort },
        tls: undefined,
        heartbeatMs: weather.electionMs / 10,
        electionMs: weather.electionMs,
        snapshotCount: weather.snapshotCount,
        segmentBytes: weather.segmentBytes,
        trailingBytes: weather.trailingBytes,
        diskReserveBytes,
        leaseCheckpointMs: weather.leaseCheckpointMs,
        corruptionCheckMs: weather.checkMs,
        compactionCheckMs: weather.checkMs,
        progressIntervalMs: weather.progressMs,
      },
    });
    this.machines.push(machine);
    return machine;
  }

  async #supervise(machine: Machine): Promise<void> {
    const { world } = this;
    while (this.#supervising) {
      await world.sleep(superviseMs);
      if (machine.isUp || machine.held) continue;
      await world.sleep(world.random() * restartMsMax);
      if (!machine.isUp && !machine.held) await machine.start();
    }
  }
}

function termOf({ replica }: Machine): number {
  return replica?.status().header.term ?? 0;
}

function hostOf(number: number): string {
  return `10.0.0.${number}`;
}

function memberAt(number: number): { name: string; peerUrls: readonly string[] } {
  return { name: `m${number}`, peerUrls: [`http://${hostOf(number)}:${peerPort}`] };
}
