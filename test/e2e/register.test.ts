/** Endpoints of programs that are no pods: kept by `raftsman register`, and by two plain requests of anybody. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { eventually, startCluster, type TestCluster } from "./cluster.ts";

const linux = process.platform === "linux";
const skip = linux ? false : "cluster IPs of this machine are Linux' 127.0.0.0/8";
const entry = join(import.meta.dirname, "../../dist/raftsman.js");
const directory = mkdtempSync(join(tmpdir(), "raftsman-register-"));
const script = join(directory, "program.cjs");
/** Serves at the port it is given, until it is told to end. */
const program = `
const [port, name] = process.argv.slice(2);
require("node:http").createServer((request, response) => {
  if (request.url === "/exit") process.exit(7);
  response.end(name + " " + process.pid);
}).listen(Number(port), "127.0.0.1");
process.on("SIGTERM", () => { console.log("told to end"); setTimeout(() => process.exit(0), 50); });
`;
let cluster: TestCluster;
const started: ChildProcess[] = [];

before(async () => {
  writeFileSync(script, program);
  if (linux) cluster = await startCluster(["--nodes", "0", "--proxy", "--dns"]);
});
after(async () => {
  for (const child of started) child.kill("SIGKILL");
  if (linux) assert.equal(await cluster.stop(), 0);
  rmSync(directory, { recursive: true, force: true });
});

interface Registrar {
  readonly child: ChildProcess;
  readonly port: number;
  said(): string;
  readonly ended: Promise<number | null>;
}

async function register(service: string, ...flags: string[]): Promise<Registrar> {
  const port = await freePort();
  const command = [process.execPath, script, String(port), service];
  const args = ["register", service, "--kubeconfig", cluster.kubeconfig, "--port", String(port), ...flags];
  const child = spawn(process.execPath, [entry, ...args, "--", ...command], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  started.push(child);
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => {
      said += chunk;
    });
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  return { child, port, said: () => said, ended };
}

async function endpointsOf(service: string): Promise<string[]> {
  const selector = `kubernetes.io/service-name=${service}`;
  const path = "jsonpath={range .items[*]}{.endpoints[*].addresses[0]}:{.ports[*].port} {end}";
  const { stdout } = await cluster.kubectl(["get", "endpointslices", "-l", selector, "-o", path]);
  return stdout.split(" ").filter((one) => one !== "");
}

async function clusterAddress(service: string): Promise<string> {
  const path = "jsonpath={.spec.clusterIP}:{.spec.ports[0].port}";
  return (await cluster.kubectl(["get", "service", service, "-o", path])).stdout;
}

const becomes = (service: string, count: number) =>
  eventually(`${service} has ${count} endpoints`, async () => {
    const found = await endpointsOf(service);
    return found.length === count && found;
  });

test("a program is an endpoint of a Service, which is made for it, until it ends; its exit status is passed on", {
  skip,
}, async () => {
  const first = await register("shop", "--service-port", "18080");
  assert.deepEqual(await becomes("shop", 1), [`127.0.0.1:${first.port}`], first.said());
  const address = await clusterAddress("shop");
  assert.match(address, /^127\..*:18080$/);
  const answer = await eventually("the cluster IP leads to it", () =>
    fetch(`http://${address}/`).then(
      (response) => response.text(),
      () => undefined,
    ),
  );
  assert.match(answer, /^shop \d+$/);
  const second = await register("shop", "--service-port", "18080");
  await becomes("shop", 2);
  await fetch(`http://127.0.0.1:${second.port}/exit`).catch(() => {});
  assert.equal(await second.ended, 7);
  assert.deepEqual(await endpointsOf("shop"), [`127.0.0.1:${first.port}`]);

  first.child.kill("SIGTERM");
  assert.equal(await first.ended, 0, first.said());
  assert.match(first.said(), /told to end/);
  assert.deepEqual(await endpointsOf("shop"), []);
  const leases = await cluster.kubectl(["get", "leases", "-o", "name"]);
  assert.equal(leases.stdout, "");
});

