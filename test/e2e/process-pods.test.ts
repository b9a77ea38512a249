/** Pods that are programs of this machine, used with the real kubectl through every way there is. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { WebSocket } from "ws";
import { freePorts } from "../replica/cluster.ts";
import { eventually, startCluster, type TestCluster } from "./cluster.ts";
import { realClient } from "./kubectl-archive.ts";

const linux = process.platform === "linux";
const skip = linux ? false : "pods' own addresses are Linux' 127.0.0.0/8";
const directory = mkdtempSync(join(tmpdir(), "raftsman-process-"));
let cluster: TestCluster;

before(async () => {
  if (linux) cluster = await startCluster(["--runtime", "process"]);
});
after(async () => {
  if (linux) assert.equal(await cluster.stop(), 0);
  rmSync(directory, { recursive: true, force: true });
});

const serverScript = `
const http = require("node:http");
http.createServer((request, response) => {
  if (request.url === "/exit") process.exit(9);
  console.log("asked", request.url);
  if (request.url === "/page") {
    response.writeHead(200, { "content-type": "text/html" });
    return response.end('<a href="/other">' + request.headers.host.replace(/\\d+/g, "N") + request.method + "</a>");
  }
  response.end(process.env.POD_NAME + " " + request.url + "\\n");
}).listen(8080, process.env.POD_IP, () => console.log("listening", process.pid));
process.on("SIGTERM", () => process.exit(0));
`;

async function apply(...objects: object[]): Promise<void> {
  const outcome = await cluster.kubectl(
    ["apply", "-f", "-"],
    objects.map((one) => JSON.stringify(one)).join("\n"),
  );
  assert.equal(outcome.status, 0, outcome.stderr);
}

function pod(name: string, container: object, spec: object = {}): object {
  const containers = [{ name: "main", image: "host", ...container }];
  const metadata = { name, labels: { app: name } };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata,
    spec: { terminationGracePeriodSeconds: 2, containers, ...spec },
  };
}

async function status(name: string): Promise<Record<string, unknown> & { podIP?: string }> {
  const { stdout } = await cluster.kubectl(["get", "pod", name, "-o", "json"]);
  return stdout === "" ? {} : JSON.parse(stdout).status;
}

/** What stands under a path of a pod's status. */
async function until(name: string, path: string, value: unknown): Promise<void> {
  await eventually(`${name}: ${path} is ${value}`, async () => {
    const { stdout } = await cluster.kubectl(["get", "pod", name, "-o", `jsonpath={${path}}`]);
    return stdout === String(value);
  });
}

const ready = '.status.conditions[?(@.type=="Ready")].status';
const waiting = ".status.containerStatuses[0].state.waiting.reason";

async function addresses(service: string): Promise<string[]> {
  const { stdout } = await cluster.kubectl([
    "get",
    "endpoints",
    service,
    "-o",
    "jsonpath={.subsets[*].addresses[*].ip}",
  ]);
  return stdout.split(" ").filter((one) => one !== "");
}

