import assert from "node:assert/strict";
import { test } from "node:test";
import { StatusError } from "../../../src/apimachinery/index.ts";
import { create, openRegistry } from "../open-registry.ts";

const statefulSets = { group: "apps", version: "v1", resource: "statefulsets" };

function statefulSet(mounts: readonly string[], claims: readonly object[]): object {
  const labels = { app: "db" };
  const volumeMounts = mounts.map((name) => ({ name, mountPath: `/${name}` }));
  const pod = { containers: [{ name: "db", image: "db", volumeMounts }] };
  return {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name: "db" },
    spec: {
      serviceName: "db",
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: pod },
      volumeClaimTemplates: claims,
    },
  };
}

const claim = (name: string, spec: object): object => ({ metadata: { name }, spec });
const gibibyte = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } };

test("a StatefulSet's containers may mount the volumes of its claim templates, and no others", async () => {
  const { handler } = openRegistry();
  const sets = handler(statefulSets);
  await create(sets, statefulSet(["data"], [claim("data", gibibyte)]));
  await assert.rejects(
    create(sets, statefulSet(["data", "other"], [claim("data", gibibyte)])),
    /spec\.template\.spec\.containers\[0\]\.volumeMounts\[1\]\.name: Not found: "other"/,
  );
});

test("a claim template that no claim could be made from is refused with the StatefulSet", async () => {
  const { handler } = openRegistry();
  const refused = create(
    handler(statefulSets),
    statefulSet([], [claim("data", { ...gibibyte, accessModes: ["Some"] }), claim("x y", {})]),
  );
  const fields = await refused.then(
    () => [],
    (error) => {
      assert.ok(error instanceof StatusError);
      return error.status.details?.causes?.map(({ field }) => field);
    },
  );
  assert.deepEqual(fields, [
    "spec.volumeClaimTemplates[0].spec.accessModes",
    "spec.volumeClaimTemplates[1].spec.accessModes",
    "spec.volumeClaimTemplates[1].spec.resources[storage]",
    "spec.template.spec.volumes[1].name",
  ]);
});
