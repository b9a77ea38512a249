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
  const document = await publisher.v3({ group: "apps", version: "v1" });
  assert.ok(document !== undefined);
  const { components, paths } = parsed(document.bytes);
  assert.ok("/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale" in paths);
  assert.ok("io.k8s.api.core.v1.PodSpec" in components.schemas);
  assert.equal("io.k8s.api.core.v1.Service" in components.schemas, false);
  for (const match of JSON.stringify(components).matchAll(/#\/components\/schemas\/([^"]+)/g)) {
    assert.ok(String(match[1]) in components.schemas, String(match[1]));
  }
  assert.equal(await publisher.v3({ group: "batch", version: "v1" }), undefined);
});

test("kubectl finds the patch parameters of a kind in both documents", async () => {
  const path = "/apis/apps/v1/namespaces/{namespace}/deployments/{name}";
  const v3 = parsed(((await publisher.v3({ group: "apps", version: "v1" })) as { bytes: Uint8Array }).bytes);
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
  const document = await publisher.v3({ group: "apps", version: "v1" });
  assert.ok(document !== undefined);
  const hash = createHash("sha512").update(document.bytes).digest("hex").toUpperCase();
  assert.deepEqual(paths, { "apis/apps/v1": { serverRelativeURL: `/openapi/v3/apis/apps/v1?hash=${hash}` } });
  assert.equal(document, await publisher.v3({ group: "apps", version: "v1" }), "built once");
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