test("a program serves at its own address and is reached by every way of kubectl", { skip }, async () => {
  const script = join(directory, "server.cjs");
  writeFileSync(script, serverScript);
  const container = {
    command: [process.execPath, script],
    ports: [{ name: "http", containerPort: 8080 }],
    readinessProbe: { httpGet: { port: "http" }, periodSeconds: 1 },
  };
  const service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web" },
    spec: { selector: { app: "web" }, ports: [{ port: 80, targetPort: "http" }] },
  };
  await apply(pod("web", container), service);
  await until("web", ready, "True");
  const { podIP } = await status("web");
  assert.match(podIP ?? "", /^127\.1[2-5]\d\./);
  await eventually("the endpoint is there", async () => (await addresses("web")).includes(podIP ?? ""));
  const answer = await fetch(`http://${podIP}:8080/direct`);
  assert.equal(await answer.text(), "web /direct\n");

  const through = await cluster.kubectl([
    "get",
    "--raw",
    "/api/v1/namespaces/default/services/web:80/proxy/via?x=1",
  ]);
  assert.equal(through.stdout, "web /via?x=1\n", through.stderr);
  const direct = await cluster.kubectl([
    "get",
    "--raw",
    "/api/v1/namespaces/default/pods/web:8080/proxy/pod",
  ]);
  assert.equal(direct.stdout, "web /pod\n");
  const proxied = "/api/v1/namespaces/default/pods/web:8080/proxy";
  const page = await cluster.kubectl(["get", "--raw", `${proxied}/page`]);
  // Pods see the name that the client knows the API server by.
  assert.equal(page.stdout, `<a href="${proxied}/other">N.N.N.N:NGET</a>`);
  const posted = await cluster.kubectl(["create", "--raw", proxied, "-f", "-"], "{}");
  assert.equal(posted.stdout, "web /\n", "only what can be shown is sent on to the directory");
  const logs = await cluster.kubectl(["logs", "web", "--timestamps"]);
  assert.match(logs.stdout, /^\d{4}-\S+Z listening \d+$/m);
  assert.match(logs.stdout, /Z asked \/via\?x=1$/m);
  const tail = await cluster.kubectl(["logs", "web", "--tail=1"]);
  assert.match(tail.stdout, /^asked .*\n$/);
  const none = await cluster.kubectl(["logs", "web", "--previous"]);
  assert.match(none.stderr, /\(BadRequest\): previous terminated container "main" in pod "web" not found/);

  for (const webSockets of ["true", "false"]) {
    const forwarded = await forward("web", webSockets);
    try {
      assert.equal(await (await fetch(`${forwarded.url}/forwarded`)).text(), "web /forwarded\n");
      assert.equal(await (await fetch(`${forwarded.url}/again`)).text(), "web /again\n");
    } finally {
      forwarded.stop();
    }
  }
});

test("commands run beside the program: input, both outputs, exit code, files, over WebSocket and SPDY", {
  skip,
}, async () => {
  for (const webSockets of ["true", "false"]) {
    const env = ["env", `KUBECTL_REMOTE_COMMAND_WEBSOCKETS=${webSockets}`, realClient("kubectl")];
    const exec = (args: string[], input?: string) => runKubectl([...env, "exec", ...args], input);
    const both = await exec(["web", "--", "sh", "-c", "echo out $POD_NAME; echo err >&2; exit 3"]);
    assert.equal(both.stdout, "out web\n");
    assert.equal(both.stderr, "err\ncommand terminated with exit code 3\n");
    const piped = await exec(["-i", "web", "--", "wc", "-c"], "x".repeat(300_000));
    assert.equal(piped.stdout.trim(), "300000", piped.stderr);
    const missing = await exec(["web", "--", "nosuchthing"]);
    assert.match(missing.stderr, /executable file not found in \$PATH/);
    assert.notEqual(missing.status, 0);
  }
  const source = join(directory, "copied");
  const inside = join(directory, "inside");
  writeFileSync(source, "some\nbytes\0and more");
  const there = await cluster.kubectl(["cp", source, `web:${inside}`]);
  assert.equal(there.status, 0, there.stderr);
  assert.deepEqual(readFileSync(inside), readFileSync(source));
  const back = await cluster.kubectl(["cp", `web:${inside}`, `${source}.back`]);
  assert.deepEqual(readFileSync(`${source}.back`), readFileSync(source), back.stderr);
});

