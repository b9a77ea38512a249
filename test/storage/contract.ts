import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { KubeObject } from "../../src/apimachinery/index.ts";
import type { Revision } from "../../src/base/index.ts";
import type {
  ListOptions,
  SelectionPredicate,
  Storage,
  StorageError,
  StorageErrorCode,
  StorageEvent,
  WatchOptions,
} from "../../src/storage/index.ts";
import { ManualClock } from "./manual-clock.ts";
import { MvccKv } from "./mvcc-kv.ts";

/** What every Storage promises, whatever it stands on. */
export const prefix = "/kubernetes.io/configmaps/";

export interface Fixture {
  readonly kv: MvccKv;
  readonly clock: ManualClock;
  readonly storage: Storage;
}

export type Open = (deps: { kv: MvccKv; clock: ManualClock }) => Storage;

export function open(make: Open): Fixture {
  const kv = new MvccKv();
  const clock = new ManualClock();
  return { kv, clock, storage: make({ kv, clock }) };
}

export const key = (name: string, namespace = "default"): string => `${prefix}${namespace}/${name}`;

export function configMap(
  name: string,
  fields: { labels?: Record<string, string>; value?: string; namespace?: string } = {},
): KubeObject {
  const { labels, value = "1", namespace = "default" } = fields;
  return {
    kind: "ConfigMap",
    apiVersion: "v1",
    metadata: {
      name,
      namespace,
      uid: `uid-${name}`,
      creationTimestamp: "2025-01-01T00:00:00Z",
      ...(labels === undefined ? {} : { labels }),
    },
    data: { value },
  };
}

export const everything: SelectionPredicate = { empty: true, matches: () => true };

export const labelled = (name: string, value: string): SelectionPredicate => ({
  empty: false,
  matches: (object) => object.metadata.labels?.[name] === value,
});

export const list = (options: Partial<ListOptions> = {}): ListOptions => ({
  predicate: everything,
  resourceVersion: "",
  resourceVersionMatch: "",
  limit: 0,
  continue: "",
  ...options,
});

export const names = (listed: { items: readonly { object: KubeObject }[] }): (string | undefined)[] =>
  listed.items.map(({ object }) => object.metadata.name);

export async function failsWith(promise: Promise<unknown>, code: StorageErrorCode): Promise<StorageError> {
  let thrown: StorageError | undefined;
  await assert.rejects(promise, (error: StorageError) => {
    thrown = error;
    return error.code === code;
  });
  return thrown as StorageError;
}

/** Collects a watch and lets a test wait for what it shows. */
export class Recorder {
  readonly events: StorageEvent[] = [];
  ended: { error: StorageError | undefined } | undefined;
  roomFor = Number.POSITIVE_INFINITY;
  #wake: (() => void)[] = [];
  readonly close: () => void;

  constructor(storage: Storage, watched: string, options: Partial<WatchOptions> = {}) {
    const watch = storage.watch(
      watched,
      {
        predicate: everything,
        resourceVersion: "",
        allowBookmarks: false,
        sendInitialEvents: false,
        ...options,
      },
      {
        onEvents: (events) => {
          if (this.events.length + events.length > this.roomFor) return false;
          this.events.push(...events);
          this.#notify();
          return true;
        },
        onClosed: (error) => {
          assert.equal(this.ended, undefined, "onClosed comes once");
          this.ended = { error };
          this.#notify();
        },
      },
    );
    this.close = () => watch.close();
  }

  #notify(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }

  /** Events as `TYPE name@revision`. */
  get told(): string[] {
    return this.events.map((event) =>
      event.type === "BOOKMARK"
        ? `BOOKMARK${event.initialEventsEnd ? " end" : ""}@${event.resourceVersion}`
        : `${event.type} ${event.stored.object.metadata.name}@${event.stored.resourceVersion}`,
    );
  }

