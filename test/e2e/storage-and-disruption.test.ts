import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { eventually, startCluster, type TestCluster } from "./cluster.ts";

suite("kubectl with disruption budgets, quotas and claims", () => {
  let cluster: TestCluster;
  before(async () => {
    cluster = await startCluster(["--nodes", "2"]);
  });
  after(async () => {
    assert.equal(await cluster.stop(), 0);
  });

  const kubectl = async (...args: string[]) => {
    const { status, stdout, stderr } = await cluster.kubectl(args);
    assert.equal(status, 0, `kubectl ${args.join(" ")}: ${stderr}`);
    return stdout;
  };
  const apply = async (object: object) => {
    const { status, stderr } = await cluster.kubectl(["apply", "-f", "-"], JSON.stringify(object));
    assert.equal(status, 0, stderr);
  };
  const allowed = (value: string) =>
    eventually(`${value} disruptions allowed`, async () => {
      const found = await kubectl("get", "pdb", "web", "-o", "jsonpath={.status.disruptionsAllowed}");
      return found === value;
    });

  test("an eviction asks the budget, and a drain waits for it", async () => {
    await kubectl("create", "deployment", "web", "--image=web", "--replicas=3");
    await kubectl("create", "pdb", "web", "--selector=app=web", "--min-available=3");
    await kubectl("rollout", "status", "deployment/web", "--timeout=30s");
    await allowed("0");
    assert.match(
      await kubectl("get", "pdb", "web"),
      /NAME +MIN AVAILABLE +MAX UNAVAILABLE +ALLOWED DISRUPTIONS +AGE\nweb +3 +N\/A +0 /,
    );
    const node = await kubectl("get", "pods", "-l", "app=web", "-o", "jsonpath={.items[0].spec.nodeName}");
    const refused = await cluster.kubectl(["drain", node, "--timeout=1s"]);
    assert.notEqual(refused.status, 0);
    assert.match(
      refused.stderr,
      /Cannot evict pod as it would violate the pod's disruption budget/,
      "the budget keeps all three",
    );
    await kubectl("patch", "pdb", "web", "--type=merge", "-p", '{"spec":{"minAvailable":2}}');
    await allowed("1");
    // One at a time: the next goes when the Deployment has replaced the last on the other node.
    assert.match(await kubectl("drain", node, "--timeout=60s"), new RegExp(`node/${node} drained`));
    const left = await kubectl("get", "pods", "-l", "app=web", "-o", "jsonpath={.items[*].spec.nodeName}");
    assert.ok(!left.split(" ").includes(node), `the pods run on ${left}`);
    await kubectl("uncordon", node);
  });

  test("a claim that a pod mounts stays until the pod is gone", async () => {
    const accessModes = ["ReadWriteOnce"];
    // No pod is scheduled before its claims are bound.
    await apply({
      apiVersion: "v1",
      kind: "PersistentVolume",
      metadata: { name: "disk" },
      spec: { accessModes, capacity: { storage: "1Gi" }, hostPath: { path: "/disk" } },
    });
    await apply({
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: "data" },
      spec: { accessModes, resources: { requests: { storage: "1Gi" } } },
    });
    await apply({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "user" },
      spec: {
        containers: [{ name: "c", image: "web", volumeMounts: [{ name: "v", mountPath: "/data" }] }],
        volumes: [{ name: "v", persistentVolumeClaim: { claimName: "data" } }],
      },
    });
    await kubectl("wait", "--for=jsonpath={.spec.nodeName}", "pod/user", "--timeout=30s");
    await kubectl("delete", "pvc", "data", "--wait=false");
    assert.match(await kubectl("get", "pvc", "data"), /^data +Terminating/m);
    await kubectl("delete", "pod", "user");
    await kubectl("wait", "--for=delete", "pvc/data", "--timeout=30s");
  });
});