test("a hostPort leads to the pod, over TCP and UDP, until the pod is gone", { skip }, async () => {
  const script = `
    require("node:http").createServer((_, answer) => answer.end("tcp")).listen(8080, process.env.POD_IP);
    const socket = require("node:dgram").createSocket("udp4", (message, from) => socket.send("got " + message, from.port, from.address));
    socket.bind(8080, process.env.POD_IP);`;
  const [port] = await freePorts(1);
  const ports = ["TCP", "UDP"].map((protocol) => ({
    protocol,
    containerPort: 8080,
    hostPort: port,
    name: protocol.toLowerCase(),
  }));
  const readinessProbe = { tcpSocket: { port: 8080 }, periodSeconds: 1 };
  await apply(pod("exposed", { command: [process.execPath, "-e", script], ports, readinessProbe }));
  await until("exposed", ready, "True");
  assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), "tcp");
  const client = createSocket("udp4");
  const answer = new Promise((resolve) => client.once("message", (message) => resolve(String(message))));
  client.send("it", port as number, "127.0.0.1");
  assert.equal(await answer, "got it");
  client.close();
  // A scheduler would not have sent it here: the node refuses it, as a kubelet does.
  await apply(pod("clash", { command: ["sleep", "1000"], ports }, { nodeName: "node-1" }));
  await until("clash", ".status.reason", "NodePorts");
  await until("clash", ".status.phase", "Failed");
  await cluster.kubectl(["delete", "pod", "exposed", "clash"]);
  await eventually("the port is closed", () =>
    fetch(`http://127.0.0.1:${port}/`).then(
      () => false,
      () => true,
    ),
  );
});

/** Every message of a WebSocket, until it ends. */
async function messages(path: string, protocol: string | undefined): Promise<Buffer[]> {
  const view = await cluster.kubectl(["config", "view", "--raw", "-o", "json"]);
  const { users, clusters } = JSON.parse(view.stdout);
  const user = users[0].user as Record<string, string>;
  const bytes = (name: string): Buffer => Buffer.from(user[name] ?? "", "base64");
  const server: string = clusters[0].cluster.server;
  const socket = new WebSocket(`${server.replace("https", "wss")}${path}`, protocol ?? [], {
    cert: bytes("client-certificate-data"),
    key: bytes("client-key-data"),
    rejectUnauthorized: false,
  });
  const found: Buffer[] = [];
  socket.on("message", (data: Buffer) => found.push(data));
  await new Promise((resolve, reject) => {
    socket.on("close", resolve);
    socket.on("error", reject);
  });
  return found;
}

test("old clients' WebSockets carry commands and logs, as bytes or base64", { skip }, async () => {
  const pod = "/api/v1/namespaces/default/pods/web";
  const exec = `${pod}/exec?stdout=1&stderr=1&command=sh&command=-c&command=${encodeURIComponent("echo out; exit 3")}`;
  const failed =
    "command terminated with non-zero exit code: error executing command [sh -c echo out; exit 3], exit code 3";
  for (const protocol of [undefined, "channel.k8s.io"])
    assert.deepEqual((await messages(exec, protocol)).map(String), ["\x01", "\x01out\n", `\x03${failed}`]);
  const encoded = await messages(exec, "base64.channel.k8s.io");
  assert.deepEqual(encoded.map(String), ["1", `1${btoa("out\n")}`, `3${btoa(failed)}`]);
  const status = (await messages(exec, "v4.channel.k8s.io")).at(-1)?.subarray(1);
  assert.equal(JSON.parse(String(status)).reason, "NonZeroExitCode");
  const log = `${pod}/log?tailLines=1`;
  for (const protocol of [undefined, "binary.k8s.io"]) {
    const [first, ...rest] = await messages(log, protocol);
    assert.equal(String(first), "");
    assert.match(Buffer.concat(rest).toString(), /^asked .*\n$/);
  }
  const [, ...rest] = await messages(log, "base64.binary.k8s.io");
  assert.match(atob(rest.map(String).join("")), /^asked .*\n$/);
  await assert.rejects(messages(log, "v4.channel.k8s.io"), /Unexpected server response: 400/);
});

