import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../src/apimachinery/index.ts";
import type { Client } from "../../src/client/index.ts";
import { AgentAccess, type AgentRequest } from "../../src/node/agent/access.ts";
import { ManualClock } from "../storage/manual-clock.ts";

/** An API server that knows one token, whose owner may get nodes/metrics. */
function open() {
  const asked: string[] = [];
  const client = {
    async create({ resource }: { resource: string }, review: KubeObject) {
      asked.push(resource);
      const spec = review["spec"];
      if (resource === "tokenreviews")
        return spec["token"] === "good"
          ? {
              status: {
                authenticated: true,
                user: { username: "scraper", groups: ["system:authenticated"] },
              },
            }
          : { status: { authenticated: false } };
      const { verb, resource: of, subresource, name } = spec["resourceAttributes"];
      return { status: { allowed: `${verb} ${of}/${subresource} ${name}` === "get nodes/metrics n1" } };
    },
  } as unknown as Client;
  const clock = new ManualClock();
  return { asked, clock, access: new AgentAccess({ client, clock, node: "n1" }) };
}

const request = (fields: Partial<AgentRequest>): AgentRequest => ({
  certificate: undefined,
  authorization: undefined,
  method: "GET",
  path: "/metrics/resource",
  ...fields,
});
const certificate = (commonName: string, ...organizations: string[]) => ({
  commonName,
  organizations,
  raw: new Uint8Array(),
});

test("the API server comes in by its certificate without being asked about itself", async () => {
  const { access, asked } = open();
  await access.check(request({ certificate: certificate("api", "system:masters"), path: "/exec/a/b/c" }));
  assert.deepEqual(asked, []);
});

test("a token's owner may have what the API server allows, and no more", async () => {
  const { access, asked } = open();
  await access.check(request({ authorization: "Bearer good" }));
  await access.check(request({ authorization: "Bearer good" }));
  assert.deepEqual(asked, ["tokenreviews", "subjectaccessreviews"], "what it said holds for a while");
  await assert.rejects(
    access.check(request({ authorization: "Bearer good", path: "/containerLogs/a/b/c" })),
    {
      code: 403,
      message: "Forbidden (user=scraper, verb=get, resource=nodes, subresource=proxy)",
    },
  );
  await assert.rejects(access.check(request({ authorization: "Bearer good", method: "POST" })), {
    code: 403,
  });
});

test("who shows nothing, or a token that nobody has, is refused each time anew", async () => {
  const { access, asked } = open();
  await assert.rejects(access.check(request({})), { code: 401, message: "Unauthorized" });
  await assert.rejects(access.check(request({ authorization: "Bearer bad" })), { code: 401 });
  await assert.rejects(access.check(request({ authorization: "Bearer bad" })), { code: 401 });
  assert.deepEqual(asked, ["tokenreviews", "tokenreviews"]);
});

test("a certificate of the cluster is somebody, not everybody", async () => {
  const { access } = open();
  await assert.rejects(access.check(request({ certificate: certificate("alice", "dev"), path: "/pods" })), {
    code: 403,
    message: "Forbidden (user=alice, verb=get, resource=nodes, subresource=pods)",
  });
});

test("a token is asked about again after two minutes", async () => {
  const { access, asked, clock } = open();
  await access.check(request({ authorization: "Bearer good" }));
  clock.advance(2 * 60_000 + 1);
  await access.check(request({ authorization: "Bearer good" }));
  assert.deepEqual(asked, ["tokenreviews", "subjectaccessreviews", "tokenreviews"]);
});
