/** People at work: each client asks one member after another, waits for the answer, and has History look at it. */
import { type LeaseId, noLease, type Revision, utf8 } from "../../src/base/index.ts";
import { type KeyRange, KvError, type Txn } from "../../src/kv/index.ts";
import type { Replica } from "../../src/replica/index.ts";
import type { LeaseBook } from "./checkers/leases.ts";
import type { History, Request } from "./checkers/strict-serializability.ts";
import { pairedKeys } from "./checkers/transactions.ts";
import type { Life } from "./life.ts";
import type { Machine } from "./machine.ts";
import { shortened } from "./model.ts";
import type { World } from "./world.ts";

/** All that clients write begins with "k". */
export const allKeys: KeyRange = { key: utf8("k"), rangeEnd: utf8("l") };
const keyCount = 12;
/** Milliseconds that a client waits for an answer before it turns elsewhere. */
const patienceMsMin = 200;
const patienceMsMax = 3000;
const paddingBytesMax = 3000;

export interface Work {
  readonly world: World;
  readonly history: History;
  readonly leases: LeaseBook;
  /** Where a client may turn to. */
  readonly machines: () => readonly Machine[];
  /** Until then clients begin new requests. */
  stopped: boolean;
}

/** One member that runs, from a client's sight. */
interface Door {
  readonly machine: Machine;
  readonly life: Life;
  readonly replica: Replica;
}

export class Client {
  readonly #work: Work;
  readonly #name: string;
  readonly #pauseMs: number;
  #values = 0;
  /** The last revision seen of each key. */
  readonly #seen = new Map<string, number>();
  #newest = 1;

  constructor(work: Work, name: string, pauseMs: number) {
    this.#work = work;
    this.#name = name;
    this.#pauseMs = pauseMs;
  }

  async run(): Promise<void> {
    const { world } = this.#work;
    while (!this.#work.stopped) {
      await world.sleep(world.random() * 2 * this.#pauseMs);
      const door = this.#door();
      if (door === undefined) continue;
      await this.#pickRequest()(door);
    }
  }

  #pickRequest(): (door: Door) => Promise<void> {
    const { world } = this.#work;
    const dice = world.random();
    if (dice < 0.3) return (door) => this.#put(door);
    if (dice < 0.42) return (door) => this.#pair(door);
    if (dice < 0.52) return (door) => this.#compareAndPut(door);
    if (dice < 0.58) return (door) => this.#delete(door);
    if (dice < 0.78) return (door) => this.#read(world.chance(0.5) ? (this.#leader() ?? door) : door);
    if (dice < 0.86) return (door) => this.#readStale(door);
    if (dice < 0.93) return (door) => this.#readPast(door);
    if (dice < 0.97) return (door) => this.#lease(door);
    return (door) => this.#compact(door);
  }

