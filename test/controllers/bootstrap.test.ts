import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import type { KubeObject } from "../../src/apimachinery/index.ts";
import { startRealCluster } from "./real-cluster.ts";

const core = (resource: string, namespace: string) => ({ group: "", version: "v1", resource, namespace });
const secrets = core("secrets", "kube-system");
const namespaces = { group: "", version: "v1", resource: "namespaces" };

const bootstrapToken = (id: string, secret: string, more: Record<string, string> = {}): KubeObject => ({
  metadata: { name: `bootstrap-token-${id}` },
  type: "bootstrap.kubernetes.io/token",
  stringData: { "token-id": id, "token-secret": secret, "usage-bootstrap-signing": "true", ...more },
});

test("cluster-info is signed with each token that may sign, until the token is gone or its time is over", async () => {
  const cluster = await startRealCluster("bootstrap-signer-controller,token-cleaner-controller");
  const { client, clock, until } = cluster;
  await client.create(namespaces, { metadata: { name: "kube-public" } });
  const infos = core("configmaps", "kube-public");
  await client.create(infos, {
    metadata: { name: "cluster-info" },
    data: { kubeconfig: "a: 1\n", other: "x" },
  });
  const expiration = new Date(clock.now() + 60_000).toISOString().replace(/\.\d+/, "");
  await client.create(secrets, bootstrapToken("abcdef", "0123456789abcdef"));
  await client.create(secrets, bootstrapToken("fedcba", "0123456789abcdef", { expiration }));
  await client.create(
    secrets,
    bootstrapToken("nosign", "0123456789abcdef", { "usage-bootstrap-signing": "" }),
  );
  const keys = (wanted: string) => async () => {
    const { data = {} } = await client.get<KubeObject>(infos, "cluster-info");
    return Object.keys(data).sort().join() === wanted ? (data as Record<string, string>) : undefined;
  };
  const both = "jws-kubeconfig-abcdef,jws-kubeconfig-fedcba,kubeconfig,other";
  const signed = await until("both have signed", keys(both));
  const header = Buffer.from('{"alg":"HS256","kid":"abcdef"}').toString("base64url");
  const over = `${header}.${Buffer.from("a: 1\n").toString("base64url")}`;
  const signature = createHmac("sha256", "0123456789abcdef").update(over).digest("base64url");
  assert.equal(signed["jws-kubeconfig-abcdef"], `${header}..${signature}`);

  await until("the second token has run out", keys("jws-kubeconfig-abcdef,kubeconfig,other"), {
    stepMs: 5_000,
  });
  const left = await client.list<KubeObject>(secrets, {
    fieldSelector: "type=bootstrap.kubernetes.io/token",
  });
  assert.deepEqual(
    left.items.map(({ metadata }) => metadata.name),
    ["bootstrap-token-abcdef", "bootstrap-token-nosign"],
  );
  await client.delete(secrets, "bootstrap-token-abcdef");
  await until("nobody has signed", keys("kubeconfig,other"));
  await cluster.stop();
});
