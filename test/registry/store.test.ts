import assert from "node:assert/strict";
import { test } from "node:test";
import { type KubeObject, StatusError } from "../../src/apimachinery/index.ts";
import type { NextObject } from "../../src/registry/index.ts";
import { openStore, requestContext } from "./open-store.ts";

const configMap = (name: string, fields: object = {}): KubeObject => ({
  kind: "ConfigMap",
  apiVersion: "v1",
  metadata: { name, namespace: "default" },
  ...fields,
});

const changed =
  (change: (object: KubeObject) => void): NextObject =>
  (current) => {
    const next = structuredClone(current?.object) as KubeObject;
    change(next);
    return next;
  };

async function refusal(promise: Promise<unknown>): Promise<StatusError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof StatusError, String(error));
    return error;
  }
  assert.fail("it was not refused");
}

test("a created object has an identity of the server's making, whatever the client sent", async () => {
  const { store } = openStore();
  const object = configMap("a", { data: { k: "v" } });
  Object.assign(object.metadata, {
    uid: "mine",
    creationTimestamp: "2001-01-01T00:00:00Z",
    deletionTimestamp: "2001-01-01T00:00:00Z",
  });
  const { object: stored } = await store.create(object, requestContext(), {});
  assert.match(stored.metadata.uid ?? "", /^00000000-/);
  assert.equal(stored.metadata.creationTimestamp, "2023-11-14T22:13:20Z");
  assert.equal(stored.metadata.deletionTimestamp, undefined);
  assert.match(stored.metadata.resourceVersion ?? "", /^\d+$/);
});

test("a name that is taken is a 409, and says so when the old object is on its way out", async () => {
  const { store } = openStore();
  const held = configMap("a");
  held.metadata.finalizers = ["example.com/hold"];
  await store.create(held, requestContext(), {});
  assert.equal((await refusal(store.create(configMap("a"), requestContext(), {}))).reason, "AlreadyExists");
  await store.delete("a", requestContext(), {});
  const error = await refusal(store.create(configMap("a"), requestContext(), {}));
  assert.equal(error.status.message, 'object is being deleted: configmaps "a" already exists');
});

test("generateName tries another suffix when the first is taken", async () => {
  const { store } = openStore();
  const create = (): Promise<{ object: KubeObject }> => {
    const object = configMap("");
    delete object.metadata.name;
    object.metadata.generateName = "gen-";
    return store.create(object, requestContext(), {});
  };
  const names = new Set<string>();
  for (let i = 0; i < 5; i++) names.add((await create()).object.metadata.name as string);
  assert.equal(names.size, 5);
  for (const name of names) assert.match(name, /^gen-[a-z0-9]{5}$/);
});

test("a name that is given and taken is told as a generated one where a generateName stands beside it", async () => {
  const { store } = openStore();
  await store.create(configMap("a"), requestContext(), {});
  const object = configMap("a");
  object.metadata.generateName = "gen-";
  await assert.rejects(store.create(object, requestContext(), {}), {
    message:
      'configmaps "a" already exists, the server was not able to generate a unique name for the object',
  });
});

test("a dry run stores nothing, and still finds the name taken", async () => {
  const { store } = openStore();
  const dryRun = requestContext({ dryRun: true });
  const { object } = await store.create(configMap("a"), dryRun, {});
  assert.equal(object.metadata.resourceVersion, undefined);
  assert.equal((await refusal(store.get("a", requestContext()))).code, 404);
  await store.create(configMap("a"), requestContext(), {});
  assert.equal((await refusal(store.create(configMap("a"), dryRun, {}))).reason, "AlreadyExists");
  await store.update(
    "a",
    changed((next) => (next["data"] = { k: "v" })),
    dryRun,
    {},
  );
  await store.delete("a", dryRun, {});
  assert.equal((await store.get("a", requestContext())).object["data"], undefined);
});