test("input reaches a program that waits for it, and its output comes back", { skip }, async () => {
  const args = [
    "run",
    "-i",
    "--rm",
    "--restart=Never",
    "--image=host",
    "reader",
    "--command",
    "--",
    "sh",
    "-c",
  ];
  const outcome = await cluster.kubectl([...args, "read line; echo got $line"], "hello\n");
  assert.match(outcome.stdout, /got hello/, outcome.stderr);
});

test("a program that is killed leaves the endpoints at once and comes back; its last words stay", {
  skip,
}, async () => {
  const { stdout: said } = await cluster.kubectl(["logs", "web"]);
  const pid = Number(/^listening (\d+)$/m.exec(said)?.[1]);
  const watch = cluster.start("kubectl", [
    "get",
    "endpoints",
    "web",
    "-w",
    "-o",
    "json",
    "--output-watch-events",
  ]);
  const events: string[] = [];
  const seen = (async () => {
    for await (const line of watch.lines) events.push(line);
  })();
  await eventually("the watch is open", async () => events.length > 0);
  process.kill(pid, "SIGKILL");
  await until("web", ".status.containerStatuses[0].restartCount", 1);
  await until("web", ready, "True");
  watch.stop();
  await seen;
  assert.match(events.join("\n"), /notReadyAddresses/, "it was out of rotation in between");
  const { stdout } = await cluster.kubectl([
    "get",
    "pod",
    "web",
    "-o",
    "jsonpath={.status.containerStatuses[0].lastState.terminated.exitCode}",
  ]);
  assert.equal(stdout, "137");
  const previous = await cluster.kubectl(["logs", "web", "--previous"]);
  assert.match(previous.stdout, /^listening/);
});

test("init containers and sidecars run in order, volumes and variables are there, and a pod completes", {
  skip,
}, async () => {
  await apply(
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "settings" },
      data: { mode: "fast", "app.conf": "a=1\n" },
    },
    { apiVersion: "v1", kind: "Secret", metadata: { name: "keys" }, stringData: { key: "s3cret" } },
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "job", labels: { tier: "back" } },
      spec: {
        restartPolicy: "Never",
        terminationGracePeriodSeconds: 1,
        initContainers: [
          {
            name: "first",
            image: "host",
            command: ["sh", "-c", "echo first > $RAFTSMAN_ROOT/work/order"],
            volumeMounts: [{ name: "work", mountPath: "/work" }],
          },
          {
            name: "side",
            image: "host",
            restartPolicy: "Always",
            command: [
              "sh",
              "-c",
              "echo side >> work/order; trap 'exit 0' TERM; while :; do sleep 0.05; done",
            ],
            startupProbe: { exec: { command: ["grep", "side", "work/order"] }, periodSeconds: 1 },
            volumeMounts: [{ name: "work", mountPath: "/work" }],
          },
        ],
        containers: [
          {
            name: "main",
            image: "host",
            workingDir: "/work",
            command: [
              "sh",
              "-c",
              'echo main >> order; cat order; cat "$CONF"/app.conf; cat $RAFTSMAN_ROOT/pod/labels; echo "$MODE $KEY $GREETING $(GREETING)"; exit 4',
            ],
            env: [
              { name: "MODE", valueFrom: { configMapKeyRef: { name: "settings", key: "mode" } } },
              { name: "KEY", valueFrom: { secretKeyRef: { name: "keys", key: "key" } } },
              { name: "GREETING", value: "hello-$(POD_NAME)" },
              { name: "CONF", value: "$(RAFTSMAN_ROOT)/etc/app" },
            ],
            volumeMounts: [
              { name: "work", mountPath: "/work" },
              { name: "conf", mountPath: "/etc/app", readOnly: true },
              { name: "pod", mountPath: "/pod" },
            ],
          },
        ],
        volumes: [
          { name: "work", emptyDir: {} },
          { name: "conf", configMap: { name: "settings" } },
          {
            name: "pod",
            downwardAPI: { items: [{ path: "labels", fieldRef: { fieldPath: "metadata.labels" } }] },
          },
        ],
      },
    },
  );
  await until("job", ".status.phase", "Failed");
  const { stdout } = await cluster.kubectl(["logs", "job", "-c", "main"]);
  assert.equal(stdout, 'first\nside\nmain\na=1\ntier="back"fast s3cret hello-job hello-job\n');
  const exit = await cluster.kubectl([
    "get",
    "pod",
    "job",
    "-o",
    "jsonpath={.status.containerStatuses[0].state.terminated.exitCode} {.status.initContainerStatuses[1].state.terminated.reason}",
  ]);
  assert.equal(exit.stdout, "4 Completed");
});

