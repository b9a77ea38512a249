/** Somebody who asks members for something, waits for the answer as long as patience lasts, and has History told how it ended. */
import { KvError } from "../../src/kv/index.ts";
import type { Replica } from "../../src/replica/index.ts";
import type { LeaseBook } from "./checkers/leases.ts";
import type { History, Request } from "./checkers/strict-serializability.ts";
import type { Life } from "./life.ts";
import type { Machine } from "./machine.ts";
import type { World } from "./world.ts";

/** Milliseconds that somebody waits for an answer before turning elsewhere. */
const patienceMsMin = 200;
const patienceMsMax = 3000;

export interface Work {
  readonly world: World;
  readonly history: History;
  readonly leases: LeaseBook;
  /** Where one may turn to. */
  readonly machines: () => readonly Machine[];
  /** Until then people begin new requests. */
  stopped: boolean;
}

/** One member that runs, from outside. */
export interface Door {
  readonly life: Life;
  readonly replica: Replica;
}

export class Asker {
  readonly #work: Work;
  readonly #name: string;

  constructor(work: Work, name: string) {
    this.#work = work;
    this.#name = name;
  }

  /** Any member that runs. */
  door(): Door | undefined {
    return this.#doorOf(this.#work.world.pick(this.#work.machines()));
  }

  /** One that believes it leads: there may be several, and one of them has been away for a while. */
  leader(): Door | undefined {
    const leaders = this.#work.machines().filter(({ replica }) => replica?.status().role === "leader");
    const machine = this.#work.world.pick(leaders);
    return machine && this.#doorOf(machine);
  }

  #doorOf(machine: Machine): Door | undefined {
    const { life, replica } = machine;
    return life === undefined || replica === undefined ? undefined : { life, replica };
  }

  /** Asks, and goes on when there is an answer or patience is at its end. An answer that comes later is looked at all the same. */
  async ask(
    door: Door,
    what: string,
    request: Request,
    asked: (door: Door) => Promise<() => string>,
  ): Promise<void> {
    const { world } = this.#work;
    const patience = world.sleep(world.between(patienceMsMin, patienceMsMax));
    await Promise.race([this.#hear(door, what, request, asked), patience]);
  }

  /** Asks, and has the answer looked at. Whoever asks a process that ends hears nothing. */
  async #hear(
    door: Door,
    what: string,
    request: Request,
    asked: (door: Door) => Promise<() => string>,
  ): Promise<void> {
    const { world, history } = this.#work;
    const { life } = door;
    const say = (how: string): void => world.note(this.#name, `${what} on ${life.name}: ${how}`);
    try {
      const answer = await Promise.race([life.run(() => asked(door)), life.ended]);
      if (answer !== undefined && !life.dead) return say(answer());
      history.lost();
      say("lost");
    } catch (error) {
      if (life.dead) history.lost();
      else if (error instanceof KvError) {
        history.failed(request, error);
        say(error.code);
      } else
        world.fail(
          new Error(`${this.#name}: ${what} on ${life.name}: ${(error as Error).message}`, { cause: error }),
        );
    }
  }
}