test("an update with a stale resourceVersion is refused, one without is not", async () => {
  const { store } = openStore();
  const first = await store.create(configMap("a"), requestContext(), {});
  await store.update(
    "a",
    changed((next) => (next["data"] = { k: "1" })),
    requestContext(),
    {},
  );
  const stale = configMap("a", { data: { k: "2" } });
  stale.metadata.resourceVersion = first.resourceVersion;
  assert.equal((await refusal(store.update("a", () => stale, requestContext(), {}))).reason, "Conflict");
  const unconditional = await store.update(
    "a",
    () => configMap("a", { data: { k: "3" } }),
    requestContext(),
    {},
  );
  assert.deepEqual(unconditional.object["data"], { k: "3" });
  assert.equal(unconditional.object.metadata.uid, first.object.metadata.uid);
});

test("a strategy that forbids unconditional updates names the field that is missing", async () => {
  const { store } = openStore({ allowUnconditionalUpdate: false });
  await store.create(configMap("a"), requestContext(), {});
  const error = await refusal(store.update("a", () => configMap("a"), requestContext(), {}));
  assert.equal(
    error.message,
    'configmaps "a" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update',
  );
});

test("an update that changes nothing keeps the resourceVersion", async () => {
  const { store } = openStore();
  const first = await store.create(configMap("a", { data: { b: "2", a: "1" } }), requestContext(), {});
  const again = await store.update(
    "a",
    changed((next) => (next["data"] = { a: "1", b: "2" })),
    requestContext(),
    {},
  );
  assert.equal(again.resourceVersion, first.resourceVersion);
});

test("two updates at once are both kept: the loser is made again on what the winner wrote", async () => {
  const { store } = openStore();
  await store.create(configMap("a", { data: {} }), requestContext(), {});
  const add = (key: string): Promise<unknown> =>
    store.update(
      "a",
      changed((next) => {
        next["data"] = { ...next["data"], [key]: "x" };
      }),
      requestContext(),
      {},
    );
  await Promise.all(["a", "b", "c", "d"].map(add));
  const { object } = await store.get("a", requestContext());
  assert.deepEqual(Object.keys(object["data"]).sort(), ["a", "b", "c", "d"]);
});

test("a PUT creates only where the strategy allows it", async () => {
  const refusing = openStore().store;
  assert.equal((await refusal(refusing.update("a", () => configMap("a"), requestContext(), {}))).code, 404);
  const allowing = openStore({ allowCreateOnUpdate: true }).store;
  const stored = await allowing.update("a", () => configMap("a"), requestContext(), {});
  assert.equal(stored.created, true);
  assert.notEqual(stored.object.metadata.uid, undefined);
});

test("an object without finalizers is gone at once, and DELETE answers a Status", async () => {
  const { store } = openStore();
  const { object } = await store.create(configMap("a"), requestContext(), {});
  const { removed, status } = await store.delete("a", requestContext(), {});
  assert.equal(removed, true);
  assert.deepEqual(status?.details, { name: "a", kind: "configmaps", uid: object.metadata.uid });
  assert.equal((await refusal(store.get("a", requestContext()))).reason, "NotFound");
});

test("finalizers hold an object until the last is taken, and then it goes with that update", async () => {
  const { store } = openStore();
  const object = configMap("a");
  object.metadata.finalizers = ["example.com/one", "example.com/two"];
  await store.create(object, requestContext(), {});
  const { removed, object: marked } = await store.delete("a", requestContext(), {});
  assert.equal(removed, false);
  assert.equal(marked.object.metadata.deletionGracePeriodSeconds, 0);
  const keep = (left: string[]): NextObject => changed((next) => (next.metadata.finalizers = left));
  await store.update("a", keep(["example.com/two"]), requestContext(), {});
  const last = await store.update("a", keep([]), requestContext(), {});
  assert.notEqual(last.object.metadata.deletionTimestamp, undefined);
  assert.equal((await refusal(store.get("a", requestContext()))).code, 404);
});

