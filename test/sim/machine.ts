/** A machine: a disk that outlives processes, a clock that errs, and at most one member running on it. */
import type { Platform } from "../../src/platform/index.ts";
import { openReplica, type Replica, type ReplicaConfig, type ReplicaParts } from "../../src/replica/index.ts";
import { createLog } from "../../src/telemetry/index.ts";
import { type DiskHealth, goodHealth, SimDisk } from "./disk.ts";
import { type ClockError, Life } from "./life.ts";
import type { SimNetwork } from "./network.ts";
import { type LossKind, Storage } from "./storage.ts";
import type { World } from "./world.ts";

/** Sees what the members' parts do; may break them. */
export interface Instruments {
  /** Before anything is opened: the platform that the member gets. */
  readonly platform: (machine: Machine, life: Life, platform: Platform) => Platform;
  readonly assemble: (machine: Machine, life: Life, parts: ReplicaParts) => ReplicaParts;
}

export class Machine {
  readonly world: World;
  readonly network: SimNetwork;
  readonly name: string;
  readonly host: string;
  readonly storage = new Storage();
  readonly health: DiskHealth = goodHealth();
  readonly clock: ClockError = { rate: 1, offsetMs: 0 };
  config: ReplicaConfig;
  /** Running, or starting. */
  life: Life | undefined;
  /** Running. */
  replica: Replica | undefined;
  /** Why the last start, or the last life, ended by itself. */
  lastError: Error | undefined;
  /** Its disk has lost or changed what was durable: it may refuse to start, and its memory counts for nothing. */
  damaged = false;
  /** Nobody starts it again for now, or ever. */
  held = false;
  readonly #instruments: Instruments;
  #disk: SimDisk | undefined;

  constructor(options: {
    world: World;
    network: SimNetwork;
    name: string;
    host: string;
    config: ReplicaConfig;
    instruments: Instruments;
  }) {
    this.world = options.world;
    this.network = options.network;
    this.name = options.name;
    this.host = options.host;
    this.config = options.config;
    this.#instruments = options.instruments;
  }

  get isUp(): boolean {
    return this.life !== undefined;
  }

  /** Starts the member; resolves when it is open, has failed to open, or was killed meanwhile. */
  async start(): Promise<void> {
    if (this.life !== undefined) return;
    const { world, name } = this;
    const life = new Life(world, name, this.clock);
    this.life = life;
    this.lastError = undefined;
    this.network.setSilent(this.host, false);
    const disk = new SimDisk({
      life,
      storage: this.storage,
      health: this.health,
      onCrash: () => this.losePower(),
    });
    this.#disk = disk;
    world.note(name, "starts");
    const platform: Platform = {
      clock: life.clock,
      loop: life.loop,
      random: life.random,
      disk,
      network: this.network.of(life, this.host),
    };
    const log = createLog({
      sink: (line) => {
        if (!life.dead) world.note(name, `log ${line.slice(25).trimEnd()}`);
      },
      now: () => world.now,
      level: "info",
      format: "text",
    });
    const opening = openReplica({
      platform: this.#instruments.platform(this, life, platform),
      config: this.config,
      log,
      assemble: (parts) => this.#instruments.assemble(this, life, parts),
    });
    const exits = (error: Error): void => {
      if (this.life === life) this.#exit(error);
    };
    opening.catch(() => {});
    try {
      const replica = await Promise.race([opening, life.ended]);
      if (replica === undefined || this.life !== life) return;
      this.replica = replica;
      replica.failed.catch(exits);
    } catch (error) {
      exits(error as Error);
    }
  }

  /** kill -9: what was written is still there, durable or not. */
  kill(): void {
    if (this.life === undefined) return;
    this.world.note(this.name, "is killed");
    this.#end(false);
  }

  losePower(kind?: LossKind): void {
    const loss =
      kind ??
      this.world.pick([
        "nothing survives",
        "a prefix survives",
        "any sectors survive",
        "all survives",
      ] as const);
    this.world.note(this.name, `loses its power: of what was not synced ${loss}`);
    this.#end(true);
    this.storage.losePower(this.world, loss);
  }

  #exit(error: Error): void {
    this.world.note(this.name, `exits: ${error.message}`);
    this.lastError = error;
    this.#end(false);
  }

  #end(powerLost: boolean): void {
    const { life } = this;
    this.life = undefined;
    this.replica = undefined;
    this.health.operationsToCrash = Number.POSITIVE_INFINITY;
    this.network.setSilent(this.host, powerLost);
    if (life === undefined) return;
    this.network.ended(life, powerLost);
    life.end();
    this.#disk?.abandon();
    this.#disk = undefined;
  }
}
