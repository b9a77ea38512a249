import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { startCluster, type TestCluster } from "./cluster.ts";

suite("kubectl's commands about workloads and nodes", () => {
  let cluster: TestCluster;
  before(async () => {
    cluster = await startCluster(["--nodes", "2"]);
  });
  after(async () => {
    assert.equal(await cluster.stop(), 0);
  });

  /** Standard output of a call that must succeed. */
  const kubectl = async (...args: string[]) => {
    const { status, stdout, stderr } = await cluster.kubectl(args);
    assert.equal(status, 0, `kubectl ${args.join(" ")}: ${stderr}`);
    return stdout;
  };

  /** Standard error of a call that must fail. */
  const refused = async (...args: string[]) => {
    const { status, stderr } = await cluster.kubectl(args);
    assert.notEqual(status, 0, `kubectl ${args.join(" ")} was accepted`);
    return stderr;
  };

  const rolledOut = async () =>
    assert.match(
      await kubectl("rollout", "status", "deployment/web", "--timeout=30s"),
      /successfully rolled out/,
    );
  const image = () =>
    kubectl("get", "deployment", "web", "-o", "jsonpath={.spec.template.spec.containers[0].image}");

  test("a rollout has a history, goes back, holds and goes on", async () => {
    await kubectl("create", "deployment", "web", "--image=nginx:1", "--replicas=2", "--port=80");
    await rolledOut();
    assert.equal(
      await kubectl("set", "image", "deployment/web", "nginx=nginx:2"),
      "deployment.apps/web image updated\n",
    );
    await kubectl("annotate", "deployment/web", "kubernetes.io/change-cause=second");
    await rolledOut();
    assert.equal(
      await kubectl("rollout", "history", "deployment/web"),
      "deployment.apps/web \nREVISION  CHANGE-CAUSE\n1         <none>\n2         second\n\n",
    );
    assert.match(await kubectl("rollout", "history", "deployment/web", "--revision=1"), /Image:\s+nginx:1\n/);
    assert.equal(await kubectl("rollout", "undo", "deployment/web"), "deployment.apps/web rolled back\n");
    await rolledOut();
    assert.equal(await image(), "nginx:1");
    assert.match(
      await refused("rollout", "undo", "deployment/web", "--to-revision=9"),
      /unable to find specified revision 9 in history/,
    );
    await kubectl("rollout", "pause", "deployment/web");
    await kubectl("set", "image", "deployment/web", "nginx=nginx:3");
    assert.match(await refused("rollout", "undo", "deployment/web"), /cannot rollback a paused deployment/);
    await kubectl("rollout", "resume", "deployment/web");
    await kubectl("rollout", "restart", "deployment/web");
    await rolledOut();
    assert.equal(await image(), "nginx:3");
  });

  test("autoscaling and exposing make what they say, and metrics are missed in kubectl's words", async () => {
    await kubectl("autoscale", "deployment", "web", "--min=1", "--max=4", "--cpu=50%");
    assert.match(await kubectl("get", "hpa"), /web +Deployment\/web +cpu: <unknown>\/50% +1 +4 +\d/);
    await kubectl("wait", "--for=condition=AbleToScale", "hpa/web", "--timeout=20s");
    assert.match(await kubectl("describe", "hpa", "web"), /ScalingActive +False +FailedGetResourceMetric/);
    await kubectl("expose", "deployment", "web", "--port=80", "--target-port=8080", "--name=front");
    assert.match(await kubectl("get", "svc", "front", "-o", "wide"), /80\/TCP +\d+s +app=web\n/);
    assert.match(await refused("top", "pods"), /Metrics API not available/);
    assert.match(await refused("top", "nodes"), /Metrics API not available/);
  });

  test("a CronJob's Job can be started by hand, and a claim waits for its volume", async () => {
    await kubectl("create", "cronjob", "tick", "--image=busybox", "--schedule=*/5 * * * *");
    assert.equal(await kubectl("create", "job", "now", "--from=cronjob/tick"), "job.batch/now created\n");
    await kubectl("wait", "--for=condition=complete", "job/now", "--timeout=30s");
    assert.match(await kubectl("get", "jobs"), /now +Complete +1\/1/);
    const claim = {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: "data" },
      spec: {
        accessModes: ["ReadWriteOnce"],
        storageClassName: "",
        resources: { requests: { storage: "1Gi" } },
      },
    };
    const volume = {
      apiVersion: "v1",
      kind: "PersistentVolume",
      metadata: { name: "disk" },
      spec: { capacity: { storage: "2Gi" }, accessModes: ["ReadWriteOnce"], hostPath: { path: "/tmp/disk" } },
    };
    const list = { apiVersion: "v1", kind: "List", items: [claim, volume] };
    assert.equal((await cluster.kubectl(["create", "-f", "-"], JSON.stringify(list))).status, 0);
    await kubectl("wait", "--for=jsonpath={.status.phase}=Bound", "pvc/data", "--timeout=20s");
    assert.match(await kubectl("get", "pvc"), /data +Bound +disk +2Gi +RWO/);
    assert.match(await kubectl("get", "pv"), /disk +2Gi +RWO +Retain +Bound +default\/data/);
  });

  test("nodes are tainted, cordoned, drained and let go on", async () => {
    const [node = ""] = (await kubectl("get", "nodes", "-o", "name")).split("\n");
    const name = node.replace("node/", "");
    assert.equal(await kubectl("taint", "node", name, "a=b:NoSchedule"), `node/${name} tainted\n`);
    assert.match(await kubectl("describe", "node", name), /Taints: +a=b:NoSchedule/);
    assert.equal(await kubectl("taint", "node", name, "a-"), `node/${name} untainted\n`);
    assert.match(
      await kubectl("drain", name, "--ignore-daemonsets", "--force", "--timeout=30s"),
      new RegExp(`node/${name} drained\n$`),
    );
    assert.match(await kubectl("get", "node", name), /Ready,SchedulingDisabled/);
    assert.equal(await kubectl("uncordon", name), `node/${name} uncordoned\n`);
  });

  test("a running pod gets a container to debug it", async () => {
    await kubectl("run", "one", "--image=busybox", "--restart=Never");
    await kubectl("debug", "one", "--image=busybox", "--container=look", "--attach=false");
    const path = "jsonpath={.spec.ephemeralContainers[*].name}";
    assert.equal(await kubectl("get", "pod", "one", "-o", path), "look");
  });

  test("the API server's own objects are there from the beginning", async () => {
    assert.match(
      await kubectl("get", "flowschemas"),
      /^NAME +PRIORITYLEVEL.*\nexempt +exempt +1 [\s\S]*\ncatch-all +catch-all +10000 +ByUser +\d+s +False\n$/,
    );
    assert.match(await kubectl("get", "servicecidrs"), /kubernetes +10\.96\.0\.0\/16/);
    assert.match(
      await kubectl("get", "componentstatuses"),
      /controller-manager +Healthy +ok +\nscheduler +Healthy +ok +\netcd-0 +Healthy +ok/,
    );
  });
});
