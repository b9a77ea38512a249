/** Pods of images: roots and networks of their own, used with the real kubectl. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { layerOf, manifestOf, programs, writeIndex } from "../node/image-layout.ts";
import { eventually, startCluster, type TestCluster } from "./cluster.ts";

const able = (command: string): boolean => spawnSync("sh", ["-c", command]).status === 0;
const skip =
  process.platform === "linux" && able("unshare --mount --pid --fork --net true && ip link show")
    ? false
    : "containers need Linux, root, util-linux and ip";
const images = mkdtempSync(join(tmpdir(), "raftsman-image-pods-"));
let cluster: TestCluster;

before(async () => {
  if (skip !== false) return;
  const base = layerOf(images, {
    ...programs(["sh", "cat", "id", "ls", "sleep", "touch"]),
    "/etc/passwd": "root:x:0:0::/root:/bin/sh\nme:x:1234:7::/home/me:/bin/sh\n",
    "/etc/group": "root:x:0:\n",
    "/removed": "by the layer above",
    "/kept": "below",
  });
  const upper = layerOf(images, { "/.wh.removed": "", "/above": "above", "/lower/.wh..wh..hardlinks": "" });
  const config = {
    Env: ["PATH=/bin", "FROM=image"],
    User: "me",
    WorkingDir: "/work",
    Cmd: ["sh", "-c", "id; sleep 1000"],
  };
  writeIndex(images, {
    "tools:1": manifestOf(images, [base, upper], config),
    node: manifestOf(images, [layerOf(images, programs([process.execPath]))], { Env: ["PATH=/bin"] }),
  });
  cluster = await startCluster([
    ...["--runtime", "process", "--images", images],
    ...["--pod-cidr", "10.211.0.0/16", "--service-cluster-ip-range", "10.212.0.0/16"],
  ]);
});
after(async () => {
  if (skip === false) assert.equal(await cluster.stop(), 0);
  rmSync(images, { recursive: true, force: true });
});

async function apply(...objects: object[]): Promise<void> {
  const text = objects.map((one) => JSON.stringify(one)).join("\n");
  const outcome = await cluster.kubectl(["apply", "-f", "-"], text);
  assert.equal(outcome.status, 0, outcome.stderr);
}

function pod(name: string, container: object, spec: object = {}): object {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, labels: { app: name } },
    spec: {
      terminationGracePeriodSeconds: 0,
      restartPolicy: "Never",
      containers: [{ name: "main", image: "tools:1", ...container }],
      ...spec,
    },
  };
}

async function until(name: string, path: string, value: RegExp): Promise<void> {
  await eventually(`${name}: ${path} is ${value}`, async () => {
    const { stdout } = await cluster.kubectl(["get", "pod", name, "-o", `jsonpath={${path}}`]);
    return value.test(stdout);
  });
}

/** What a shell in the container says. */
async function inside(name: string, script: string): Promise<string> {
  const { stdout, stderr } = await cluster.kubectl(["exec", name, "--", "sh", "-c", script]);
  return stdout + stderr;
}

test("a container has its image's root, user, environment and directory, and each start's writes are its own", {
  skip,
}, async () => {
  await apply(pod("plain", {}));
  await until("plain", ".status.phase", /^Running$/);
  assert.equal(await inside("plain", "cat /kept /above; echo $FROM"), "belowaboveimage\n");
  assert.match(await inside("plain", "ls /removed"), /No such file or directory/);
  const { stdout } = await cluster.kubectl(["logs", "plain"]);
  assert.equal(stdout, "uid=1234(me) gid=7 groups=7\n");
  assert.equal(
    await inside("plain", "id; cd -P .; echo $PWD; cat /etc/hostname"),
    "uid=1234(me) gid=7 groups=7\n/work\nplain\n",
  );
  assert.match(await inside("plain", "cat /proc/1/cmdline"), /^sh\0-c\0id; sleep 1000\0$/);
});