test("kubectl top shows what nodes and pods use, as long as there is somebody to ask", { skip }, async () => {
  const top = await eventually("there are figures", async () => {
    const { stdout } = await cluster.kubectl([
      "top",
      "pods",
      "-l",
      "app=web",
      "--no-headers",
      "--containers",
    ]);
    return /^web\s+main\s+\d+m\s+\d+Mi/m.exec(stdout)?.[0];
  });
  assert.ok(Number(/(\d+)Mi/.exec(top)?.[1]) > 5, top);
  const nodes = await eventually("the node has a rate", async () => {
    const { stdout } = await cluster.kubectl(["top", "nodes", "--no-headers"]);
    return /^node-1\s+\d+m\s+\d+%\s+\d+Mi\s+\d+%/.exec(stdout)?.[0];
  });
  assert.ok(nodes);
});

test("what cannot run says why in a status and an event, and disturbs nobody", { skip }, async () => {
  await apply(
    pod("no-command", { command: ["nosuchthing"] }),
    pod("no-image", { image: "nginx:1.27", command: ["true"] }),
    pod("no-config", { command: ["true"], envFrom: [{ configMapRef: { name: "nope" } }] }),
    pod(
      "no-volume",
      { command: ["true"], volumeMounts: [{ name: "v", mountPath: "/v" }] },
      { volumes: [{ name: "v", secret: { secretName: "nope" } }] },
    ),
    pod("hangs", {
      command: ["sleep", "1000"],
      livenessProbe: {
        exec: { command: ["sleep", "1000"] },
        periodSeconds: 1,
        timeoutSeconds: 1,
        failureThreshold: 1,
      },
    }),
  );
  await until("no-command", waiting, "CrashLoopBackOff");
  await until("no-image", waiting, "ImagePullBackOff");
  await until("no-config", waiting, "CreateContainerConfigError");
  await until("no-volume", waiting, "ContainerCreating");
  await until("hangs", ".status.containerStatuses[0].restartCount", 1);
  await eventually("all events are written", async () => {
    const { stdout } = await cluster.kubectl([
      "get",
      "events",
      "-o",
      "jsonpath={range .items[*]}{.involvedObject.name}: {.reason}: {.message}{'\\n'}{end}",
    ]);
    return [
      /no-command: Failed: Error: .*executable file not found in \$PATH/,
      /no-image: Failed: Failed to pull image "nginx:1\.27": this node runs local processes/,
      /no-config: Failed: Error: configmap "nope" not found/,
      /no-volume: FailedMount: .*secret "nope" not found/,
      /hangs: Unhealthy: Liveness probe failed: command timed out/,
      /hangs: Killing: Container main failed liveness probe, will be restarted/,
    ].every((pattern) => pattern.test(stdout));
  });
  const logs = await cluster.kubectl(["logs", "no-image"]);
  assert.match(logs.stderr, /container "main" in pod "no-image" is waiting to start/);
  assert.equal(await (await fetch(`http://${(await status("web")).podIP}:8080/`)).text(), "web /\n");
});

