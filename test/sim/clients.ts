/** People at work: each client asks one member after another, waits for the answer, and has History look at it. */
import { type LeaseId, noLease, type Revision, utf8 } from "../../src/base/index.ts";
import type { KeyRange, Txn } from "../../src/kv/index.ts";
import { Asker, type Door, type Work } from "./asking.ts";
import { pairedKeys } from "./checkers/transactions.ts";
import { shortened } from "./model.ts";
import { drawReadTxn, drawTxn } from "./txns.ts";

/** All that clients write begins with "k". */
export const allKeys: KeyRange = { key: utf8("k"), rangeEnd: utf8("l") };
const keyCount = 12;
const paddingBytesMax = 3000;

/** Leases live longer than an election takes, so that they outlive leaders. */
const leaseSecondsMax = 8;

export class Client {
  readonly #work: Work;
  readonly #asker: Asker;
  readonly #name: string;
  readonly #pauseMs: number;
  #values = 0;
  /** The last revision seen of each key. */
  readonly #seen = new Map<string, number>();
  #newest = 1;

  constructor(work: Work, name: string, pauseMs: number) {
    this.#work = work;
    this.#asker = new Asker(work, name);
    this.#name = name;
    this.#pauseMs = pauseMs;
  }

  async run(): Promise<void> {
    const { world } = this.#work;
    while (!this.#work.stopped) {
      await world.sleep(world.random() * 2 * this.#pauseMs);
      const door = this.#asker.door();
      if (door === undefined) continue;
      await this.#pickRequest()(door);
    }
  }

  #pickRequest(): (door: Door) => Promise<void> {
    const { world } = this.#work;
    const dice = world.random();
    if (dice < 0.24) return (door) => this.#put(door);
    if (dice < 0.3) return (door) => this.#transact(door);
    if (dice < 0.32) return (door) => this.#readInTxn(door);
    if (dice < 0.42) return (door) => this.#pair(door);
    if (dice < 0.52) return (door) => this.#compareAndPut(door);
    if (dice < 0.58) return (door) => this.#delete(door);
    if (dice < 0.78) return (door) => this.#read(world.chance(0.5) ? (this.#asker.leader() ?? door) : door);
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
    await this.#asker.ask(
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

  /** Nested, with compares of every kind. */
  async #transact(door: Door): Promise<void> {
    const { world } = this.#work;
    const values: string[] = [];
    const txn = drawTxn(
      world,
      () => {
        const value = this.#value();
        values.push(value);
        return value;
      },
      this.#newest,
    );
    await this.#carryOut(door, "transaction", txn, values);
  }

  async #readInTxn(door: Door): Promise<void> {
    const txn = drawReadTxn(this.#work.world, this.#newest);
    await this.#carryOut(door, "read in a transaction", txn, []);
  }

  async #carryOut(door: Door, what: string, txn: Txn, values: readonly string[]): Promise<void> {
    const { history } = this.#work;
    const request = history.begin(values);
    await this.#asker.ask(door, what, request, async ({ replica }) => {
      const result = await replica.txn(txn);
      return () => {
        history.wrote(request, txn, result);
        this.#saw(result.header.revision);
        return `at ${result.header.revision}`;
      };
    });
  }

  async #delete(door: Door): Promise<void> {
    const key = utf8(this.#key());
    await this.#carryOut(
      door,
      "delete",
      { compare: [], success: [{ type: "delete", key, prevKv: true }], failure: [] },
      [],
    );
  }

  async #read(door: Door): Promise<void> {
    const { history } = this.#work;
    const request = history.begin();
    await this.#asker.ask(door, "read", request, async ({ replica }) => {
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
    await this.#asker.ask(door, "read serializable", request, async ({ replica }) => {
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
    await this.#asker.ask(door, `read of ${revision}`, request, async ({ replica }) => {
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
    await this.#asker.ask(door, `compact ${revision}`, request, async ({ replica }) => {
      await replica.compact(revision, { physical: world.chance(0.3) });
      return () => "done";
    });
  }

  /** A lease with a key on it, kept alive for a while, then left to its end or revoked. */
  async #lease(door: Door): Promise<void> {
    const { history, leases, world } = this.#work;
    const ttlSeconds = 1 + world.below(leaseSecondsMax);
    const id = BigInt(1 + world.below(2 ** 31)) as LeaseId;
    const began = world.now;
    const request = history.begin();
    let granted = false;
    await this.#asker.ask(door, `grant ${id} for ${ttlSeconds} s`, request, async ({ replica }) => {
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
      const other = this.#asker.door();
      if (other === undefined) continue;
      if (world.chance(0.3)) await this.#askTimeToLive(other, id);
      else await this.#keepAlive(other, id);
    }
    if (!world.chance(0.3)) return;
    leases.mayBeRevoked(id);
    const last = this.#asker.door();
    if (last === undefined) return;
    await this.#asker.ask(last, `revoke ${id}`, history.begin(), async ({ replica }) => {
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
    await this.#asker.ask(door, `keep alive ${id}`, history.begin(), async ({ replica }) => {
      const { ttlSeconds } = await replica.leases.keepAlive(id);
      return () => {
        if (ttlSeconds > 0) leases.renewed(id, began, ttlSeconds);
        return `${ttlSeconds} s`;
      };
    });
  }

  async #askTimeToLive(door: Door, id: LeaseId): Promise<void> {
    const { history, leases } = this.#work;
    await this.#asker.ask(door, `time to live ${id}`, history.begin(), async ({ replica }) => {
      const { lease } = await replica.leases.timeToLive(id, { keys: true });
      return () => {
        if (lease !== undefined) leases.toldTimeToLive(id, lease.ttlSeconds);
        return `${lease?.ttlSeconds ?? -1} s`;
      };
    });
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

  #key(): string {
    return `k${this.#work.world.below(keyCount)}`;
  }
}
