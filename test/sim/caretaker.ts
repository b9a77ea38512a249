/**
 * Whoever looks after the store while others use it: compares members' hashes, has them give memory back, takes snapshots, and decides who
 * may do what.
 */
import { type Revision, utf8 } from "../../src/base/index.ts";
import { anonymous, type KeyRange } from "../../src/kv/index.ts";
import type { Replica } from "../../src/replica/index.ts";
import { Asker, type Work } from "./asking.ts";
import type { HashBook } from "./checkers/hashes.ts";
import { mustBeSnapshot } from "./checkers/hashes.ts";
import { allKeys } from "./clients.ts";
import type { Model } from "./model.ts";

/** Milliseconds between two errands, on average. */
const pauseMs = 400;
const rolesMax = 3;
/** Versions looked at in one turn. */
const versionsPerTurn = 20;

type AccessRequest = Parameters<Replica["access"]["change"]>[0];

export class Caretaker {
  readonly #work: Work;
  readonly #model: Model;
  readonly #hashes: HashBook;
  readonly #asker: Asker;

  constructor(work: Work, model: Model, hashes: HashBook) {
    this.#work = work;
    this.#model = model;
    this.#hashes = hashes;
    this.#asker = new Asker(work, "keeper");
  }

  async run(): Promise<void> {
    const { world } = this.#work;
    while (!this.#work.stopped) {
      await world.sleep(world.random() * 2 * pauseMs);
      await world.pick([
        () => this.#hash(),
        () => this.#hash(),
        () => this.#snapshot(),
        () => this.#defragment(),
        () => this.#changeAccess(),
        () => this.#changeAccess(),
      ])();
    }
  }

  /** Of one member's history up to a revision: whoever has compacted as far holds the same. */
  async #hash(): Promise<void> {
    const { world } = this.#work;
    const back = world.below(10);
    await this.#ask("hash", async (replica) => {
      const revision = Math.max(1, replica.header().revision - back) as Revision;
      const answer = await replica.hashKv(revision);
      return () => {
        this.#hashes.found(answer);
        return `of ${answer.hashRevision}, compacted at ${answer.compactRevision}: ${answer.hash}`;
      };
    });
  }

  async #snapshot(): Promise<void> {
    await this.#ask("snapshot", async (replica) => {
      const taken = await replica.snapshot();
      try {
        while (taken.collect(versionsPerTurn)) await taken.turn();
        mustBeSnapshot(this.#model, allKeys, taken);
      } finally {
        taken.close();
      }
      return () => `at ${taken.revision}`;
    });
  }

  async #defragment(): Promise<void> {
    await this.#ask("defragment", async (replica) => {
      await replica.defragment();
      return () => "done";
    });
  }

  async #changeAccess(): Promise<void> {
    const request = this.#drawAccess();
    await this.#ask(`${request.action}`, async (replica) => {
      await replica.access.change(request, anonymous);
      return () => "done";
    });
  }

  #drawAccess(): AccessRequest {
    const { world } = this.#work;
    const role = `role${world.below(rolesMax)}`;
    const user = `user${world.below(rolesMax)}`;
    const range: Required<KeyRange> = { key: utf8(`k${world.below(5)}`), rangeEnd: new Uint8Array(0) };
    return world.pick<AccessRequest>([
      { action: "add-role", role },
      { action: "add-role", role },
      { action: "delete-role", role },
      { action: "add-user", user, password: "", noPassword: true },
      { action: "delete-user", user },
      { action: "grant-role", user, role },
      { action: "revoke-role", user, role },
      { action: "grant-permission", role, permission: { type: "readwrite", ...range } },
      { action: "revoke-permission", role, ...range },
    ]);
  }

  async #ask(what: string, asked: (replica: Replica) => Promise<() => string>): Promise<void> {
    const door = this.#asker.door();
    if (door === undefined) return;
    await this.#asker.ask(door, what, this.#work.history.begin(), ({ replica }) => asked(replica));
  }
}