test("a registrar that is killed renews nothing: its endpoint is gone when the Lease has run out, and not before", {
  skip,
}, async () => {
  const { child, ended, port } = await register("orphan", "--ttl", "2");
  await becomes("orphan", 1);
  const answer = await (await fetch(`http://127.0.0.1:${port}/`)).text();
  const renewals = new Set<string>();
  await eventually("the Lease is renewed", async () => {
    const path = "jsonpath={.items[*].spec.renewTime}";
    renewals.add((await cluster.kubectl(["get", "leases", "-o", path])).stdout);
    return renewals.size > 2;
  });
  assert.equal((await endpointsOf("orphan")).length, 1);
  child.kill("SIGKILL");
  const killed = performance.now();
  await ended;
  await becomes("orphan", 0);
  const tookMs = performance.now() - killed;
  assert.ok(tookMs < 10_000, `${tookMs} ms`);
  process.kill(Number(answer.split(" ")[1]), "SIGKILL");
});

test("without a command an endpoint is held until SIGTERM", { skip }, async () => {
  const args = ["register", "held", "--kubeconfig", cluster.kubeconfig, "--port", "4712", "--no-wait"];
  const child = spawn(process.execPath, [entry, ...args], { stdio: "ignore" });
  started.push(child);
  assert.deepEqual(await becomes("held", 1), ["127.0.0.1:4712"]);
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  assert.equal(await ended, 0);
  assert.deepEqual(await endpointsOf("held"), []);
});

test("what removes a registration is made good while the program runs, and what cannot be is said", {
  skip,
}, async () => {
  const { child, ended } = await register("sturdy", "--ttl", "1");
  await becomes("sturdy", 1);
  const removed = await cluster.kubectl([
    "delete",
    "lease,endpointslice",
    "-l",
    "kubernetes.io/service-name=sturdy",
  ]);
  assert.equal(removed.status, 0, removed.stderr);
  await becomes("sturdy", 1);
  child.kill("SIGTERM");
  await ended;
  assert.deepEqual(await endpointsOf("sturdy"), []);

  const nobody = await cluster.raftsman(["register", "x", "--port", "1", "--", "nosuchprogram"]);
  assert.equal(nobody.status, 1);
  assert.match(nobody.stderr, /nosuchprogram: no such program on the PATH/);
  const several = {
    ports: [
      { name: "a", port: 1 },
      { name: "b", port: 2 },
    ],
  };
  const service = { apiVersion: "v1", kind: "Service", metadata: { name: "several" }, spec: several };
  await cluster.kubectl(["create", "-f", "-"], JSON.stringify(service));
  const unclear = await cluster.raftsman([
    "register",
    "several",
    "--port",
    "1",
    "--no-wait",
    "--",
    "sleep",
    "9",
  ]);
  assert.equal(unclear.status, 1);
  assert.match(unclear.stderr, /several ports: say which with --port-name \(a 1\/TCP, b 2\/TCP\)/);
});

test("two plain requests register a program of any language, and a third one renews", { skip }, async () => {
  const labels = {
    "kubernetes.io/service-name": "plain",
    "endpointslice.kubernetes.io/managed-by": "registration.raftsman.dev",
  };
  const metadata = { name: "plain-1", namespace: "default", labels };
  const lease = {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata,
    spec: {
      holderIdentity: "me",
      leaseDurationSeconds: 1,
      renewTime: new Date().toISOString().replace("Z", "000Z"),
    },
  };
  const slice = {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata,
    addressType: "IPv4",
    ports: [{ name: "", port: 4711, protocol: "TCP" }],
    endpoints: [{ addresses: ["127.0.0.1"], conditions: { ready: true } }],
  };
  const made = await cluster.kubectl(
    ["create", "-f", "-"],
    `${JSON.stringify(lease)}\n${JSON.stringify(slice)}`,
  );
  assert.equal(made.status, 0, made.stderr);
  assert.deepEqual(await endpointsOf("plain"), ["127.0.0.1:4711"]);
  await becomes("plain", 0);
  assert.match((await cluster.kubectl(["get", "lease", "plain-1"])).stderr, /not found/);
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
