/** The node agent as a process of its own: killed, started again, stopped. Its pods are programs that outlive it. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { eventually, startCluster, type TestCluster } from "./cluster.ts";

const linux = process.platform === "linux";
const skip = linux ? false : "pods' own addresses are Linux' 127.0.0.0/8";
const entry = join(import.meta.dirname, "../../dist/raftsman.js");
const directory = mkdtempSync(join(tmpdir(), "raftsman-agent-"));
let cluster: TestCluster;
let agent: ChildProcess | undefined;

before(async () => {
  if (!linux) return;
  cluster = await startCluster(["--nodes", "0", "--runtime", "process"]);
  agent = await startAgent();
});
after(async () => {
  if (linux) {
    agent?.kill("SIGKILL");
    await cluster?.stop();
  }
  rmSync(directory, { recursive: true, force: true });
});

async function startAgent(): Promise<ChildProcess> {
  const flags = [
    "--kubeconfig",
    cluster.kubeconfig,
    "--name",
    "joined",
    "--data-dir",
    directory,
    "--port",
    "0",
  ];
  const child = spawn(process.execPath, [entry, "node", ...flags], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (chunk) => {
      said += chunk;
    });
  await eventually("the agent is ready", async () => {
    assert.equal(child.exitCode, null, said);
    return said.includes("ready: node joined");
  });
  return child;
}

async function end(signal: NodeJS.Signals): Promise<number | null> {
  // A test that failed may have left none.
  if (agent !== undefined && (agent.exitCode !== null || agent.signalCode !== null)) return agent.exitCode;
  const ended = new Promise<number | null>((resolve) => agent?.once("exit", (code) => resolve(code)));
  agent?.kill(signal);
  return ended;
}

const container = ".status.containerStatuses[0]";

async function read(path: string): Promise<string> {
  return (await cluster.kubectl(["get", "pod", "ticker", "-o", `jsonpath={${path}}`])).stdout;
}

function alive(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    // Gone, perhaps while it was looked at.
    return false;
  }
}

let pid = 0;

test("programs run on while no agent does, are found again and not doubled, and their logs go on", {
  skip,
}, async () => {
  // Of two dollars the expansion of references leaves one.
  const script = "echo pid $$$$; i=0; while :; do i=$((i+1)); echo tick $i; sleep 0.05; done";
  const containers = [{ name: "main", image: "host", command: ["sh", "-c", script] }];
  const spec = { nodeName: "joined", terminationGracePeriodSeconds: 1, containers };
  const ticker = { apiVersion: "v1", kind: "Pod", metadata: { name: "ticker" }, spec };
  const applied = await cluster.kubectl(["apply", "-f", "-"], JSON.stringify(ticker));
  assert.equal(applied.status, 0, applied.stderr);
  await eventually("it ticks", async () => {
    const { stdout } = await cluster.kubectl(["logs", "ticker"]);
    pid = Number(/^pid (\d+)$/m.exec(stdout)?.[1]);
    return stdout.includes("tick 1\n");
  });
  const address = await read(".status.podIP");
  await end("SIGKILL");
  assert.ok(alive(pid));
  agent = await startAgent();
  const { stdout } = await cluster.kubectl(["logs", "ticker"]);
  const ticks = [...stdout.matchAll(/^tick (\d+)$/gm)].map(([, tick]) => Number(tick));
  assert.deepEqual(
    ticks,
    ticks.map((_, position) => position + 1),
  );
  assert.equal(stdout.match(/^pid /gm)?.length, 1);
  assert.ok(alive(pid));
  const shown = await cluster.kubectl(["exec", "ticker", "--", "sh", "-c", "echo $POD_IP"]);
  assert.equal(shown.stdout.trim(), address, shown.stderr);
  assert.equal(await read(`${container}.restartCount`), "0");
});

test("a program that ended while no agent ran is known to have, and how", { skip }, async () => {
  await end("SIGKILL");
  process.kill(pid, "SIGKILL");
  await eventually("it is gone", async () => !alive(pid));
  agent = await startAgent();
  await eventually("it was started again", async () => (await read(`${container}.restartCount`)) === "1");
  assert.equal(await read(`${container}.lastState.terminated.exitCode`), "137");
  const { stdout } = await cluster.kubectl(["logs", "ticker", "--previous"]);
  assert.match(stdout, new RegExp(`^pid ${pid}$`, "m"));
  await eventually("it ticks anew", async () => {
    pid = Number(/^pid (\d+)$/m.exec((await cluster.kubectl(["logs", "ticker"])).stdout)?.[1]);
    return pid > 0;
  });
});

test("a pod deleted while no agent ran is ended by the next one", { skip }, async () => {
  await end("SIGKILL");
  await cluster.kubectl(["delete", "pod", "ticker", "--force", "--grace-period=0"]);
  assert.ok(alive(pid));
  agent = await startAgent();
  await eventually("its program is gone", async () => !alive(pid));
});

test("a clean stop takes the node out of the cluster and its programs with it", { skip }, async () => {
  const spec = {
    nodeName: "joined",
    containers: [{ name: "main", image: "host", command: ["sleep", "1000"] }],
  };
  const last = { apiVersion: "v1", kind: "Pod", metadata: { name: "last" }, spec };
  await cluster.kubectl(["apply", "-f", "-"], JSON.stringify(last));
  const wait = await cluster.kubectl(["wait", "pod/last", "--for=condition=Ready", "--timeout=20s"]);
  assert.equal(wait.status, 0, wait.stderr);
  const { stdout: uid } = await cluster.kubectl(["get", "pod", "last", "-o", "jsonpath={.metadata.uid}"]);
  assert.ok(existsSync(join(directory, "joined", "pods", uid)));
  assert.equal(await end("SIGTERM"), 0);
  const node = await cluster.kubectl(["get", "node", "joined"]);
  assert.match(node.stderr, /not found/);
  assert.ok(!existsSync(join(directory, "joined", "pods", uid)));
});
