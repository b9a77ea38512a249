import assert from "node:assert/strict";
import { test } from "node:test";
import { KvError } from "../../src/kv/index.ts";
import { nodePlatform } from "../../src/platform/index.ts";
import { type Ask, asker } from "./asker.ts";
import { openServer } from "./open-server.ts";

const apply = "application/apply-patch+yaml";

test("who may change objects and not make them makes none, neither by applying them nor by a PUT", async () => {
  const opened = openServer();
  const admin = asker(opened);
  const alice = asker(opened, "user-token");
  const rbac = "/apis/rbac.authorization.k8s.io/v1";
  const allow = async (name: string, verbs: string[]): Promise<void> => {
    const rules = [
      { apiGroups: ["", "rbac.authorization.k8s.io"], resources: ["namespaces", "clusterroles"], verbs },
    ];
    const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name };
    const subjects = [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "alice" }];
    assert.equal((await admin("POST", `${rbac}/clusterroles`, { metadata: { name }, rules })).status, 201);
    const binding = { metadata: { name }, roleRef, subjects };
    assert.equal((await admin("POST", `${rbac}/clusterrolebindings`, binding)).status, 201);
  };
  const applied = async (): Promise<string> => {
    const object = { apiVersion: "v1", kind: "Namespace", metadata: { name: "made" } };
    const { status, body } = await alice("PATCH", "/api/v1/namespaces/made?fieldManager=a", object, apply);
    return `${status} ${body.message ?? ""}`;
  };
  const put = async (): Promise<string> => {
    const object = {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRole",
      metadata: { name: "made" },
    };
    const { status, body } = await alice("PUT", `${rbac}/clusterroles/made`, object);
    return `${status} ${body.message ?? ""}`;
  };
  await allow("changes", ["patch", "update"]);
  const refused = (resource: string, group: string): string =>
    `User "alice" cannot create resource "${resource}" in API group "${group}" `;
  assert.equal(
    await applied(),
    `403 namespaces "made" is forbidden: ${refused("namespaces", "")}in the namespace "made"`,
  );
  assert.equal(
    await put(),
    `403 clusterroles.rbac.authorization.k8s.io "made" is forbidden: ${refused("clusterroles", "rbac.authorization.k8s.io")}at the cluster scope`,
  );
  await allow("makes", ["create"]);
  assert.deepEqual([await applied(), await put()], ["201 ", "201 "]);
  await opened.close();
});

/** A ConfigMap that fits into the store, but not together with who owns each of its keys. */
function large(name: string) {
  const keys = Array.from(
    { length: 9_999 },
    (_, i) => `this-key-is-as-long-as-to-make-a-very-large-set-of-fields-of-it-${i}`,
  );
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name },
    data: Object.fromEntries(keys.map((key) => [key, "A"])),
  };
}

test("an object that is too large with its managed fields is stored without them, but never when it is applied", async () => {
  const opened = openServer();
  const limit = 1_400_000;
  const { kv } = opened;
  const txn = kv.txn.bind(kv);
  kv.txn = (asked) => {
    const [op] = asked.success;
    if (op?.type === "put" && op.value.length > limit)
      throw new KvError("REQUEST_TOO_LARGE", "etcdserver: request is too large");
    return txn(asked);
  };
  const ask: Ask = asker(opened);
  await ask("POST", "/api/v1/namespaces", { metadata: { name: "default" } });
  const maps = "/api/v1/namespaces/default/configmaps";
  const made = await ask("POST", maps, large("made"));
  assert.deepEqual([made.status, made.body.metadata?.managedFields], [201, undefined], made.body.message);
  await ask("POST", maps, { metadata: { name: "small" } });
  const { data } = large("small");
  const patched = await ask("PATCH", `${maps}/small`, { data }, "application/merge-patch+json");
  assert.deepEqual(
    [patched.status, patched.body.metadata?.managedFields],
    [200, undefined],
    patched.body.message,
  );
  const path = `${maps}/small?fieldManager=a&force=true`;
  const applied = await ask("PATCH", path, { ...large("small"), metadata: { name: "small" } }, apply);
  assert.deepEqual([applied.status, applied.body.message], [500, "etcdserver: request is too large"]);
  await opened.close();
});

test("applying the same again a moment later writes nothing, whatever is said of when the object was made", async () => {
  const { clock } = nodePlatform();
  const start = clock.now();
  let asked = 0;
  const opened = openServer({
    clock: { ...clock, now: () => start + 2000 * asked++, monotonic: () => clock.monotonic() },
  });
  const ask = asker(opened);
  await ask("POST", "/api/v1/namespaces", { metadata: { name: "default" } });
  const object = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "same", creationTimestamp: null },
    data: { key: "value" },
  };
  const path = "/api/v1/namespaces/default/configmaps/same?fieldManager=a";
  const first = await ask("PATCH", path, object, apply);
  const second = await ask("PATCH", path, object, apply);
  assert.deepEqual([first.status, second.status, second.body], [201, 200, first.body]);
  await opened.close();
});
