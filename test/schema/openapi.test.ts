import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { builtinResources, openApiPublisher, resourceInfo, resourceOfKind } from "../../src/schema/index.ts";

// biome-ignore lint/suspicious/noExplicitAny: a JSON document.
function parsed(bytes: Uint8Array): any {
  return JSON.parse(new TextDecoder().decode(bytes));
}

const apps = builtinResources().filter((info) => info.group === "apps");
const publisher = openApiPublisher(apps);

test("only what is served is published, with everything it refers to", async () => {
  const document = await publisher.v3("apis/apps/v1");
  assert.ok(document !== undefined);
  const { components, paths } = parsed(document.bytes);
  assert.ok("/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale" in paths);
  assert.ok("io.k8s.api.core.v1.PodSpec" in components.schemas);
  assert.equal("io.k8s.api.core.v1.Service" in components.schemas, false);
  for (const match of JSON.stringify(components).matchAll(/#\/components\/schemas\/([^"]+)/g)) {
    assert.ok(String(match[1]) in components.schemas, String(match[1]));
  }
  assert.equal(await publisher.v3("apis/batch/v1"), undefined);
});

test("kubectl finds the patch parameters of a kind in both documents", async () => {
  const path = "/apis/apps/v1/namespaces/{namespace}/deployments/{name}";
  const v3 = parsed(((await publisher.v3("apis/apps/v1")) as { bytes: Uint8Array }).bytes);
  const v2 = parsed((await publisher.v2()).bytes);
  for (const document of [v3, v2]) {
    const { patch } = document.paths[path];
    assert.deepEqual(patch["x-kubernetes-group-version-kind"], {
      group: "apps",
      version: "v1",
      kind: "Deployment",
    });
    const names = patch.parameters.map((parameter: { name: string }) => parameter.name);
    assert.deepEqual(
      names.filter((name: string) => name !== "body"),
      ["dryRun", "fieldManager", "fieldValidation", "force"],
    );
  }
});

test("version 2 has no defaults and no references of version 3", async () => {
  const text = new TextDecoder().decode((await publisher.v2()).bytes);
  assert.equal(text.includes("#/components/"), false);
  const { definitions } = JSON.parse(text);
  assert.equal(JSON.stringify(definitions["io.k8s.api.core.v1.ContainerPort"]).includes("default"), false);
  assert.equal(definitions["io.k8s.apimachinery.pkg.api.resource.Quantity"].type, "string");
});

test("the index names each document by the hash of its bytes", async () => {
  const { paths } = await publisher.index();
  const document = await publisher.v3("apis/apps/v1");
  assert.ok(document !== undefined);
  const hash = createHash("sha512").update(document.bytes).digest("hex").toUpperCase();
  assert.deepEqual(paths["apis/apps/v1"], { serverRelativeURL: `/openapi/v3/apis/apps/v1?hash=${hash}` });
  assert.deepEqual(Object.keys(paths), [
    ".well-known/openid-configuration",
    "api",
    "apis",
    "apis/apps",
    "apis/apps/v1",
    "openid/v1/jwks",
    "version",
  ]);
  assert.equal(document, await publisher.v3("apis/apps/v1"), "built once");
});

test("resources are found by name and by kind, with the storage names of old", () => {
  const storage = (group: string, resource: string): string | undefined =>
    resourceInfo({ group, version: "v1", resource })?.storageName;
  assert.equal(storage("", "services"), "services/specs");
  assert.equal(storage("", "endpoints"), "services/endpoints");
  assert.equal(storage("", "nodes"), "minions");
  assert.equal(storage("", "replicationcontrollers"), "controllers");
  assert.equal(storage("apps", "deployments"), "deployments");
  assert.equal(
    resourceOfKind({ group: "discovery.k8s.io", version: "v1", kind: "EndpointSlice" })?.resource,
    "endpointslices",
  );
  assert.equal(resourceInfo({ group: "", version: "v1", resource: "constructor" }), undefined);
  const deployments = resourceInfo({ group: "apps", version: "v1", resource: "deployments" });
  assert.deepEqual(deployments?.shortNames, ["deploy"]);
  assert.deepEqual(
    deployments?.subresources.map(({ name, kind }) => `${name} ${kind.group}/${kind.version}.${kind.kind}`),
    ["scale autoscaling/v1.Scale", "status apps/v1.Deployment"],
  );
});

test("kinds and fields are described in both documents, and references keep what they refer to", async () => {
  const all = openApiPublisher(builtinResources());
  const core = await all.v3("api/v1");
  const v3 = parsed((core as { bytes: Uint8Array }).bytes).components.schemas;
  const v2 = parsed((await all.v2()).bytes).definitions;
  for (const schemas of [v3, v2]) {
    const pod = schemas["io.k8s.api.core.v1.Pod"];
    assert.match(pod.description, /one or more containers/);
    assert.match(pod.properties.apiVersion.description, /group and version/);
    assert.match(schemas["io.k8s.api.core.v1.PodSpec"].properties.restartPolicy.description, /Always/);
    assert.match(schemas["io.k8s.api.core.v1.ServicePort"].properties.targetPort.description, /pods' port/);
  }
  const { metadata } = v3["io.k8s.api.core.v1.Pod"].properties;
  assert.match(metadata.description, /metadata/);
  assert.match(metadata.allOf[0].$ref, /ObjectMeta$/);
  assert.match(v2["io.k8s.api.core.v1.Pod"].properties.metadata.$ref, /ObjectMeta$/);
});

test("every description is of a definition and a field that there is", async () => {
  const { default: descriptions } = await import("../../schemas/kubernetes/descriptions.json", {
    with: { type: "json" },
  });
  const { default: definitions } = await import("../../schemas/kubernetes/definitions.json", {
    with: { type: "json" },
  });
  const known = definitions as Record<string, { properties?: Record<string, unknown> }>;
  for (const [name, { fields }] of Object.entries<{ fields?: Record<string, string> }>(descriptions)) {
    if (name === "") continue;
    for (const field of Object.keys(fields ?? {}))
      assert.ok(field in (known[name]?.properties ?? {}), `${name}.${field}`);
  }
});

test("a custom kind is published without strategic merge patches and protobuf, by which kubectl chooses how it patches", async () => {
  const deployments = resourceInfo({ group: "apps", version: "v1", resource: "deployments" });
  assert.ok(deployments !== undefined);
  const kind = {
    name: "com.sea.v1.Boat",
    listName: "com.sea.v1.BoatList",
    list: { type: "object" } as const,
  };
  const boats = {
    ...deployments,
    group: "sea.com",
    resource: "boats",
    kind: "Boat",
    subresources: [],
    published: { ...kind, v3: { type: "object" } as const, v2: { type: "object" } as const },
  };
  const custom = openApiPublisher([boats]);
  const v3 = parsed(((await custom.v3("apis/sea.com/v1")) as { bytes: Uint8Array }).bytes);
  const v2 = parsed((await custom.v2()).bytes);
  const path = "/apis/sea.com/v1/namespaces/{namespace}/boats/{name}";
  const types = [
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/apply-patch+yaml",
  ];
  assert.deepEqual(Object.keys(v3.paths[path].patch.requestBody.content), types);
  assert.deepEqual(v2.paths[path].patch.consumes, types);
  assert.deepEqual(v2.paths[path].get.produces, ["application/json", "application/yaml"]);
  assert.equal(v3.info.title, "Kubernetes CRD Swagger");
});

test("lists of groups, the version and what OpenID Connect needs have documents of their own", async () => {
  const of = async (path: string) => parsed(((await publisher.v3(path)) as { bytes: Uint8Array }).bytes);
  const group = await of("apis/apps");
  assert.equal(group.paths["/apis/apps/"].get.operationId, "getAppsAPIGroup");
  assert.ok("io.k8s.apimachinery.pkg.apis.meta.v1.GroupVersionForDiscovery" in group.components.schemas);
  const keys = await of("openid/v1/jwks");
  assert.deepEqual(keys.paths["/openid/v1/jwks/"].get.responses["200"].content, {
    "application/jwk-set+json": { schema: { type: "string" } },
  });
  const v2 = parsed((await publisher.v2()).bytes);
  assert.deepEqual(v2.paths["/version/"].get.consumes, ["application/json"]);
  assert.ok("io.k8s.apimachinery.pkg.version.Info" in v2.definitions);
});

test("what connects to pods, Services and nodes is published with the methods and the parameters of its options", async () => {
  const pods = builtinResources().filter(({ group, resource }) => group === "" && resource === "pods");
  const { paths } = parsed((await openApiPublisher(pods).v2()).bytes);
  const at = "/api/v1/namespaces/{namespace}/pods/{name}";
  assert.deepEqual(Object.keys(paths[`${at}/exec`]).sort(), ["get", "parameters", "post"]);
  assert.deepEqual(
    paths[`${at}/exec`].parameters.map(({ name }: { name: string }) => name),
    ["command", "container", "name", "namespace", "stderr", "stdin", "stdout", "tty"],
  );
  const proxied = paths[`${at}/proxy/{path}`];
  assert.equal(proxied.options.operationId, "connectCoreV1OptionsNamespacedPodProxyWithPath");
  assert.equal(proxied.head["x-kubernetes-group-version-kind"].kind, "PodProxyOptions");
  assert.equal(paths[`${at}/log`].get.operationId, "readCoreV1NamespacedPodLog");
});