  async until(done: () => boolean): Promise<void> {
    while (!done()) await new Promise<void>((resolve) => this.#wake.push(resolve));
  }

  async count(events: number): Promise<string[]> {
    await this.until(() => this.events.length >= events || this.ended !== undefined);
    return this.told;
  }

  async end(): Promise<StorageError | undefined> {
    await this.until(() => this.ended !== undefined);
    return this.ended?.error;
  }
}

/** Lets everything that is already under way happen. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}

export function storageContract(name: string, make: Open): void {
  describe(`${name}: writes`, () => writesContract(make));
  describe(`${name}: lists`, () => listsContract(make));
  describe(`${name}: watches`, () => watchesContract(make));
}

function writesContract(make: Open): void {
  test("what is created can be read back, its resourceVersion the revision of the write", async () => {
    const { storage, kv } = open(make);
    const created = await storage.create(key("a"), configMap("a"));
    assert.equal(created.resourceVersion, String(kv.mvcc.revision));
    assert.equal(created.object.metadata.resourceVersion, created.resourceVersion);
    const got = await storage.get(key("a"));
    assert.deepEqual(got.object, created.object);
    assert.deepEqual(JSON.parse(Buffer.from(got.json()).toString()), got.object);
  });

  test("the store holds readable JSON without a resourceVersion", async () => {
    const { storage, kv } = open(make);
    const object = configMap("a");
    object.metadata.resourceVersion = "7";
    await storage.create(key("a"), object);
    const { kvs } = await kv.range({ key: Buffer.from(key("a")) });
    assert.deepEqual(JSON.parse(Buffer.from(kvs[0]?.value as Uint8Array).toString()), configMap("a"));
  });

  test("a name is created once", async () => {
    const { storage } = open(make);
    await storage.create(key("a"), configMap("a"));
    await failsWith(storage.create(key("a"), configMap("a")), "KEY_EXISTS");
  });

  test("JSON goes where a list has room for it", async () => {
    const { storage } = open(make);
    await storage.create(key("a"), configMap("a"));
    const stored = await storage.get(key("a"), { resourceVersion: "0" });
    const json = stored.json();
    const answer = Buffer.alloc(stored.jsonLength + 10, "-");
    assert.equal(stored.copyJson(answer, 5), 5 + json.length);
    assert.equal(answer.toString(), `-----${Buffer.from(json).toString()}-----`);
  });

  test("a get of a missing key says so, and of a future version waits no longer than it must", async () => {
    const { storage, clock } = open(make);
    await failsWith(storage.get(key("none")), "KEY_NOT_FOUND");
    await failsWith(storage.get(key("none"), { resourceVersion: "0" }), "KEY_NOT_FOUND");
    const future = failsWith(
      storage.get(key("none"), { resourceVersion: "99999" }),
      "TOO_LARGE_RESOURCE_VERSION",
    );
    await settle();
    clock.advance(3_000);
    assert.match((await future).message, /^Too large resource version: 99999, current: \d+$/);
    const bad = await failsWith(
      storage.get(key("none"), { resourceVersion: "abc" }),
      "INVALID_RESOURCE_VERSION",
    );
    assert.equal(
      bad.message,
      'resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": invalid syntax',
    );
  });

  test("an update that changes nothing keeps the resourceVersion, whatever the order of the fields", async () => {
    const { storage } = open(make);
    const created = await storage.create(key("a"), configMap("a", { labels: { x: "1", y: "2" } }));
    const updated = await storage.guaranteedUpdate(key("a"), () =>
      configMap("a", { labels: { y: "2", x: "1" } }),
    );
    assert.equal(updated.resourceVersion, created.resourceVersion);
    assert.equal(updated.created, false);
  });

  test("concurrent updates lose nothing", async () => {
    const { storage } = open(make);
    await storage.create(key("a"), configMap("a", { value: "0" }));
    const increment = () =>
      storage.guaranteedUpdate(key("a"), (current) =>
        configMap("a", { value: String(Number(current?.object["data"].value ?? 0) + 1) }),
      );
    await Promise.all(Array.from({ length: 20 }, increment));
    assert.equal((await storage.get(key("a"))).object["data"].value, "20");
  });

  test("an update of a missing key fails, or creates it when that is asked for", async () => {
    const { storage } = open(make);
    await failsWith(
      storage.guaranteedUpdate(key("a"), () => configMap("a")),
      "KEY_NOT_FOUND",
    );
    const seen: unknown[] = [];
    const made = await storage.guaranteedUpdate(
      key("a"),
      (current) => {
        seen.push(current);
        return configMap("a");
      },
      { createIfMissing: true },
    );
    assert.equal(made.created, true);
    assert.deepEqual(seen, [undefined]);
  });

  test("what an update throws is thrown, and nothing is written", async () => {
    const { storage } = open(make);
    const created = await storage.create(key("a"), configMap("a"));
    const refusal = new Error("no");
    const refused = storage.guaranteedUpdate(key("a"), () => {
      throw refusal;
    });
    await assert.rejects(refused, refusal);
    assert.equal((await storage.get(key("a"))).resourceVersion, created.resourceVersion);
  });

  test("a delete answers what was deleted at the revision of the delete", async () => {
    const { storage, kv } = open(make);
    await storage.create(key("a"), configMap("a"));
    const deleted = await storage.delete(key("a"));
    assert.equal(deleted.resourceVersion, String(kv.mvcc.revision));
    assert.equal(deleted.object.metadata.resourceVersion, deleted.resourceVersion);
    await failsWith(storage.get(key("a")), "KEY_NOT_FOUND");
    await failsWith(storage.delete(key("a")), "KEY_NOT_FOUND");
  });

  test("a delete is validated against what is deleted, again when that changed in between", async () => {
    const { storage, kv } = open(make);
    await storage.create(key("a"), configMap("a", { value: "1" }));
    await storage.list(prefix, list());
    const seen: string[] = [];
    let raced = false;
    kv.beforeTxn = async () => {
      if (raced) return;
      raced = true;
      await storage.guaranteedUpdate(key("a"), () => configMap("a", { value: "2" }));
    };
    await storage.delete(key("a"), (current) => void seen.push(current.object["data"].value));
    assert.deepEqual(seen, ["1", "2"]);
  });

  test("objects with a time to live share leases, and go with them", async () => {
    const { storage, kv } = open(make);
    for (const name of ["a", "b", "c"])
      await storage.create(key(name), configMap(name), { ttlSeconds: 3600 });
    assert.equal(kv.grants, 1);
    // An update keeps the object's time.
    await storage.guaranteedUpdate(key("a"), () => configMap("a", { value: "2" }));
    await kv.leases.revoke(1n as never);
    assert.deepEqual(names(await storage.list(prefix, list())), []);
  });

  test("a shared lease that is gone is replaced", async () => {
    const { storage, kv } = open(make);
    await storage.create(key("a"), configMap("a"), { ttlSeconds: 3600 });
    await kv.leases.revoke(1n as never);
    await storage.create(key("b"), configMap("b"), { ttlSeconds: 3600 });
    assert.equal(kv.grants, 2);
  });

  test("a lease takes no more after a minute", async () => {
    const { storage, kv, clock } = open(make);
    await storage.create(key("a"), configMap("a"), { ttlSeconds: 3600 });
    clock.advance(60_000);
    await storage.create(key("b"), configMap("b"), { ttlSeconds: 3600 });
    assert.equal(kv.grants, 2);
  });

  test("a value that somebody else wrote in another layout is served as JSON with its resourceVersion", async () => {
    const { storage, kv } = open(make);
    const value = Buffer.from(
      JSON.stringify({ data: {}, metadata: { name: "a", namespace: "default" }, kind: "ConfigMap" }, null, 2),
    );
    await kv.txn({
      compare: [],
      success: [{ type: "put", key: Buffer.from(key("a")), value, lease: 0n as never }],
      failure: [],
    });
    const stored = await storage.get(key("a"));
    assert.equal(
      JSON.parse(Buffer.from(stored.json()).toString()).metadata.resourceVersion,
      String(kv.mvcc.revision),
    );
  });

  test("a value that is no JSON is named as corrupt", async () => {
    const { storage, kv } = open(make);
    const put = {
      type: "put",
      key: Buffer.from(key("a")),
      value: Buffer.from("{"),
      lease: 0n as never,
    } as const;
    await kv.txn({ compare: [], success: [put], failure: [] });
    const error = await failsWith(
      storage.get(key("a")).then((stored) => stored.object),
      "CORRUPT_OBJECT",
    );
    assert.match(error.message, /configmaps\/default\/a/);
  });
}

async function fill(storage: Storage, count: number): Promise<string[]> {
  const versions: string[] = [];
  for (let i = 0; i < count; i++) {
    const created = await storage.create(
      key(`c${i}`),
      configMap(`c${i}`, { labels: { odd: i % 2 ? "yes" : "no" } }),
    );
    versions.push(created.resourceVersion);
  }
  return versions;
}

function listsContract(make: Open): void {
  test("a list is in the order of keys and of one namespace where one is asked for", async () => {
    const { storage } = open(make);
    for (const name of ["b", "a", "é", "z", "\u{10000}", "\uffee"])
      await storage.create(key(name), configMap(name));
    await storage.create(key("a", "other"), configMap("a", { namespace: "other" }));
    assert.deepEqual(names(await storage.list(`${prefix}default/`, list())), [
      "a",
      "b",
      "z",
      "é",
      "\uffee",
      "\u{10000}",
    ]);
    assert.equal((await storage.list(prefix, list())).items.length, 7);
  });

  test("pages join to the whole list of one revision, whatever is written in between", async () => {
    const { storage } = open(make);
    await fill(storage, 7);
    const first = await storage.list(prefix, list({ limit: 3 }));
    assert.deepEqual(names(first), ["c0", "c1", "c2"]);
    assert.equal(first.remainingItemCount, 4);
    await storage.create(key("c2a"), configMap("c2a"));
    await storage.delete(key("c4"));
    const second = await storage.list(prefix, list({ limit: 3, continue: first.continue }));
    assert.deepEqual(names(second), ["c3", "c4", "c5"]);
    assert.equal(second.remainingItemCount, 1);
    assert.equal(second.resourceVersion, first.resourceVersion);
    const third = await storage.list(prefix, list({ limit: 3, continue: second.continue }));
    assert.deepEqual(names(third), ["c6"]);
    assert.equal(third.continue, "");
    assert.equal(third.remainingItemCount, undefined);
  });

  test("a continue token is upstream's", async () => {
    const { storage } = open(make);
    await fill(storage, 2);
    const page = await storage.list(prefix, list({ limit: 1 }));
    assert.equal(
      Buffer.from(page.continue, "base64url").toString(),
      `{"v":"meta.k8s.io/v1","rv":${page.resourceVersion},"start":"default/c0\\u0000"}`,
    );
  });

  test("a selective page is filled past what does not match", async () => {
    const { storage } = open(make);
    await fill(storage, 9);
    const page = await storage.list(prefix, list({ limit: 3, predicate: labelled("odd", "yes") }));
    assert.deepEqual(names(page), ["c1", "c3", "c5"]);
    assert.equal(page.remainingItemCount, undefined);
    const rest = await storage.list(
      prefix,
      list({ limit: 3, predicate: labelled("odd", "yes"), continue: page.continue }),
    );
    assert.deepEqual(names(rest), ["c7"]);
  });

  test("a limit is ignored by a list of any version", async () => {
    const { storage } = open(make);
    await fill(storage, 3);
    assert.equal((await storage.list(prefix, list({ limit: 1, resourceVersion: "0" }))).items.length, 3);
  });

  test("Exact, and a limit with a version, read that version", async () => {
    const { storage } = open(make);
    const versions = await fill(storage, 3);
    const exact = { resourceVersion: versions[0] as string, resourceVersionMatch: "Exact" } as const;
    const listed = await storage.list(prefix, list(exact));
    assert.deepEqual(names(listed), ["c0"]);
    assert.equal(listed.resourceVersion, versions[0]);
    const legacy = await storage.list(prefix, list({ resourceVersion: versions[1] as string, limit: 5 }));
    assert.deepEqual(names(legacy), ["c0", "c1"]);
    const notOlder = await storage.list(
      prefix,
      list({ resourceVersion: versions[0] as string, resourceVersionMatch: "NotOlderThan" }),
    );
    assert.equal(notOlder.items.length, 3);
  });

  test("a version of the future is refused", async () => {
    const { storage, clock } = open(make);
    await fill(storage, 1);
    for (const resourceVersionMatch of ["", "Exact", "NotOlderThan"] as const) {
      const listing = storage.list(prefix, list({ resourceVersion: "99999999", resourceVersionMatch }));
      const failure = failsWith(listing, "TOO_LARGE_RESOURCE_VERSION");
      await settle();
      clock.advance(3_000);
      assert.match((await failure).message, /^Too large resource version: 99999999, current: \d+$/);
    }
  });

  test("a version before the compaction is expired; a continue gets a token to go on inconsistently", async () => {
    const { storage, kv } = open(make);
    const versions = await fill(storage, 4);
    const page = await storage.list(prefix, list({ limit: 2 }));
    await storage.create(key("c9"), configMap("c9"));
    await kv.compact(kv.mvcc.revision);
    const exact = { resourceVersion: versions[0] as string, resourceVersionMatch: "Exact" } as const;
    const old = await failsWith(storage.list(prefix, list(exact)), "EXPIRED");
    assert.equal(old.message, "The resourceVersion for the provided list is too old.");
    const expired = await failsWith(
      storage.list(prefix, list({ limit: 2, continue: page.continue })),
      "EXPIRED",
    );
    assert.match(
      expired.message,
      /^The provided continue parameter is too old to display a consistent list result\./,
    );
    const rest = await storage.list(prefix, list({ continue: expired.details.continue as string }));
    assert.deepEqual(names(rest), ["c2", "c3", "c9"]);
  });

  test("bad tokens and versions are refused with upstream's texts", async () => {
    const { storage } = open(make);
    await fill(storage, 2);
    const { continue: token } = await storage.list(prefix, list({ limit: 1 }));
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const cases: [Partial<ListOptions>, StorageErrorCode, string | RegExp][] = [
      [
        { continue: "garbage" },
        "INVALID_CONTINUE",
        "invalid continue token: continue key is not valid: invalid character '\\u0081' looking for beginning of value",
      ],
      [
        { continue: "e30" },
        "INVALID_CONTINUE",
        "invalid continue token: continue key is not valid: server does not recognize this encoded version ",
      ],
      [
        { continue: token, resourceVersion: "5" },
        "INVALID_CONTINUE",
        "specifying resource version is not allowed when using continue",
      ],
      [
        { continue: encode({ v: "meta.k8s.io/v1", rv: 5, start: "../secrets/x" }) },
        "INVALID_CONTINUE",
        "invalid continue token: continue key is not valid: ../secrets/x",
      ],
      [
        { continue: encode({ v: "meta.k8s.io/v1", rv: 0, start: "x" }) },
        "INVALID_CONTINUE",
        /incorrect encoded start/,
      ],
      [
        { resourceVersion: "-1" },
        "INVALID_RESOURCE_VERSION",
        'invalid resource version: resourceVersion: Invalid value: "-1": strconv.ParseUint: parsing "-1": invalid syntax',
      ],
    ];
    for (const [options, code, message] of cases) {
      const error = await failsWith(
        Promise.resolve().then(() => storage.list(prefix, list(options))),
        code,
      );
      if (typeof message === "string") assert.equal(error.message, message);
      else assert.match(error.message, message);
    }
  });

  test("a list by name sees only that name", async () => {
    const { storage } = open(make);
    await fill(storage, 3);
    const predicate: SelectionPredicate = {
      empty: false,
      name: "c1",
      matches: (object) => object.metadata.name === "c1",
    };
    assert.deepEqual(names(await storage.list(`${prefix}default/`, list({ predicate }))), ["c1"]);
    assert.deepEqual(names(await storage.list(prefix, list({ predicate }))), ["c1"]);
    assert.deepEqual(names(await storage.list(`${prefix}other/`, list({ predicate }))), []);
  });

  test("counts follow what is there", async () => {
    const { storage } = open(make);
    await fill(storage, 3);
    assert.equal(await storage.count(prefix), 3);
    await storage.list(prefix, list());
    await storage.delete(key("c1"));
    assert.equal(await storage.count(`${prefix}default/`), 2);
    assert.equal(await storage.count(`${prefix}other/`), 0);
  });

  test("the newest revision is the store's, whoever wrote it", async () => {
    const { storage, kv } = open(make);
    await kv.txn({
      compare: [],
      success: [{ type: "put", key: Buffer.from("/x"), value: Buffer.from("1"), lease: 0n as never }],
      failure: [],
    });
    assert.equal(await storage.currentResourceVersion(), String(kv.mvcc.revision));
    const listed = await storage.list(prefix, list());
    assert.ok(Number(listed.resourceVersion) >= kv.mvcc.revision);
  });
}

function watchesContract(make: Open): void {
  test("a watch from a revision shows every later change once and in order, then what happens next", async () => {
    const { storage } = open(make);
    const created = await storage.create(key("a"), configMap("a"));
    await storage.list(prefix, list());
    await storage.guaranteedUpdate(key("a"), () => configMap("a", { value: "2" }));
    await storage.create(key("b"), configMap("b"));
    const recorder = new Recorder(storage, prefix, { resourceVersion: created.resourceVersion });
    await recorder.count(2);
    const deleted = await storage.delete(key("a"));
    const at = Number(created.resourceVersion);
    assert.deepEqual(await recorder.count(3), [
      `MODIFIED a@${at + 1}`,
      `ADDED b@${at + 2}`,
      `DELETED a@${at + 3}`,
    ]);
    const last = recorder.events[2];
    assert.equal(last?.type === "DELETED" && last.stored.object["data"].value, "2");
    assert.equal(
      last?.type === "DELETED" && last.stored.object.metadata.resourceVersion,
      deleted.resourceVersion,
    );
    recorder.close();
  });

  for (const resourceVersion of ["", "0"]) {
    test(`a watch from "${resourceVersion}" begins with what is there`, async () => {
      const { storage } = open(make);
      await fill(storage, 2);
      const recorder = new Recorder(storage, prefix, { resourceVersion });
      await recorder.count(2);
      await storage.create(key("d"), configMap("d"));
      assert.deepEqual(
        (await recorder.count(3)).map((told) => told.replace(/@.*/, "")),
        ["ADDED c0", "ADDED c1", "ADDED d"],
      );
      recorder.close();
    });
  }

  test("entering a selection is ADDED, leaving it DELETED with the old object at the new revision", async () => {
    const { storage } = open(make);
    const front = labelled("tier", "front");
    const start = await storage.create(key("a"), configMap("a", { labels: { tier: "back" } }));
    await storage.list(prefix, list());
    const recorder = new Recorder(storage, prefix, {
      predicate: front,
      resourceVersion: start.resourceVersion,
    });
    const set = (tier: string) =>
      storage.guaranteedUpdate(key("a"), () => configMap("a", { labels: { tier } }));
    await set("front");
    const left = await set("back");
    await storage.guaranteedUpdate(key("a"), () => configMap("a", { labels: { tier: "back" }, value: "3" }));
    await set("front");
    const at = Number(start.resourceVersion);
    assert.deepEqual(await recorder.count(3), [
      `ADDED a@${at + 1}`,
      `DELETED a@${at + 2}`,
      `ADDED a@${at + 4}`,
    ]);
    const event = recorder.events[1];
    assert.ok(event?.type === "DELETED");
    assert.deepEqual(event.stored.object.metadata.labels, { tier: "front" });
    assert.equal(
      JSON.parse(Buffer.from(event.stored.json()).toString()).metadata.resourceVersion,
      left.resourceVersion,
    );
    recorder.close();
  });

  test("a watch of a namespace or a name sees nothing else", async () => {
    const { storage } = open(make);
    await storage.list(prefix, list());
    const ofNamespace = new Recorder(storage, `${prefix}other/`, { resourceVersion: "0" });
    const predicate: SelectionPredicate = {
      empty: false,
      name: "b",
      matches: (object) => object.metadata.name === "b",
    };
    const ofName = new Recorder(storage, `${prefix}default/`, { resourceVersion: "0", predicate });
    await settle();
    await storage.create(key("a"), configMap("a"));
    await storage.create(key("b"), configMap("b"));
    await storage.create(key("b", "other"), configMap("b", { namespace: "other" }));
    assert.deepEqual(
      (await ofName.count(1)).map((told) => told.slice(0, 7)),
      ["ADDED b"],
    );
    const seen = await ofNamespace.count(1);
    assert.equal(seen.length, 1);
    assert.equal((ofNamespace.events[0] as { stored: { key: string } }).stored.key, key("b", "other"));
    assert.equal(ofName.events.length, 1);
  });

  test("a watch from a compacted revision ends as expired", async () => {
    const { storage, kv } = open(make);
    await fill(storage, 3);
    await kv.compact(kv.mvcc.revision);
    const recorder = new Recorder(storage, prefix, { resourceVersion: "1" });
    assert.equal((await recorder.end())?.code, "EXPIRED");
    assert.deepEqual(recorder.told, []);
  });

  test("a watch from the future shows nothing until then", async () => {
    const { storage } = open(make);
    await fill(storage, 1);
    await storage.list(prefix, list());
    const future = Number(await storage.currentResourceVersion()) + 1;
    const recorder = new Recorder(storage, prefix, { resourceVersion: String(future) });
    await settle();
    await storage.create(key("x"), configMap("x"));
    await storage.create(key("y"), configMap("y"));
    assert.deepEqual(await recorder.count(1), [`ADDED y@${future + 1}`]);
  });

  test("a watch from what is no number is refused at once", () => {
    const { storage } = open(make);
    assert.throws(() => new Recorder(storage, prefix, { resourceVersion: "abc" }), {
      code: "INVALID_RESOURCE_VERSION",
    });
  });

  test("a streaming list is what is there and a bookmark that ends it", async () => {
    const { storage } = open(make);
    await fill(storage, 2);
    const recorder = new Recorder(storage, prefix, { sendInitialEvents: true, allowBookmarks: true });
    const told = await recorder.count(3);
    assert.deepEqual(
      told.map((text) => text.replace(/@.*/, "")),
      ["ADDED c0", "ADDED c1", "BOOKMARK end"],
    );
    const end = recorder.events[2];
    assert.ok(
      end?.type === "BOOKMARK" &&
        Number(end.resourceVersion) >= Number(await storage.currentResourceVersion()),
    );
    const silent = new Recorder(storage, prefix, { sendInitialEvents: true, allowBookmarks: false });
    await silent.count(2);
    await settle();
    assert.equal(silent.events.length, 2);
  });

  test("a watcher without room is closed and harms nobody", async () => {
    const { storage } = open(make);
    await storage.list(prefix, list());
    const slow = new Recorder(storage, prefix, { resourceVersion: "0" });
    const good = new Recorder(storage, prefix, { resourceVersion: "0" });
    slow.roomFor = 2;
    await settle();
    await fill(storage, 5);
    assert.equal(await slow.end(), undefined);
    assert.equal((await good.count(5)).length, 5);
    assert.equal(slow.events.length, 2);
  });

  test("a closed watch is silent", async () => {
    const { storage } = open(make);
    const recorder = new Recorder(storage, prefix, { resourceVersion: "0" });
    await settle();
    recorder.close();
    await storage.create(key("a"), configMap("a"));
    await settle();
    assert.deepEqual(recorder.told, []);
    assert.equal(recorder.ended, undefined);
  });

  test("every watcher that starts anywhere ends with the same state (random)", async () => {
    const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));
    await randomWatchers(make, seed);
  });
}

