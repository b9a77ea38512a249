import assert from "node:assert/strict";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { after, test } from "node:test";
import { createAuthority, issueCertificate } from "../../src/auth/index.ts";
import { type Client, createClient } from "../../src/client/index.ts";
import { nodePlatform } from "../../src/platform/index.ts";
import { openServer } from "./open-server.ts";

const platform = nodePlatform();
const authority = createAuthority("webhooks", platform);
const stranger = createAuthority("somebody else", platform);

/** What a webhook was asked, and how it answers. */
interface Review {
  readonly request: {
    readonly uid: string;
    readonly name?: string;
    readonly namespace: string;
    readonly operation: string;
    readonly dryRun: boolean;
    readonly userInfo: { readonly username: string };
    readonly object: { metadata: { labels?: Record<string, string> }; data?: Record<string, string> };
    readonly options: { readonly kind: string };
  };
}
type Answer = (review: Review, path: string) => object | undefined;

const asked: { path: string; review: Review; timeout: string | null }[] = [];
let answerWith: Answer = () => ({ allowed: true });

const { cert, key } = issueCertificate(
  authority,
  { commonName: "hook", dnsNames: ["localhost", "hook.default.svc"], usages: ["server"] },
  platform,
);
const hook = createServer({ cert, key }, (request, response) => {
  let body = "";
  request.on("data", (chunk) => (body += chunk));
  request.on("end", () => {
    const review = JSON.parse(body) as Review & { apiVersion: string };
    const { pathname: path, searchParams } = new URL(request.url ?? "", "https://localhost");
    asked.push({ path, review, timeout: searchParams.get("timeout") });
    const verdict = answerWith(review, path);
    if (verdict === undefined) return;
    const { uid } = review.request;
    response.setHeader("content-type", "application/json");
    response.end(
      JSON.stringify({
        apiVersion: review.apiVersion,
        kind: "AdmissionReview",
        response: { uid, ...verdict },
      }),
    );
  });
});
await new Promise<void>((resolve) => hook.listen(0, "127.0.0.1", resolve));
const { port } = hook.address() as AddressInfo;
const opened = openServer();
const client: Client = createClient({
  transport: opened.server.transport({ name: "admin", groups: ["system:masters", "system:authenticated"] }),
  userAgent: "test",
});
after(async () => {
  await opened.close();
  hook.closeAllConnections();
  hook.close();
});

const configMaps = { group: "", version: "v1", resource: "configmaps", namespace: "default" };
const admissionKinds = { group: "admissionregistration.k8s.io", version: "v1" };
const caBundle = Buffer.from(authority.cert).toString("base64");

/** Registers webhooks for ConfigMaps, and waits until the server has heard of them. */
async function register(
  kind: "Mutating" | "Validating",
  webhooks: readonly object[],
  then: () => Promise<void>,
) {
  const scope = { ...admissionKinds, resource: `${kind.toLowerCase()}webhookconfigurations` };
  await client.create(scope, {
    metadata: { name: "hooks" },
    webhooks: webhooks.map((webhook, index) => ({
      name: `w${index}.hooks.example`,
      clientConfig: { url: `https://localhost:${port}/w${index}`, caBundle },
      rules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["configmaps"] }],
      sideEffects: "None",
      admissionReviewVersions: ["v1"],
      timeoutSeconds: 5,
      ...webhook,
    })),
  });
  await new Promise((resolve) => setImmediate(resolve));
  asked.length = 0;
  try {
    await then();
  } finally {
    await client.delete(scope, "hooks");
    answerWith = () => ({ allowed: true });
  }
}

const patch = (operations: readonly object[]): object => ({
  allowed: true,
  patchType: "JSONPatch",
  patch: Buffer.from(JSON.stringify(operations)).toString("base64"),
});

async function refusal(promise: Promise<unknown>): Promise<{ message: string; code: number | undefined }> {
  try {
    await promise;
  } catch (error) {
    const { message, status } = error as { message: string; status?: { code?: number } };
    return { message, code: status?.code };
  }
  assert.fail("it was let through");
}

test("a namespace to work in", async () => {
  await client.create(
    { group: "", version: "v1", resource: "namespaces" },
    { metadata: { name: "default" } },
  );
});

test("a mutating webhook sees the request and changes the object; whoever asks for it sees later changes too", async () => {
  answerWith = ({ request }, path) => {
    const labels = request.object.metadata.labels ?? {};
    if (path === "/w0") {
      const seen = labels["second"] === undefined ? "early" : "late";
      return patch([{ op: "add", path: "/metadata/labels", value: { ...labels, first: seen } }]);
    }
    return patch([{ op: "add", path: "/metadata/labels/second", value: "yes" }]);
  };
  await register("Mutating", [{ reinvocationPolicy: "IfNeeded" }, {}], async () => {
    const made = await client.create(configMaps, {
      metadata: { name: "a" },
      data: { k: "v" },
    } as object as never);
    assert.deepEqual((made as { metadata: object }).metadata, {
      ...(made as { metadata: object }).metadata,
      labels: { first: "late", second: "yes" },
    });
    assert.deepEqual(
      asked.map(({ path }) => path),
      ["/w0", "/w1", "/w0"],
    );
    const request = asked[0]?.review.request;
    assert.ok(request !== undefined);
    assert.equal(request.operation, "CREATE");
    assert.equal(request.namespace, "default");
    assert.equal(request.userInfo.username, "admin");
    assert.equal(request.options.kind, "CreateOptions");
    assert.deepEqual(request.object.data, { k: "v" });
  });
});

