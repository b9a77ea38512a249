import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { eventually, run, startCluster, type TestCluster } from "./cluster.ts";

const entry = join(import.meta.dirname, "../../dist/raftsman.js");

/** The command without a cluster of its own. */
const command = (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  run(process.execPath, [entry, ...args], { ...process.env, ...env });

suite("the raftsman command as a client", () => {
  let cluster: TestCluster;
  before(async () => {
    cluster = await startCluster();
  });
  after(async () => {
    assert.equal(await cluster.stop(), 0);
  });

  const raftsman = async (args: readonly string[], input?: string) => {
    const { status, stdout, stderr } = await cluster.raftsman(args, input);
    assert.equal(status, 0, `raftsman ${args.join(" ")}: ${stderr}`);
    return stdout;
  };
  /** One line on standard error. */
  const refused = async (args: readonly string[], input?: string) => {
    const { status, stdout, stderr } = await cluster.raftsman(args, input);
    assert.equal(status, 1, `raftsman ${args.join(" ")}: ${stdout}`);
    return stderr;
  };
  const manifest = (data: object) =>
    JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "made" }, data });

  test("applies: created, unchanged, configured", async () => {
    const file = ["apply", "-f", "manifests/docker-registry.yaml"];
    assert.equal(
      await raftsman(file),
      "service/docker-registry created\ndeployment.apps/docker-registry created\n",
    );
    assert.equal(
      await raftsman(file),
      "service/docker-registry unchanged\ndeployment.apps/docker-registry unchanged\n",
    );
    assert.equal(
      await raftsman(["apply", "-f", "-"], manifest({ a: "1", b: "1" })),
      "configmap/made created\n",
    );
    assert.equal(await raftsman(["apply", "-f", "-"], manifest({ a: "2" })), "configmap/made configured\n");
    assert.deepEqual(JSON.parse(await raftsman(["get", "cm/made", "-o", "json"])).data, { a: "2" });
  });

  test("gets tables, objects and names, without colours in a pipe", async () => {
    assert.match(
      await raftsman(["get", "deploy,svc"]),
      /^NAME +READY .*\ndocker-registry +\d\/1 .*\n\nNAME +TYPE .*\ndocker-registry +ClusterIP .*\nkubernetes +ClusterIP .*\n$/,
    );
    assert.match(await raftsman(["get", "nodes", "-o", "wide"]), /OS-IMAGE/);
    assert.match(await raftsman(["get", "pods", "-A"]), /^NAMESPACE +NAME/);
    assert.match(await raftsman(["get", "svc", "docker-registry", "-o", "yaml"]), /^ {2}type: ClusterIP$/m);
    assert.match(
      await raftsman(["get", "pods", "-l", "app=docker-registry", "-o", "name"]),
      /^pod\/docker-registry-\S+\n$/,
    );
  });

  test("watches what a scale does to the Endpoints", async () => {
    const watching = cluster.start("raftsman", ["watch", "endpoints", "docker-registry"]);
    let scaled = false;
    for await (const line of watching.lines) {
      if (line.startsWith("NAME")) continue;
      const addresses = line.match(/10\.1\d\d\.\d+\.\d+:5000/g)?.length ?? 0;
      if (addresses === 3) break;
      if (scaled || addresses !== 1) continue;
      scaled = true;
      await raftsman(["scale", "deployment/docker-registry", "--replicas", "3"]);
    }
    watching.stop();
    assert.ok(scaled);
  });

  test("ends quietly when whoever reads it has seen enough", async () => {
    const child = spawn(
      process.execPath,
      [entry, "watch", "configmaps", "--kubeconfig", cluster.kubeconfig],
      {
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    let errors = "";
    child.stderr.on("data", (chunk) => {
      errors += chunk;
    });
    const ended = new Promise((resolve) => child.once("exit", resolve));
    await new Promise((resolve) => child.stdout.once("data", resolve));
    child.stdout.destroy();
    await raftsman(["apply", "-f", "-"], manifest({ a: "3" }));
    assert.equal(await ended, 0, errors);
    assert.equal(errors, "");
  });

  test("says in one line what is wrong, and applies nothing of a manifest that is", async () => {
    const good = `${manifest({ a: "1" }).replace("made", "never")}\n---\n`;
    assert.match(
      await refused(["apply", "-f", "-"], `${good}${manifest({}).replace('"data"', '"dta"')}`),
      /^error: nothing was applied:\n {2}standard input, document 2: ConfigMap "made": unknown field "dta"\n$/,
    );
    assert.match(await refused(["get", "cm", "never"]), /^error: configmaps "never" not found\n$/);
    const unknownKind = '{"apiVersion":"v9","kind":"Foo","metadata":{"name":"x"}}';
    assert.match(
      await refused(["apply", "-f", "-"], unknownKind),
      /no matches for kind "Foo" in version "v9"\n$/,
    );
    assert.match(await refused(["apply", "-f", "-"], "a: [b"), /^error: standard input: /);
    assert.equal(await refused(["apply", "-f", "/nowhere"]), 'error: the path "/nowhere" does not exist\n');
    assert.match(await refused(["apply"]), /required option '-f, --filename <place>' not specified/);
    assert.match(
      await refused(["get", "unicorns"]),
      /^error: the server doesn't have a resource type "unicorns"/,
    );
    assert.match(
      await refused(["scale", "svc/docker-registry", "--replicas", "1"]),
      /services cannot be scaled/,
    );
    assert.match(
      await refused(["scale", "deploy/docker-registry", "--replicas", "x"]),
      /'--replicas <n>' argument 'x' is invalid/,
    );
    assert.match(
      await refused(["get", "pods", "--kubeconfig", "/nowhere"]),
      /^error: no kubeconfig at \/nowhere: /,
    );
  });

  test("deletes by name and by manifest, and waits until it is gone", async () => {
    assert.equal(await raftsman(["delete", "cm/made"]), 'configmap "made" deleted\n');
    const file = ["delete", "-f", "manifests/docker-registry.yaml"];
    assert.equal(
      await raftsman(file),
      'service "docker-registry" deleted\ndeployment.apps "docker-registry" deleted\n',
    );
    assert.match(await refused(file), /^error: services "docker-registry" not found\n/);
  });
});