test("a deleted pod is asked to end, then made to, and nothing of it stays", { skip }, async () => {
  const mark = join(directory, "stopped");
  const stubborn = {
    command: ["sh", "-c", "trap '' TERM; while :; do sleep 0.05; done"],
    lifecycle: { preStop: { exec: { command: ["touch", mark] } } },
  };
  await apply(pod("stubborn", stubborn));
  await until("stubborn", ready, "True");
  const uid = (await cluster.kubectl(["get", "pod", "stubborn", "-o", "jsonpath={.metadata.uid}"])).stdout;
  const deleted = await cluster.kubectl(["delete", "pod", "stubborn"]);
  assert.equal(deleted.status, 0, deleted.stderr);
  assert.ok(existsSync(mark), "its preStop hook ran");
  const left = await runKubectl(["pgrep", "-f", uid]);
  assert.equal(left.stdout, "");
});

test("no program of a pod outlives a clean stop, whatever it was doing", { skip }, async () => {
  const [, nodes = ""] = /^Data\s+(\S+)/m.exec(cluster.output.join("\n")) ?? [];
  const ofPods = (): string[] => programsWith(`RAFTSMAN_ROOT=${nodes}/nodes/`);
  const loop = "while :; do echo word; echo more >> $RAFTSMAN_ROOT/file; sleep 0.01; done";
  await apply(
    // Writes until the end, and takes its time about that.
    pod("chatty", {
      command: ["sh", "-c", `trap 'for i in 1 2 3 4 5; do echo bye; sleep 0.1; done; exit' TERM; ${loop}`],
    }),
    pod("restarts", { command: ["sh", "-c", "echo again; sleep 0.2; exit 1"] }),
    pod("leaves", { command: ["sh", "-c", `trap '' TERM; ${loop}`] }),
    pod("probed", {
      command: ["sh", "-c", loop],
      readinessProbe: { exec: { command: ["sleep", "1000"] }, timeoutSeconds: 1000 },
    }),
  );
  await until("leaves", ready, "True");
  await until("chatty", ready, "True");
  await until("restarts", ".status.containerStatuses[0].restartCount", 1);
  await eventually("a probe looks", async () => ofPods().some((command) => command === "sleep 1000"));
  const deleted = await cluster.kubectl(["delete", "pod", "leaves", "--wait=false"]);
  assert.equal(deleted.status, 0, deleted.stderr);
  assert.equal(await cluster.stop(), 0, cluster.notices.join("\n"));
  assert.deepEqual(ofPods(), []);
  assert.ok(!existsSync(nodes), "the temporary directory is gone");
  assert.deepEqual(
    cluster.notices.filter((line) => line.includes("cannot be removed")),
    [],
  );
});

/** Commands of this machine's processes that have the text in their environment; those that have ended have none. */
function programsWith(text: string): string[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      if (!readFileSync(`/proc/${name}/environ`, "latin1").includes(text)) return [];
      return [readFileSync(`/proc/${name}/cmdline`, "latin1").split("\0").join(" ").trim()];
    } catch {
      return [];
    }
  });
}

function runKubectl(args: string[], input?: string) {
  const [program = "", ...rest] = args;
  return new Promise<{ status: number | null; stdout: string; stderr: string }>((resolve) => {
    const child = spawn(program, rest, { env: { ...process.env, KUBECONFIG: cluster.kubeconfig } });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
    });
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    child.stdin.on("error", () => {});
    child.stdin.end(input ?? "");
    child.on("close", (code) => resolve({ status: code, stdout, stderr }));
  });
}

async function forward(name: string, webSockets: string): Promise<{ url: string; stop(): void }> {
  const child = spawn(realClient("kubectl"), ["port-forward", `pod/${name}`, ":8080"], {
    env: { ...process.env, KUBECONFIG: cluster.kubeconfig, KUBECTL_PORT_FORWARD_WEBSOCKETS: webSockets },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  child.stdout.on("data", (chunk) => {
    said += chunk;
  });
  const port = await eventually("it forwards", async () => /127\.0\.0\.1:(\d+)/.exec(said)?.[1]);
  return { url: `http://127.0.0.1:${port}`, stop: () => child.kill() };
}
