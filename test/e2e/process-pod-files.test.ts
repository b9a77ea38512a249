/** What the programs of pods find and keep: claimed volumes, the users they run as, content of the API that changes under them. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { eventually, startCluster, type TestCluster } from "./cluster.ts";

const linux = process.platform === "linux";
const root = process.getuid?.() === 0;
/** A user that every machine has. */
const nobody = 65_534;

suite("files of pods that are processes", { skip: linux ? false : "processes need Linux" }, () => {
  let cluster: TestCluster;
  before(async () => {
    cluster = await startCluster(["--runtime", "process"]);
  });
  after(async () => {
    assert.equal(await cluster.stop(), 0);
  });

  const kubectl = async (...args: string[]) => {
    const { status, stdout, stderr } = await cluster.kubectl(args);
    assert.equal(status, 0, `kubectl ${args.join(" ")}: ${stderr}`);
    return stdout;
  };
  const apply = async (...objects: object[]) => {
    const text = objects.map((one) => JSON.stringify(one)).join("\n");
    const { status, stderr } = await cluster.kubectl(["apply", "-f", "-"], text);
    assert.equal(status, 0, stderr);
  };
  const logged = (pod: string, pattern: RegExp) =>
    eventually(`${pod} says ${pattern}`, async () =>
      pattern.test((await cluster.kubectl(["logs", pod])).stdout),
    );
  const container = (script: string, fields: object = {}) => ({
    name: "main",
    image: "host",
    command: ["sh", "-c", script],
    ...fields,
  });
  const pod = (name: string, spec: object) => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: { terminationGracePeriodSeconds: 1, restartPolicy: "Never", ...spec },
  });

  test("a StatefulSet's program finds what it kept after its pod was replaced; a claim that goes takes its directory with it", async () => {
    const labels = { app: "db" };
    const script =
      "echo $POD_NAME >> data/names; echo kept $(wc -l < data/names); trap 'exit 0' TERM; while :; do sleep 0.05; done";
    await apply({
      apiVersion: "apps/v1",
      kind: "StatefulSet",
      metadata: { name: "db" },
      spec: {
        serviceName: "db",
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            terminationGracePeriodSeconds: 1,
            containers: [container(script, { volumeMounts: [{ name: "data", mountPath: "/data" }] })],
          },
        },
        volumeClaimTemplates: [
          {
            metadata: { name: "data" },
            spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Mi" } } },
          },
        ],
      },
    });
    await logged("db-0", /^kept 1$/m);
    await kubectl("delete", "pod", "db-0");
    await logged("db-0", /^kept 2$/m);
    const volume = await kubectl("get", "pvc", "data-db-0", "-o", "jsonpath={.spec.volumeName}");
    const path = await kubectl("get", "pv", volume, "-o", "jsonpath={.spec.hostPath.path}");
    assert.ok(existsSync(`${path}/names`));
    await kubectl("delete", "statefulset", "db");
    await kubectl("delete", "pvc", "data-db-0", "--timeout=30s");
    await kubectl("wait", "--for=delete", `pv/${volume}`, "--timeout=30s");
    assert.ok(!existsSync(path));
  });

  test("a program runs as the user its pod names, reads its Secret by the fsGroup, and nobody else does", {
    skip: root ? false : "other users need root",
  }, async () => {
    await apply({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "key" },
      stringData: { key: "opensesame" },
    });
    const secret = { secretName: "key", defaultMode: 0o400 };
    await apply(
      pod("user", {
        securityContext: { runAsUser: nobody, runAsGroup: nobody, fsGroup: 4242, runAsNonRoot: true },
        containers: [
          container(
            "id -u; id -G; cat $RAFTSMAN_ROOT/etc/key/key; touch own; echo; echo $HOME; stat -L -c '%a %u %g' $RAFTSMAN_ROOT/var/run/secrets/kubernetes.io/serviceaccount/token",
            { volumeMounts: [{ name: "key", mountPath: "/etc/key" }] },
          ),
        ],
        volumes: [{ name: "key", secret }],
      }),
      pod("other", {
        containers: [
          container("cat $RAFTSMAN_ROOT/etc/key/key", {
            volumeMounts: [{ name: "key", mountPath: "/etc/key" }],
          }),
          {
            ...container("cat $RAFTSMAN_ROOT/etc/key/key", {
              volumeMounts: [{ name: "key", mountPath: "/etc/key" }],
            }),
            name: "stranger",
            securityContext: { runAsUser: nobody },
          },
        ],
        volumes: [{ name: "key", secret }],
      }),
      pod("rooted", {
        securityContext: { runAsNonRoot: true },
        containers: [container("exit 0")],
      }),
    );
    await logged("user", /^65534\n65534 4242\nopensesame\n\/\w.*\n640 65534 4242\n/);
    await eventually("the stranger may not read it", async () =>
      /Permission denied/.test((await cluster.kubectl(["logs", "other", "-c", "stranger"])).stdout),
    );
    assert.equal(await kubectl("logs", "other", "-c", "main"), "opensesame");
    await eventually("root is refused", async () => {
      const events = await kubectl("get", "events", "--field-selector=involvedObject.name=rooted");
      return /container has runAsNonRoot and image will run as root/.test(events);
    });
  });

  test("a directory of the machine that is not there is made, unless the pod says that it must be there", async () => {
    const directory = mkdtempSync(join(tmpdir(), "raftsman-host-path-"));
    const mounts = { volumeMounts: [{ name: "host", mountPath: "/host" }] };
    const onHost = (name: string, type?: string) =>
      pod(name, {
        containers: [container("echo here > $RAFTSMAN_ROOT/host/file; echo done", mounts)],
        volumes: [{ name: "host", hostPath: { path: join(directory, name), ...(type && { type }) } }],
      });
    await apply(onHost("made"), onHost("missing", "Directory"));
    await logged("made", /^done$/m);
    assert.equal(readFileSync(join(directory, "made/file"), "utf8"), "here\n");
    await eventually("what must be there is missed", async () =>
      /hostPath type check failed: \S+ is not a directory/.test(
        await kubectl("get", "events", "--field-selector=involvedObject.name=missing"),
      ),
    );
    assert.ok(!existsSync(join(directory, "missing")));
    rmSync(directory, { recursive: true });
  });

  test("a running program sees changes of what a projected volume is made of, and never half of one", async () => {
    const settings = (first: string, second: string) => ({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "settings" },
      data: { first: `${first}\n`, second: `${second}\n` },
    });
    await apply(settings("1", "1"));
    // Through ..data, which a reader of two files that belong together uses. As with a kubelet the directory it leads to is removed
    // once another has taken its place: who is caught inside finds a file missing, and reads again.
    const script =
      'last=; while :; do now="$(cd -P conf/..data && cat first second 2>/dev/null)" && [ "$now" != "$last" ] && echo $now && last="$now"; sleep 0.02; done';
    await apply(
      pod("reader", {
        containers: [container(script, { volumeMounts: [{ name: "conf", mountPath: "/conf" }] })],
        volumes: [
          {
            name: "conf",
            projected: {
              sources: [
                { configMap: { name: "settings" } },
                { downwardAPI: { items: [{ path: "who", fieldRef: { fieldPath: "metadata.name" } }] } },
              ],
            },
          },
        ],
      }),
    );
    await logged("reader", /^1 1$/m);
    await apply(settings("2", "2"));
    await logged("reader", /^2 2$/m);
    assert.equal(await kubectl("logs", "reader"), "1 1\n2 2\n");
    await kubectl("delete", "pod", "reader", "--now");
  });
});