test("a webhook for another version of a kind sees the request in that one, and what it changes comes back", async () => {
  const scalers = { group: "autoscaling", resource: "horizontalpodautoscalers", namespace: "default" };
  answerWith = () => patch([{ op: "replace", path: "/spec/maxReplicas", value: 7 }]);
  const rules = [
    {
      apiGroups: ["autoscaling"],
      apiVersions: ["v2"],
      operations: ["CREATE"],
      resources: ["horizontalpodautoscalers"],
    },
  ];
  await register("Mutating", [{ rules }], async () => {
    const made = await client.create({ ...scalers, version: "v1" }, {
      metadata: { name: "h" },
      spec: {
        scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "d" },
        maxReplicas: 3,
        targetCPUUtilizationPercentage: 50,
      },
    } as object as never);
    const seen = asked[0]?.review.request as object as {
      kind: object;
      requestKind: { version: string };
      object: { apiVersion: string; spec: { metrics?: object[] } };
    };
    assert.deepEqual([seen.object.apiVersion, seen.requestKind.version], ["autoscaling/v2", "v1"]);
    assert.equal(seen.object.spec.metrics?.length, 1);
    const { spec, apiVersion } = made as object as { apiVersion: string; spec: object };
    assert.equal(apiVersion, "autoscaling/v1");
    assert.deepEqual(spec, { ...spec, maxReplicas: 7, targetCPUUtilizationPercentage: 50 });
  });
});

test("a validating webhook refuses with its own status; warnings are passed on", async () => {
  answerWith = () => ({
    allowed: false,
    status: { code: 418, reason: "Teapot", message: "not today" },
    warnings: ["careful"],
  });
  await register("Validating", [{}], async () => {
    assert.deepEqual(await refusal(client.create(configMaps, { metadata: { name: "b" } })), {
      message: 'admission webhook "w0.hooks.example" denied the request: not today',
      code: 418,
    });
  });
});

test("a webhook that cannot be trusted, reached or understood fails the request, or is passed over where it may be", async () => {
  const untrusted = {
    url: `https://localhost:${port}/x`,
    caBundle: Buffer.from(stranger.cert).toString("base64"),
  };
  await register("Validating", [{ clientConfig: untrusted }], async () => {
    const { message, code } = await refusal(client.create(configMaps, { metadata: { name: "c" } }));
    assert.equal(code, 500);
    assert.equal(
      message,
      `Internal error occurred: failed calling webhook "w0.hooks.example": failed to call webhook: Post "https://localhost:${port}/x?timeout=5s": tls: failed to verify certificate: x509: certificate signed by unknown authority`,
    );
    assert.equal(asked.length, 0);
  });
  answerWith = () => ({ uid: "another" });
  await register("Validating", [{}], async () => {
    const { message } = await refusal(client.create(configMaps, { metadata: { name: "c" } }));
    assert.match(message, /received invalid webhook response: expected response.uid=".*", got "another"$/);
  });
  answerWith = () => undefined;
  await register("Validating", [{ failurePolicy: "Ignore", timeoutSeconds: 1 }], async () => {
    await client.create(configMaps, { metadata: { name: "c" } });
    assert.equal(asked.length, 1);
  });
});

test("webhooks get what is left of the client's time, and whatever their policy nobody is asked after it", async () => {
  const transport = opened.server.transport({ name: "admin", groups: ["system:masters"] });
  const create = async (timeout: string): Promise<string> => {
    const response = await transport.request({
      method: "POST",
      path: `/api/v1/namespaces/default/configmaps?timeout=${timeout}&dryRun=All`,
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify({ metadata: { name: "late" } }),
    });
    const chunks: Uint8Array[] = [];
    for await (const chunk of response.body) chunks.push(chunk);
    return `${response.status} ${Buffer.concat(chunks)}`;
  };
  const url = (name: string): object => ({
    clientConfig: { url: `https://localhost:${port}/${name}`, caBundle },
  });
  const hooks = [
    { ...url("long"), timeoutSeconds: 20 },
    { ...url("short"), timeoutSeconds: 2 },
  ];
  await register("Mutating", hooks, async () => {
    assert.match(await create("10s"), /^201 /);
    assert.deepEqual(
      asked.map(({ path, timeout }) => [path, timeout]),
      [
        ["/long", "10s"],
        ["/short", "2s"],
      ],
    );
  });
  answerWith = () => undefined;
  await register("Mutating", [{ failurePolicy: "Ignore" }], async () => {
    assert.match(
      await create("50ms"),
      /^504 .*Timeout: request did not complete within requested timeout - context deadline exceeded/,
    );
  });
});

test("a Service is called at one of its endpoints, by the name in its certificate; conditions decide which requests", async () => {
  const core = { group: "", version: "v1", namespace: "default" };
  await client.create({ ...core, resource: "services" }, {
    metadata: { name: "hook" },
    spec: { ports: [{ port: 443, targetPort: port }] },
  } as object as never);
  await client.create({ ...core, resource: "endpoints" }, {
    metadata: { name: "hook" },
    subsets: [{ addresses: [{ ip: "10.0.0.9" }], ports: [{ port }] }],
  } as object as never);
  const service = { namespace: "default", name: "hook", path: "/by-service" };
  const matchConditions = [{ name: "named", expression: "object.metadata.name.startsWith('ask')" }];
  await register(
    "Validating",
    [{ clientConfig: { service, caBundle }, matchConditions, timeoutSeconds: 1 }],
    async () => {
      await client.create(configMaps, { metadata: { name: "quiet" } });
      assert.equal(asked.length, 0);
      const { message } = await refusal(client.create(configMaps, { metadata: { name: "ask" } }));
      assert.match(message, /Post "https:\/\/hook.default.svc:443\/by-service\?timeout=1s": /);
    },
  );
});