  #put(door: Door): Promise<void> {
    return this.#write(door, [], [this.#key()]);
  }

  /** Two keys in one revision: whoever sees one of them alone has seen half a transaction. */
  #pair(door: Door): Promise<void> {
    return this.#write(door, [], pairedKeys);
  }

  async #compareAndPut(door: Door): Promise<void> {
    const key = this.#key();
    const revision = (this.#seen.get(key) ?? 0) as Revision;
    const compare: Txn["compare"] = [{ key: utf8(key), target: "mod", result: "equal", revision }];
    await this.#write(door, compare, [key]);
  }

  async #write(door: Door, compare: Txn["compare"], keys: readonly string[], lease = noLease): Promise<void> {
    const { history } = this.#work;
    const values = keys.map(() => this.#value());
    const success = keys.map(
      (key, i) => ({ type: "put", key: utf8(key), value: utf8(values[i] as string), lease }) as const,
    );
    const failure = keys.map((key) => ({ type: "range", key: utf8(key) }) as const);
    const txn: Txn = { compare, success, failure };
    const request = history.begin(values);
    await this.#ask(
      door,
      `write ${keys.join()} as ${values.map(shortened).join()}`,
      request,
      async ({ replica }) => {
        const result = await replica.txn(txn);
        return () => {
          history.wrote(request, txn, result);
          this.#saw(result.header.revision);
          if (result.succeeded) for (const key of keys) this.#seen.set(key, result.header.revision);
          else
            for (const answer of result.results)
              if (answer.type === "range") this.#seen.set(keys[0] as string, answer.kvs[0]?.modRevision ?? 0);
          return `at ${result.header.revision}${result.succeeded ? "" : ", compares failed"}`;
        };
      },
    );
  }

  async #delete(door: Door): Promise<void> {
    const { history } = this.#work;
    const txn: Txn = {
      compare: [],
      success: [{ type: "delete", key: utf8(this.#key()), prevKv: true }],
      failure: [],
    };
    const request = history.begin();
    await this.#ask(door, "delete", request, async ({ replica }) => {
      const result = await replica.txn(txn);
      return () => {
        history.wrote(request, txn, result);
        this.#saw(result.header.revision);
        return `at ${result.header.revision}`;
      };
    });
  }

  async #read(door: Door): Promise<void> {
    const { history } = this.#work;
    const request = history.begin();
    await this.#ask(door, "read", request, async ({ replica }) => {
      const result = await replica.range(allKeys);
      return () => {
        history.read(request, allKeys, result);
        this.#saw(result.header.revision);
        return `at ${result.header.revision}`;
      };
    });
  }

  async #readStale(door: Door): Promise<void> {
    const { history } = this.#work;
    const request = history.begin();
    await this.#ask(door, "read serializable", request, async ({ replica }) => {
      const result = await replica.range({ ...allKeys, serializable: true });
      return () => {
        history.readAt(allKeys, result.header.revision, result);
        return `at ${result.header.revision}`;
      };
    });
  }

  async #readPast(door: Door): Promise<void> {
    const { history, world } = this.#work;
    const request = history.begin();
    const revision = (1 + world.below(this.#newest + 3)) as Revision;
    await this.#ask(door, `read of ${revision}`, request, async ({ replica }) => {
      const result = await replica.range({ ...allKeys, revision, serializable: world.chance(0.5) });
      return () => {
        history.readAt(allKeys, revision, result);
        return "answered";
      };
    });
  }

  async #compact(door: Door): Promise<void> {
    const { history, world } = this.#work;
    const request = history.begin();
    const revision = Math.max(1, this.#newest - world.below(30)) as Revision;
    await this.#ask(door, `compact ${revision}`, request, async ({ replica }) => {
      await replica.compact(revision, { physical: world.chance(0.3) });
      return () => "done";
    });
  }

  /** A lease with a key on it, kept alive for a while, then left to its end or revoked. */
  async #lease(door: Door): Promise<void> {
    const { history, leases, world } = this.#work;
    const ttlSeconds = 1 + world.below(4);
    const id = BigInt(1 + world.below(2 ** 31)) as LeaseId;
    const began = world.now;
    const request = history.begin();
    let granted = false;
    await this.#ask(door, `grant ${id} for ${ttlSeconds} s`, request, async ({ replica }) => {
      const answer = await replica.leases.grant({ id, ttlSeconds });
      return () => {
        granted = true;
        leases.renewed(id, began, answer.ttlSeconds);
        history.answeredAt(answer.header.revision);
        return `${answer.ttlSeconds} s`;
      };
    });
    if (!granted) return;
    const key = `k-lease-${world.below(3)}`;
    await this.#write(door, [], [key], id);
    for (let i = world.below(6); i > 0 && !this.#work.stopped; i--) {
      await world.sleep(world.between(100, 900 * ttlSeconds));
      const other = this.#door();
      if (other !== undefined) await this.#keepAlive(other, id);
    }
    if (!world.chance(0.3)) return;
    leases.mayBeRevoked(id);
    const last = this.#door();
    if (last === undefined) return;
    await this.#ask(last, `revoke ${id}`, history.begin(), async ({ replica }) => {
      const header = await replica.leases.revoke(id);
      return () => {
        history.answeredAt(header.revision);
        return "done";
      };
    });
  }

  async #keepAlive(door: Door, id: LeaseId): Promise<void> {
    const { history, leases, world } = this.#work;
    const began = world.now;
    await this.#ask(door, `keep alive ${id}`, history.begin(), async ({ replica }) => {
      const { ttlSeconds } = await replica.leases.keepAlive(id);
      return () => {
        if (ttlSeconds > 0) leases.renewed(id, began, ttlSeconds);
        return `${ttlSeconds} s`;
      };
    });
  }

  /** Asks, and goes on when there is an answer or patience is at its end. An answer that comes later is looked at all the same. */
  async #ask(
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

  /** Never the same twice; now and then larger than a sector, so that a write of it can be torn. */
  #value(): string {
    const { world } = this.#work;
    const padding = world.chance(0.3) ? world.below(paddingBytesMax) : 0;
    return `${this.#name}.${++this.#values}`.padEnd(padding, ".");
  }

  #saw(revision: number): void {
    this.#newest = Math.max(this.#newest, revision);
  }

  #door(): Door | undefined {
    return this.#doorOf(this.#work.world.pick(this.#work.machines()));
  }

  /** One that believes it leads: there may be several, and one of them has been away for a while. */
  #leader(): Door | undefined {
    const leaders = this.#work.machines().filter(({ replica }) => replica?.status().role === "leader");
    const machine = this.#work.world.pick(leaders);
    return machine && this.#doorOf(machine);
  }

  #doorOf(machine: Machine): Door | undefined {
    const { life, replica } = machine;
    return life === undefined || replica === undefined ? undefined : { machine, life, replica };
  }

  #key(): string {
    return `k${this.#work.world.below(keyCount)}`;
  }
}
