import assert from "node:assert/strict";
import { test } from "node:test";
import { StatusError } from "../../src/apimachinery/index.ts";
import { createInformer, createInformerFactory } from "../../src/client/index.ts";
import { createWorld, eventually, settle, type World } from "./world.ts";

const scope = { group: "", version: "v1", resource: "configmaps" };

function configMap(name: string, namespace = "default", data?: Record<string, string>) {
  return { metadata: { name, namespace }, ...(data === undefined ? {} : { data }) };
}

async function startInformer(world: World) {
  const heard: string[] = [];
  const stopping = new AbortController();
  const informer = createInformer({ ...world, scope });
  informer.addHandler({
    add: (object) => heard.push(`add ${object.metadata.name}`),
    update: (object) => heard.push(`update ${object.metadata.name}`),
    delete: (object) => heard.push(`delete ${object.metadata.name}`),
  });
  informer.start(stopping.signal);
  await informer.synced;
  return { informer, heard, stop: () => stopping.abort() };
}

test("an informer tells of what was there, then of every change, in order", async () => {
  const world = createWorld();
  await world.client.create({ ...scope, namespace: "default" }, configMap("a"));
  const { informer, heard, stop } = await startInformer(world);
  const b = await world.client.create({ ...scope, namespace: "default" }, configMap("b"));
  await world.client.update({ ...scope, namespace: "default" }, { ...b, data: { k: "v" } });
  await world.client.delete({ ...scope, namespace: "default" }, "a");
  await settle();
  assert.deepEqual(heard, ["add a", "add b", "update b", "delete a"]);
  assert.equal(informer.lister.get("default", "b")?.data.k, "v");
  assert.equal(informer.lister.get("default", "a"), undefined);
  stop();
});

test("objects of a list say their kind as those of a watch do", async () => {
  const world = createWorld();
  await world.client.create({ ...scope, namespace: "default" }, configMap("a"));
  const { informer, stop } = await startInformer(world);
  assert.equal(informer.lister.get("default", "a")?.kind, "ConfigMap");
  assert.equal(informer.lister.get("default", "a")?.apiVersion, "v1");
  stop();
});

test("who owns which field is not kept", async () => {
  const world = createWorld();
  const managed = (name: string) => ({
    metadata: { name, namespace: "default", managedFields: [{ manager: "m", operation: "Update" as const }] },
  });
  await world.client.create({ ...scope, namespace: "default" }, managed("listed"));
  const { informer, stop } = await startInformer(world);
  await world.client.create({ ...scope, namespace: "default" }, managed("watched"));
  await settle();
  assert.deepEqual(
    informer.lister.list().map(({ metadata }) => [metadata.name, "managedFields" in metadata]),
    [
      ["listed", false],
      ["watched", false],
    ],
  );
  stop();
});

test("after a watch ends the informer carries on from its last event, without listing", async () => {
  const world = createWorld();
  const { heard, stop } = await startInformer(world);
  await world.client.create({ ...scope, namespace: "default" }, configMap("a"));
  await settle();
  world.api.endWatches();
  await world.client.create({ ...scope, namespace: "default" }, configMap("b"));
  await eventually(world, "the second object is heard of", () => heard.length === 2);
  assert.deepEqual(heard, ["add a", "add b"]);
  const lists = world.api.requests.filter(
    (request) => !request.includes("watch=true") && request.startsWith("GET"),
  );
  assert.equal(lists.length, 1);
  stop();
});

test("a bookmark moves the place from which a watch is taken up", async () => {
  const world = createWorld();
  const { heard, stop } = await startInformer(world);
  await world.client.create(
    { group: "", version: "v1", resource: "secrets", namespace: "x" },
    configMap("s", "x"),
  );
  world.api.sendBookmarks();
  await settle();
  world.api.compact();
  world.api.endWatches();
  await world.client.create({ ...scope, namespace: "default" }, configMap("b"));
  await eventually(world, "the object is heard of", () => heard.length === 1);
  const lists = world.api.requests.filter(
    (request) => request === "GET /api/v1/configmaps?resourceVersion=0",
  );
  assert.equal(lists.length, 1, "a relist would mean that the bookmark was not used");
  stop();
});

test("when the version is gone the informer lists again and tells only the differences", async () => {
  const world = createWorld();
  await world.client.create({ ...scope, namespace: "default" }, configMap("kept"));
  await world.client.create({ ...scope, namespace: "default" }, configMap("gone"));
  const { heard, stop } = await startInformer(world);
  world.api.intercept = (request) =>
    request.path.includes("watch=true")
      ? new StatusError({ status: "Failure", code: 503, message: "down" })
      : undefined;
  world.api.endWatches();
  await settle();
  await world.client.delete({ ...scope, namespace: "default" }, "gone");
  await world.client.create({ ...scope, namespace: "default" }, configMap("new"));
  world.api.compact();
  world.api.intercept = undefined;
  await eventually(world, "the new object is heard of", () => heard.includes("add new"), { stepMs: 200 });
  assert.deepEqual(heard.slice(2), ["delete gone", "add new"]);
  stop();
});

test("an object made anew under its name is a deletion and an addition, even when only a relist shows it", async () => {
  const world = createWorld();
  await world.client.create({ ...scope, namespace: "default" }, configMap("a"));
  const { heard, stop } = await startInformer(world);
  world.api.endWatches();
  await world.client.delete({ ...scope, namespace: "default" }, "a");
  await world.client.create({ ...scope, namespace: "default" }, configMap("a"));
  world.api.compact();
  await eventually(world, "the new one is heard of", () => heard.length === 3);
  assert.deepEqual(heard, ["add a", "delete a", "add a"]);
  stop();
});

test("a handler that throws does not keep the others from hearing", async () => {
  const world = createWorld();
  const { informer, heard, stop } = await startInformer(world);
  informer.addHandler({
    add() {
      throw new Error("mine");
    },
  });
  const late: string[] = [];
  informer.addHandler({ add: (object) => late.push(object.metadata.name as string) });
  await world.client.create({ ...scope, namespace: "default" }, configMap("a"));
  await settle();
  assert.deepEqual([heard, late], [["add a"], ["a"]]);
  stop();
});

test("indexes follow their objects through changes", async () => {
  const world = createWorld();
  const { informer, stop } = await startInformer(world);
  informer.addIndex("colour", (object) =>
    object.data?.colour === undefined ? [] : [object.data.colour as string],
  );
  const namespaced = { ...scope, namespace: "default" };
  const a = await world.client.create(namespaced, configMap("a", "default", { colour: "red" }));
  await settle();
  assert.equal(informer.lister.byIndex("colour", "red").length, 1);
  await world.client.update(namespaced, { ...a, data: { colour: "blue" } });
  await settle();
  assert.deepEqual(
    [informer.lister.byIndex("colour", "red").length, informer.lister.byIndex("colour", "blue").length],
    [0, 1],
  );
  await world.client.delete(namespaced, "a");
  await settle();
  assert.equal(informer.lister.byIndex("colour", "blue").length, 0);
  stop();
});

test("a factory watches each resource once, however many ask for it", async () => {
  const world = createWorld();
  const factory = createInformerFactory(world);
  assert.equal(factory.informer(scope), factory.informer(scope));
  const stopping = new AbortController();
  factory.start(stopping.signal);
  await factory.synced();
  await settle();
  assert.equal(world.api.watches, 1);
  stopping.abort();
  await settle();
  assert.equal(world.api.watches, 0, "a stopped informer leaves no watch behind");
});
