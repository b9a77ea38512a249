import assert from "node:assert/strict";
import { test } from "node:test";
import { templateWarnings } from "../../src/registry/core/pod/warnings.ts";

const maker = (generation: number) => ({
  metadata: { name: "web", generation },
  spec: { template: { spec: { containers: [], nodeSelector: { "beta.kubernetes.io/os": "linux" } } } },
});

test("an update that wants nothing else says nothing again of the template", () => {
  assert.deepEqual(templateWarnings(maker(1), maker(1)), []);
});

test("an update that wants something else is warned of the template as a new object is", () => {
  assert.deepEqual(templateWarnings(maker(2), maker(1)), [
    'spec.template.spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead',
  ]);
});
