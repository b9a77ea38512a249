import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { missing, runEtcdctl } from "./etcdctl.ts";
import { serveMembers } from "./members.ts";

const access = { passwordCost: 4 };

async function open(t: TestContext): Promise<(who: string, ...args: string[]) => Promise<string>> {
  const { ports } = await serveMembers(t, 3, { access });
  const endpoints = ports.map((port) => `http://127.0.0.1:${port}`).join(",");
  return (who, ...args) =>
    runEtcdctl([`--endpoints=${endpoints}`, ...(who === "" ? [] : [`--user=${who}`]), ...args]);
}

test("etcdctl makes users and roles, and each sees what its roles allow, on every member", {
  skip: missing,
}, async (t) => {
  const as = await open(t);
  const root = (...args: string[]) => as("root:pw", ...args);
  await as("", "user", "add", "root:pw");
  await as("", "user", "grant-role", "root", "root");
  await as("", "put", "secret", "1");
  assert.match(await as("", "auth", "enable"), /Authentication Enabled/);

  await root("user", "add", "alice:a");
  await root("role", "add", "web");
  await root("role", "grant-permission", "web", "--prefix=true", "readwrite", "web/");
  await root("role", "grant-permission", "web", "read", "shared");
  await root("user", "grant-role", "alice", "web");
  assert.equal(
    await root("role", "get", "web"),
    "Role web\nKV Read:\n\tshared\n\t[web/, web0) (prefix web/)\nKV Write:\n\t[web/, web0) (prefix web/)\n",
  );
  const alice = (...args: string[]) => as("alice:a", ...args);
  for (let member = 0; member < 6; member++) assert.equal(await alice("put", `web/${member}`, "v"), "OK\n");
  assert.equal((await alice("get", "--prefix", "web/", "--keys-only")).match(/^web/gm)?.length, 6);
  const denied = /etcdserver: permission denied/;
  await assert.rejects(alice("get", "secret"), denied);
  await assert.rejects(alice("put", "shared", "v"), denied);
  await assert.rejects(alice("get", "--prefix", ""), denied);
  await assert.rejects(alice("user", "list"), denied);
  await assert.rejects(alice("member", "remove", "1"), denied);
  await assert.rejects(as("", "get", "web/1"), /etcdserver: user name is empty/);
  await assert.rejects(as("alice:b", "get", "web/1"), /invalid user ID or password/);

  await root("role", "revoke-permission", "web", "web/", "web0");
  await assert.rejects(alice("get", "web/1"), denied);
  assert.match(await root("auth", "disable"), /Authentication Disabled/);
  assert.equal(await as("", "get", "secret"), "secret\n1\n");
});
