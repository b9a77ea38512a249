import assert from "node:assert/strict";
import { test } from "node:test";
import type { UserInfo } from "../../src/apimachinery/index.ts";
import { fastClock } from "./fast-clock.ts";
import { answeredOf, creationsFixture, mutated, readMutations, told } from "./mutations.ts";
import { openServer } from "./open-server.ts";
import { Replay } from "./replay.ts";

/**
 * How many answers of each kind differ still; lower a number when fewer do. A pod with an empty overhead is refused before it is warned of
 * anything else; formats of numbers and alternatives of a default are told in other words.
 */
const differingMax: Readonly<Record<string, number>> = {
  Pod: 1,
  CustomResourceDefinition: 2,
};

const admin: UserInfo = { name: "admin", groups: ["system:masters", "system:authenticated"] };

test("objects with one mistake each are refused, or let through, in kube-apiserver's words", async (t) => {
  const opened = openServer({ clock: fastClock(), serviceClusterIpRange: "10.96.0.0/16" });
  const transport = opened.server.transport(admin);
  await new Replay(opened.server.transport(undefined as unknown as UserInfo)).prepare();
  await opened.bootstrapRoles();
  const send = async (path: string, body: unknown) => {
    const answer = await transport.request({
      method: "POST",
      path,
      headers: { "content-type": "application/json" },
      body: Buffer.from(JSON.stringify(body)),
    });
    return answeredOf(answer);
  };
  await send("/api/v1/namespaces/default/serviceaccounts", {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name: "default" },
  });
  await send("/apis/node.k8s.io/v1/runtimeclasses", {
    apiVersion: "node.k8s.io/v1",
    kind: "RuntimeClass",
    metadata: { name: "rc" },
    handler: "rc",
    overhead: { podFixed: { cpu: "1m" } },
  });
  const differing = new Map<string, string[]>();
  for (const mutation of readMutations(creationsFixture)) {
    const found = told(await send(`${mutation.base.path}?dryRun=All`, mutated(mutation)));
    const wanted = told(mutation);
    if (found === wanted) continue;
    const kind = String(mutation.base.object["kind"]);
    const where = `${(mutation.at ?? []).join(".")} = ${JSON.stringify(mutation.value)?.slice(0, 80)}`;
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