test("an ephemeral container looks at the processes of its target, once", { skip }, async () => {
  const debug = ["debug", "plain", "--image=tools:1", "--target=main", "-c", "look", "--profile=general"];
  const { status, stderr } = await cluster.kubectl([
    ...debug,
    "--",
    "sh",
    "-c",
    "cat /proc/1/cmdline; exit 3",
  ]);
  assert.equal(status, 0, stderr);
  const ended = ".status.ephemeralContainerStatuses[0].state.terminated.exitCode";
  await until("plain", ended, /^3$/);
  assert.equal((await cluster.kubectl(["logs", "plain", "-c", "look"])).stdout, "sh\0-c\0id; sleep 1000\0");
  await until("plain", ".status.containerStatuses[0].restartCount", /^0$/);
});

test("volumes are where mountPath says, read-only where they have to be, and links lead nowhere else", {
  skip,
}, async () => {
  await apply(
    { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings" }, data: { one: "1\n" } },
    {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: "kept" },
      spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Mi" } } },
    },
    pod(
      "volumes",
      {
        securityContext: { runAsUser: 0, readOnlyRootFilesystem: true },
        command: ["sh", "-c", "sleep 1000"],
        volumeMounts: [
          { name: "settings", mountPath: "/etc/app" },
          { name: "settings", mountPath: "/one-file", subPath: "one" },
          { name: "space", mountPath: "/space" },
          { name: "memory", mountPath: "/memory" },
          { name: "kept", mountPath: "/kept-here/" },
          { name: "shown", mountPath: "/shown" },
        ],
      },
      {
        volumes: [
          { name: "settings", configMap: { name: "settings" } },
          { name: "space", emptyDir: {} },
          { name: "memory", emptyDir: { medium: "Memory", sizeLimit: "1Mi" } },
          { name: "kept", persistentVolumeClaim: { claimName: "kept" } },
          { name: "shown", persistentVolumeClaim: { claimName: "kept", readOnly: true } },
        ],
      },
    ),
  );
  await until("volumes", ".status.phase", /^Running$/);
  assert.equal(await inside("volumes", "cat /etc/app/one /one-file"), "1\n1\n");
  assert.match(await inside("volumes", "touch /etc/app/x"), /Read-only file system/);
  assert.match(await inside("volumes", "touch /x"), /Read-only file system/);
  assert.equal(await inside("volumes", "touch /space/x && ls /space"), "x\n");
  assert.equal(await inside("volumes", "touch /kept-here/x && ls /shown"), "x\n");
  assert.match(await inside("volumes", "touch /shown/y"), /Read-only file system/);
  assert.match(await inside("volumes", "cat /proc/mounts"), /^tmpfs \/memory tmpfs rw,\S*size=1024k/m);
});

test("a program that the image has not is a start that failed, and an image that is not there is not pulled", {
  skip,
}, async () => {
  await apply(pod("missing", { command: ["nosuchthing"] }), pod("absent", { image: "tools:2" }));
  const state = ".status.containerStatuses[0].state";
  await until(
    "missing",
    `${state}.terminated.message`,
    /exec: "nosuchthing": executable file not found in \$PATH/,
  );
  await until("missing", `${state}.terminated.reason`, /^StartError$/);
  await until("absent", `${state}.waiting.reason`, /^(ErrImagePull|ImagePullBackOff)$/);
  await until("absent", `${state}.waiting.message`, /has no docker\.io\/library\/tools:2/);
});

test("pods listen on the same port, each in its own network, and find each other and the API by name", {
  skip,
}, async () => {
  const serve = `require("node:http").createServer((_, answer) => answer.end(process.env.HOSTNAME)).listen(80)`;
  const server = (name: string): object => pod(name, { image: "node", command: ["node", "-e", serve] });
  const service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web" },
    spec: { selector: { app: "web" }, ports: [{ port: 8080, targetPort: 80 }] },
  };
  const env = [
    { name: "NODE_EXTRA_CA_CERTS", value: "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt" },
  ];
  const ask = `
    const get = async (url) => { for (;;) try { return await (await fetch(url)).text() } catch { await new Promise((r) => setTimeout(r, 100)) } };
    (async () => console.log(await get("http://web:8080/"), (await get("https://kubernetes.default/version")).includes("gitVersion")))()`;
  await apply(
    service,
    server("web"),
    server("other"),
    pod("client", { image: "node", env, command: ["node", "-e", ask] }),
  );
  await until("client", ".status.phase", /^Succeeded$/);
  assert.equal((await cluster.kubectl(["logs", "client"])).stdout, "web true\n");
  await until("other", ".status.podIP", /^10\.211\./);
});
