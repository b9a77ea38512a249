import assert from "node:assert/strict";
import { test } from "node:test";
import { create, openRegistry } from "./open-registry.ts";

/** What kube-apiserver 1.35.4 said of the same objects. */

const job = { group: "batch", version: "v1", resource: "jobs" };
const claims = { group: "resource.k8s.io", version: "v1", resource: "resourceclaims" };
const definitions = {
  group: "apiextensions.k8s.io",
  version: "v1",
  resource: "customresourcedefinitions",
};
const pods = { group: "", version: "v1", resource: "pods" };
const container = { name: "c", image: "i" };

test("a Job with a selector of its own must have one, and labels that it selects", async () => {
  const template = { spec: { containers: [container], restartPolicy: "Never" } };
  await assert.rejects(
    create(openRegistry().handler(job), {
      metadata: { name: "j" },
      spec: { manualSelector: true, template },
    }),
    {
      message:
        'Job.batch "j" is invalid: [spec.selector: Required value, spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`]',
    },
  );
});

test("a claim may ask for nothing", async () => {
  const made = await create(openRegistry().handler(claims), { metadata: { name: "x" }, spec: {} });
  assert.equal(made.metadata.name, "x");
});

test("a definition without versions is told that it has none", async () => {
  const spec = { group: "a.b", scope: "Cluster", names: { plural: "foos", kind: "Foo" } };
  await assert.rejects(
    create(openRegistry().handler(definitions), { metadata: { name: "foos.a.b" }, spec }),
    /spec\.versions: Invalid value: null: must have exactly one version marked as storage version/,
  );
});

test("huge pages are asked for in whole pages", async () => {
  const resources = { limits: { "hugepages-2Mi": "1", cpu: "1" } };
  await assert.rejects(
    create(openRegistry().handler(pods), {
      metadata: { name: "x" },
      spec: { containers: [{ ...container, resources }] },
    }),
    /limits\[hugepages-2Mi\]: Invalid value: "1": 1 is not positive integer multiple of hugepages-2Mi/,
  );
});
