import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject, UserInfo } from "../../src/apimachinery/index.ts";
import { fastClock } from "./fast-clock.ts";
import { answeredOf, mutated, readMutations, told, updatesFixture } from "./mutations.ts";
import { openServer } from "./open-server.ts";
import { Replay } from "./replay.ts";

/** How many answers of each kind may differ: none does. A list without items that a client adds is taken for none, which some of upstream's rules do not. */
const differingMax: Readonly<Record<string, number>> = {};

const admin: UserInfo = { name: "admin", groups: ["system:masters", "system:authenticated"] };

test("objects that are there and get one mistake each are refused, or changed, in kube-apiserver's words", async (t) => {
  const opened = openServer({ clock: fastClock(), serviceClusterIpRange: "10.96.0.0/16" });
  const transport = opened.server.transport(admin);
  await new Replay(opened.server.transport(undefined as unknown as UserInfo)).prepare();
  await opened.bootstrapRoles();
  const send = async (method: string, path: string, body?: unknown) => {
    const answer = await transport.request({
      method,
      path,
      headers: { "content-type": "application/json" },
      ...(body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)) }),
    });
    return answeredOf(answer);
  };
  await send("POST", "/api/v1/namespaces/default/serviceaccounts", {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name: "default" },
  });
  await send("POST", "/apis/node.k8s.io/v1/runtimeclasses", {
    apiVersion: "node.k8s.io/v1",
    kind: "RuntimeClass",
    metadata: { name: "rc" },
    handler: "rc",
    overhead: { podFixed: { cpu: "1m" } },
  });
  const differing = new Map<string, string[]>();
  const present = new Map<object, KubeObject>();
  for (const mutation of readMutations(updatesFixture)) {
    const { base } = mutation;
    const { name } = base.object["metadata"] as { name: string };
    let object = present.get(base);
    if (object === undefined) {
      const created = await send("POST", base.path, base.object);
      assert.ok(
        created.code === 201 || created.code === 409,
        `${base.path}/${name}: ${JSON.stringify(created)}`,
      );
      object = written((await send("GET", `${base.path}/${name}`)).object as unknown as KubeObject);
      present.set(base, object);
    }
    const found = told(await send("PUT", `${base.path}/${name}?dryRun=All`, mutated(mutation, object)));
    const wanted = told(mutation);
    if (found === wanted) continue;
    const kind = String(base.object["kind"]);
    const where = `${name} ${(mutation.at ?? []).join(".")} = ${JSON.stringify(mutation.value)?.slice(0, 80)}`;
    differing.set(kind, [...(differing.get(kind) ?? []), `${where}\n  real ${wanted}\n  ours ${found}`]);
  }
  await opened.close();
  for (const [kind, list] of differing) {
    const max = differingMax[kind] ?? 0;
    t.diagnostic(`${kind}: ${list.length} differ, ${max} may`);
    assert.ok(list.length <= max, `${kind}: ${list.length} differ, ${max} may:\n${list.join("\n")}`);
  }
  assert.deepEqual(opened.logged, [], "the server met conditions that it did not expect");
});

/** What a client that read it writes back: without what only the server writes. */
function written({ metadata, status: _, ...rest }: KubeObject & { status?: unknown }): KubeObject {
  const { name, namespace, labels, annotations, finalizers } = metadata;
  const kept = { name, namespace, labels, annotations, finalizers };
  const given = Object.entries(kept).filter(([, value]) => value !== undefined);
  return { ...rest, metadata: Object.fromEntries(given) };
}
