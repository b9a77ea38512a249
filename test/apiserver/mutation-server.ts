import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { UserInfo } from "../../src/apimachinery/index.ts";
import { Differences } from "./differences.ts";
import { fastClock } from "./fast-clock.ts";
import { answeredOf, type Mutation, told } from "./mutations.ts";
import { openServer } from "./open-server.ts";
import { Replay } from "./replay.ts";

const admin: UserInfo = { name: "admin", groups: ["system:masters", "system:authenticated"] };

/** A server that has what mutated objects name, and a list of what it answers otherwise than kube-apiserver did. */
export async function openMutationServer() {
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
  const differing = new Differences();
  return {
    send,
    /** `name`: of the object, where that is not plain from its kind. */
    compare(mutation: Mutation, answer: Awaited<ReturnType<typeof send>>, name = ""): void {
      const found = told(answer);
      const wanted = told(mutation);
      if (found === wanted) return;
      const kind = String(mutation.base.object["kind"]);
      const where = `${name} ${(mutation.at ?? []).join(".")} = ${JSON.stringify(mutation.value)?.slice(0, 80)}`;
      differing.add(kind, `${where}\n  real ${wanted}\n  ours ${found}`);
    },
    /** Fails where more answers of a kind differ than may. */
    async finish(t: TestContext, differingMax: Readonly<Record<string, number>>): Promise<void> {
      await opened.close();
      differing.check(t, differingMax);
      assert.deepEqual(opened.logged, [], "the server met conditions that it did not expect");
    },
  };
}