test("propagation leaves its finalizer for the garbage collector", async () => {
  for (const [propagationPolicy, finalizer] of [
    ["Foreground", "foregroundDeletion"],
    ["Orphan", "orphan"],
  ] as const) {
    const { store } = openStore();
    await store.create(configMap("a"), requestContext(), {});
    const { object, removed } = await store.delete("a", requestContext(), { propagationPolicy });
    assert.equal(removed, false);
    assert.deepEqual(object.object.metadata.finalizers, [finalizer]);
    const again = await store.delete("a", requestContext(), { propagationPolicy: "Background" });
    assert.equal(again.removed, true);
  }
});

test("a grace period is counted from the DELETE, may be shortened, and ends with grace 0", async () => {
  const { store } = openStore({
    gracePeriodSeconds: (_, requested) => requested ?? 30,
    returnDeletedObject: true,
  });
  await store.create(configMap("a"), requestContext(), {});
  const now = 1_700_000_000_000;
  const first = await store.delete("a", requestContext({ now }), {});
  assert.equal(first.object.object.metadata.deletionTimestamp, "2023-11-14T22:13:50Z");
  const longer = await store.delete("a", requestContext({ now: now + 5000 }), { gracePeriodSeconds: 60 });
  assert.equal(longer.object.object.metadata.deletionGracePeriodSeconds, 30);
  const shorter = await store.delete("a", requestContext({ now: now + 5000 }), { gracePeriodSeconds: 10 });
  assert.equal(shorter.object.object.metadata.deletionTimestamp, "2023-11-14T22:13:30Z");
  const last = await store.delete("a", requestContext(), { gracePeriodSeconds: 0 });
  assert.equal(last.removed, true);
  assert.equal(last.status, undefined);
});

test("preconditions protect an object that is not the one meant", async () => {
  const { store } = openStore();
  const { resourceVersion } = await store.create(configMap("a"), requestContext(), {});
  const uid = "11111111-1111-4111-8111-111111111111";
  assert.equal(
    (await refusal(store.delete("a", requestContext(), { preconditions: { uid } }))).reason,
    "Conflict",
  );
  await store.update(
    "a",
    changed((next) => (next["data"] = { k: "v" })),
    requestContext(),
    {},
  );
  const stale = store.delete("a", requestContext(), { preconditions: { resourceVersion } });
  assert.equal((await refusal(stale)).reason, "Conflict");
  await store.get("a", requestContext());
});

test("deletecollection removes what its selector matches and leaves the rest", async () => {
  const { store } = openStore();
  for (let i = 0; i < 20; i++)
    await store.create(configMap(`c${i}`, { data: { odd: String(i % 2) } }), requestContext(), {});
  const query = {
    namespace: "default",
    predicate: { matches: (object: KubeObject) => object["data"].odd === "1", empty: false },
    resourceVersion: "",
    resourceVersionMatch: "",
    limit: 0,
    continue: "",
  } as const;
  const removed = await store.deleteCollection(query, requestContext(), {});
  assert.equal(removed.items.length, 10);
  const left = await store.list(
    { ...query, predicate: { matches: () => true, empty: true } },
    requestContext(),
  );
  assert.deepEqual(
    left.items.map(({ object }) => object["data"].odd),
    Array(10).fill("0"),
  );
});

test("what a strategy took goes back when the request fails, and is kept when it is stored", async () => {
  const outcomes: string[] = [];
  const { store } = openStore({
    beginCreate: async () => (outcome) => void outcomes.push(outcome),
    validate: (object) =>
      object["data"]?.bad === undefined
        ? []
        : [{ type: "FieldValueInvalid", field: "data.bad", badValue: "x", detail: "is bad" }],
  });
  await refusal(store.create(configMap("a", { data: { bad: "x" } }), requestContext(), {}));
  await store.create(configMap("a"), requestContext(), {});
  await refusal(store.create(configMap("a"), requestContext(), {}));
  assert.deepEqual(outcomes, ["failed", "stored", "failed"]);
});

test("a name with a slash never becomes a key of another object", async () => {
  const { store } = openStore();
  for (const name of ["../secrets/x", "a/b", "..", "."]) {
    assert.equal((await refusal(store.get(name, requestContext()))).code, 400, name);
  }
});