async function randomWatchers(make: Open, seed: number): Promise<void> {
  const { seededPrng } = await import("../../src/base/index.ts");
  const random = seededPrng(seed);
  const pick = (count: number) => Math.floor(random() * count);
  const { storage } = open(make);
  await storage.list(prefix, list());
  const front = labelled("tier", "front");
  const watched: { recorder: Recorder; state: Map<string, string>; predicate: SelectionPredicate }[] = [];
  for (let step = 0; step < 200; step++) {
    const name = `n${pick(8)}`;
    const action = pick(4);
    const object = configMap(name, { labels: { tier: pick(2) ? "front" : "back" }, value: String(step) });
    if (action === 0) await storage.delete(key(name)).catch(() => {});
    else await storage.guaranteedUpdate(key(name), () => object, { createIfMissing: true });
    if (pick(10) > 0) continue;
    const predicate = pick(2) ? front : everything;
    if (pick(2)) {
      watched.push({
        recorder: new Recorder(storage, prefix, { predicate, resourceVersion: "0" }),
        state: new Map(),
        predicate,
      });
    } else {
      const listed = await storage.list(prefix, list({ predicate }));
      const state = new Map(listed.items.map((item) => [item.key, item.resourceVersion]));
      const recorder = new Recorder(storage, prefix, { predicate, resourceVersion: listed.resourceVersion });
      watched.push({ recorder, state, predicate });
    }
  }
  await settle();
  for (const { recorder, state, predicate } of watched) {
    let last = 0;
    for (const event of recorder.events) {
      if (event.type === "BOOKMARK") continue;
      const where = `${event.type} ${event.stored.key}@${event.stored.resourceVersion} (SEED=${seed})`;
      assert.equal(state.has(event.stored.key), event.type !== "ADDED", where);
      const isInitial = Number(event.stored.resourceVersion) <= last;
      if (!isInitial) last = Number(event.stored.resourceVersion);
      if (event.type === "DELETED") state.delete(event.stored.key);
      else state.set(event.stored.key, event.stored.resourceVersion);
    }
    const listed = await storage.list(prefix, list({ predicate }));
    const expected = listed.items.map((item) => [item.key, item.resourceVersion]);
    assert.deepEqual([...state].sort(), expected.sort(), `SEED=${seed}`);
  }
}

export const revision = (number: number): Revision => number as Revision;