suite("raftsman up", () => {
  test("leaves nothing behind: no process, no directory, no port", async () => {
    const cluster = await startCluster(["--members", "3"]);
    const dataDir = /^Data +(\S+)/m.exec(cluster.output.join("\n"))?.[1] as string;
    assert.ok(existsSync(dataDir));
    const config = await cluster.raftsman(["get", "nodes", "--kubeconfig", cluster.kubeconfig]);
    assert.equal(config.status, 0);
    assert.equal(await cluster.stop(), 0);
    assert.ok(!existsSync(dataDir));
    for (const pid of cluster.pids.values()) assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
    for (const url of cluster.etcdUrls) {
      const port = Number(new URL(url).port);
      await new Promise<void>((resolve, reject) => {
        const listener = createServer()
          .once("error", reject)
          .listen(port, "127.0.0.1", () => listener.close(() => resolve()));
      });
    }
  });

  for (const members of ["1", "3"]) {
    test(`a cluster of ${members} starts again on its data directory with every object`, async () => {
      const dataDir = mkdtempSync(join(tmpdir(), "raftsman-again-"));
      try {
        const flags = ["--members", members, "--data-dir", dataDir];
        const first = await startCluster(flags);
        const made = await first.kubectl(["create", "deployment", "kept", "--image=nginx", "--replicas=2"]);
        assert.equal(made.status, 0, made.stderr);
        const rolledOut = ["rollout", "status", "deploy/kept", "--timeout=30s"];
        assert.equal((await first.kubectl(rolledOut)).status, 0);
        const state = ["get", "deploy,rs,svc,cm", "-A", "-o", "jsonpath={.items[*].metadata.uid}"];
        const { stdout: before } = await first.kubectl(state);
        assert.equal(await first.stop(), 0);
        const otherSize = members === "1" ? "3" : "1";
        const refused = await command(["up", "--members", otherSize, "--data-dir", dataDir]);
        assert.equal(refused.status, 1);
        assert.match(refused.stderr, new RegExp(`holds a cluster made with --members ${members}`));

        const second = await startCluster(flags);
        assert.equal((await second.kubectl(state)).stdout, before);
        await eventually("it works again", async () => {
          const { stdout } = await second.kubectl([
            "get",
            "deploy",
            "kept",
            "-o",
            "jsonpath={.status.readyReplicas}",
          ]);
          return stdout === "2";
        });
        assert.equal((await second.kubectl(["scale", "deploy/kept", "--replicas=3"])).status, 0);
        assert.equal((await second.kubectl(rolledOut)).status, 0);
        assert.equal(await second.stop(), 0);
      } finally {
        rmSync(dataDir, { recursive: true, force: true });
      }
    });
  }

  test("refuses what cannot work before it starts anything, and names the flag or the port", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const { port } = taken.address() as { port: number };
    const cases: [string[], RegExp][] = [
      [["--port", String(port)], new RegExp(`127\\.0\\.0\\.1:${port} is taken by another program`)],
      [["--port", "99999"], /'--port <port>' argument '99999' is invalid/],
      [["--members", "2"], /Allowed choices are 1, 3/],
      [["--nodes", "some"], /'--nodes <n>' argument 'some' is invalid/],
      [["--pod-cidr", "10.0.0.0"], /'--pod-cidr <cidr>' argument '10\.0\.0\.0' is invalid/],
      [["--pod-cidr", "10.0.0.0/24"], /each node gets a \/23/],
      [["--service-cluster-ip-range", "10.0.0.0"], /--service-cluster-ip-range 10\.0\.0\.0 is no CIDR/],
    ];
    // The temporary directory would be seen here.
    const temporary = mkdtempSync(join(tmpdir(), "raftsman-refused-"));
    try {
      for (const [flags, message] of cases) {
        const { status, stderr } = await command(["up", "--etcd-port", "0", ...flags], { TMPDIR: temporary });
        assert.equal(status, 1, flags.join(" "));
        assert.match(stderr, message);
      }
      assert.deepEqual(readdirSync(temporary), []);
    } finally {
      rmSync(temporary, { recursive: true, force: true });
      taken.close();
    }
  });

  test("a server that is gone is named", async () => {
    const directory = mkdtempSync(join(tmpdir(), "raftsman-gone-"));
    const path = join(directory, "kubeconfig");
    const kubeconfig = {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "a", cluster: { server: "https://127.0.0.1:1" } }],
      users: [{ name: "a", user: { token: "x" } }],
      contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
      "current-context": "a",
    };
    writeFileSync(path, JSON.stringify(kubeconfig));
    const { status, stderr } = await command(["get", "pods", "--kubeconfig", path]);
    rmSync(directory, { recursive: true });
    assert.equal(status, 1);
    assert.match(stderr, /^error: the server at https:\/\/127\.0\.0\.1:1\/? cannot be reached: /);
  });
});
