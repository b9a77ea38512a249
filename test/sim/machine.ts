/** A machine: a disk that outlives processes, a clock that errs, and at most one member running on it. */
import type { MemberId } from "../../src/base/index.ts";
import type { Platform } from "../../src/platform/index.ts";
import { openReplica, type Replica, type ReplicaConfig, type ReplicaParts } from "../../src/replica/index.ts";
import { createLog } from "../../src/telemetry/index.ts";
import { WalDamagedError } from "../../src/wal/index.ts";
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

export interface CrashPlan {
  /** The last of so many steps is the one. */
  steps: number;
  /** What the steps that count begin with: all do, where absent. */
  readonly at?: string;
  readonly loss?: LossKind;
}

const lossKinds: readonly LossKind[] = [
  "nothing survives",
  "a prefix survives",
  "any sectors survive",
  "all survives",
];
/** Milliseconds. */
const publishRetryMs = 500;
/** A member that is stopped may take so long to end. */
const stopMsMax = 3000;
/** An image is sent in pieces of so many bytes, so that small ones have many. */
const pieceBytes = 4096;

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
  /** Has the checkers look at this life once more. */
  tellSettled: () => void = () => {};
  /** Why the last start, or the last life, ended by itself. */
  lastError: Error | undefined;
  /** Its disk has changed what was durable, and it has not started since. */
  damaged = false;
  /** It has, at any time. */
  #everDamaged = false;
  /** It belongs to no cluster: nobody starts it. */
  held = false;
  /** It was removed from its cluster and does not know yet; its disk is about to be emptied. */
  retiring = false;
  /** Which member it is, or was last. */
  memberId: MemberId | undefined;
  readonly #instruments: Instruments;
  #crash: CrashPlan | undefined;
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

  get peerUrls(): readonly string[] {
    return this.config.initialMembers.find(({ name }) => name === this.name)?.peerUrls ?? [];
  }

  /** It does not start, for its disk is damaged. */
  get isBroken(): boolean {
    return this.damaged && this.life === undefined && this.lastError !== undefined;
  }

  /** It runs and votes. One that has just joined does not know yet whether it does, and its log is empty. */
  get isVoter(): boolean {
    const status = this.replica?.status();
    return status !== undefined && status.appliedIndex > 0 && !status.learner;
  }

  /** Starts the member; resolves when it is open, has failed to open, or was killed meanwhile. */
  async start(): Promise<void> {
    if (this.life !== undefined || this.held) return;
    const { world, name } = this;
    const life = new Life(world, name, this.clock, (at) => this.#losesPowerAt(at));
    this.life = life;
    this.lastError = undefined;
    this.network.setSilent(this.host, false);
    const disk = new SimDisk({ life, storage: this.storage, health: this.health });
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
      assemble: (parts) => {
        this.memberId = parts.identity.memberId;
        return this.#instruments.assemble(this, life, withSmallPieces(parts));
      },
    });
    const exits = (error: Error): void => {
      if (this.life === life) this.#exit(error);
    };
    opening.catch(() => {});
    try {
      const replica = await Promise.race([opening, life.ended]);
      if (replica === undefined || this.life !== life) return;
      this.replica = replica;
      this.damaged = false;
      this.#publish(replica, life);
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

  /** As people stop a member: it lets go of everything, and ends. Whoever is impatient kills it. */
  async stop(): Promise<void> {
    const { life, replica, world } = this;
    if (life === undefined || replica === undefined) return;
    world.note(this.name, "is stopped");
    await Promise.race([life.run(() => replica.close()), life.ended, world.sleep(stopMsMax)]);
    if (this.life === life) this.kill();
  }

  losePower(loss: LossKind = this.world.pick(lossKinds)): void {
    this.world.note(this.name, `loses its power: of what was not synced ${loss}`);
    this.#end(true);
    this.storage.losePower(this.world, loss);
  }

  /** It loses its power in the middle of something that its process does. Undefined: it does not. */
  planCrash(plan: CrashPlan | undefined): void {
    this.#crash = plan && { ...plan };
  }

  #losesPowerAt(step: string): boolean {
    const plan = this.#crash;
    if (plan === undefined || (plan.at !== undefined && !step.startsWith(plan.at))) return false;
    if (--plan.steps > 0) return false;
    this.world.note(this.name, `loses its power at ${step}`);
    this.losePower(plan.loss);
    return true;
  }

  /** Changes what is durable on its disk. Answers where; undefined: there was nothing to change. */
  damageDisk(kind: "bit rot" | "misdirected write"): string | undefined {
    const where = this.storage.damage(this.world, this.config.directory, kind);
    if (where === undefined) return undefined;
    this.damaged = true;
    this.#everDamaged = true;
    return where;
  }

  /** Another disk, with nothing on it. */
  replaceDisk(): void {
    this.storage.replace();
    this.damaged = false;
    this.#everDamaged = false;
    this.lastError = undefined;
    this.memberId = undefined;
  }

  /** Tells the cluster its name, until that has worked. */
  #publish(replica: Replica, life: Life): void {
    const attempt = (): void => {
      replica
        .publish({ name: this.name, clientUrls: [`http://${this.host}:2379`] })
        .catch(() => void this.world.schedule(publishRetryMs, attempt, life));
    };
    attempt();
  }

  #exit(error: Error): void {
    this.world.note(this.name, `exits: ${error.message}`);
    this.lastError = error;
    if (error.message.includes("ENOSPC") && !this.health.full)
      this.world.fail(
        new Error(`${this.name}: the disk was filled slowly, and the log met its end: ${error.message}`),
      );
    if (error instanceof WalDamagedError && !this.#everDamaged)
      this.world.fail(
        new Error(
          `${this.name}: its disk is sound, and what crashes have left is taken for damage: ${error.message}`,
        ),
      );
    this.#end(false);
  }

  #end(powerLost: boolean): void {
    const { life } = this;
    this.life = undefined;
    this.replica = undefined;
    this.#crash = undefined;
    this.network.setSilent(this.host, powerLost);
    if (life === undefined) return;
    this.network.ended(life, powerLost);
    life.end();
    this.#disk?.abandon();
    this.#disk = undefined;
  }
}

function withSmallPieces(parts: ReplicaParts): ReplicaParts {
  const { images } = parts;
  const read = images.read.bind(images);
  images.read = async function* (meta) {
    for await (const bytes of read(meta))
      for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
  };
  return parts;
}
