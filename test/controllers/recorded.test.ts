/**
 * What kube-controller-manager and kube-scheduler 1.35 made of the same requests, object for object and field for field: the
 * recorded exchanges of the controllers' areas, replayed against the real API server with these controllers.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createAuthority } from "../../src/auth/index.ts";
import { createClient, silentLog, type Transport } from "../../src/client/index.ts";
import { createControllerManager } from "../../src/controllers/index.ts";
import { createHollowNodes } from "../../src/node/index.ts";
import { nodePlatform } from "../../src/platform/index.ts";
import { type Exchange, readExchanges } from "../apiserver/exchanges.ts";
import { openServer } from "../apiserver/open-server.ts";
import { type Outcome, Replay } from "../apiserver/replay.ts";
import { settle } from "../client/world.ts";
import { ManualClock } from "../storage/manual-clock.ts";

/** What passes in one go, in milliseconds: little at first, for what follows at once; more the longer something is waited for. */
const stepMs = (passed: number): number => Math.min(20 + passed / 10, 500);

/** Time passes in steps; what each sets off happens before the next. */
async function pass(clock: ManualClock, milliseconds: number): Promise<void> {
  for (let passed = 0; passed < milliseconds; ) {
    const step = Math.min(stepMs(passed), milliseconds - passed);
    clock.advance(step);
    await settle(10);
    passed += step;
  }
}

/** Until the promise is settled; time passes when nothing else happens. */
async function drive<T>(clock: ManualClock, promise: Promise<T>): Promise<T> {
  let settled = false;
  const end = () => {
    settled = true;
  };
  promise.then(end, end);
  for (let passed = 0; !settled; passed += stepMs(passed)) await pass(clock, stepMs(passed));
  return promise;
}

/** A slice's generation counts its writer's steps, which the recording leaves out. */
function withoutSliceGenerations(transport: Transport): Transport {
  return {
    async request(request) {
      const response = await transport.request(request);
      if (!request.path.includes("/endpointslices")) return response;
      return { ...response, body: rewritten(response.body) };
    },
  };
}

async function* rewritten(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part);
  yield Buffer.from(
    Buffer.concat(parts)
      .toString()
      .replace(/"generation":\d+/g, '"generation":"<generation>"'),
  );
}

async function replay(options: {
  areas: readonly string[];
  node: boolean;
  skip: ReadonlySet<string>;
  /** Kubernetes' own roles are there. */
  roles?: boolean;
}): Promise<string[]> {
  const platform = nodePlatform();
  // The recording's times are known by being about now.
  const clock = new ManualClock(platform.clock.now());
  const { random } = platform;
  const { server, bootstrapRoles, close } = openServer({ clock });
  const transport = server.transport({
    name: "admin",
    uid: "admin-uid",
    groups: ["system:masters", "system:authenticated"],
  });
  const client = (userAgent: string) => createClient({ transport, userAgent });
  const manager = createControllerManager({
    client: client("kube-controller-manager"),
    schedulerClient: client("kube-scheduler"),
    clock,
    random,
    log: silentLog,
    hostName: "vm",
    settings: {
      // What the recording has in place of a certificate.
      rootCa: "<pem>",
      // The loss of a node is a recording of its own, without one. Elsewhere a busy machine must not look like a dead node.
      nodeMonitorGracePeriodMs: options.node ? 100_000_000 : 50_000,
      clusterCidr: options.node ? "10.244.0.0/16" : undefined,
      signer: createAuthority("kubernetes-ca", platform),
    },
  });
  if (options.roles === true) await bootstrapRoles();
  manager.start();
  await drive(clock, manager.working);
  const hollow = createHollowNodes({ client: client("kwok"), clock, random, log: silentLog });
  if (options.node) await drive(clock, hollow.add({ name: "kwok-0" }).registered);
  const failures: string[] = [];
  const recording = new Replay(withoutSliceGenerations(transport));
  for (const exchange of readExchanges()) {
    if (!options.areas.includes(exchange.area)) continue;
    // What is known to differ is not waited for.
    const known = options.skip.has(exchange.name);
    const outcome = await runUntilItMatches(clock, recording, known ? { ...exchange, retryMs: 0 } : exchange);
    if (!outcome.matches && !known) {
      failures.push(`${exchange.area}: ${exchange.name}\n${outcome.difference}`);
    }
  }
  await drive(clock, hollow.stop());
  await drive(clock, manager.stop());
  await close();
  return failures;
}

async function runUntilItMatches(
  clock: ManualClock,
  recording: Replay,
  exchange: Exchange,
): Promise<Outcome> {
  const { retryMs = 0, delayMs = 0, ...once } = exchange;
  await pass(clock, delayMs);
  for (let passed = 0; ; passed += stepMs(passed)) {
    const outcome = await recording.run(once as Exchange);
    if (outcome.matches || passed >= retryMs) return outcome;
    await pass(clock, stepMs(passed));
  }
}

test("Deployments, discovery, budgets, autoscalers, namespaces and garbage come out as they did upstream", async () => {
  const failures = await replay({
    areas: [
      "controllers/namespace",
      "controllers/deployment",
      "controllers/pdb",
      "controllers/hpa",
      "controllers/garbage",
    ],
    node: true,
    // Another node agent played the node in the recording, and described itself and its pods in its own way.
    skip: new Set(["the fake node", "node Table", "pods"]),
  });
  assert.deepEqual(failures, []);
});

test("Jobs and CronJobs run, complete, are held, are counted and go after their time as they did upstream", async () => {
  const failures = await replay({
    areas: ["controllers/namespace", "controllers/job", "controllers/cronjob"],
    node: true,
    // Another node agent described itself and its pods in its own way.
    skip: new Set(["the fake node", "node Table", "its pods", "indexed: pod names and hostnames"]),
  });
  assert.deepEqual(failures, []);
});

test("StatefulSets, DaemonSets and quotas come out as they did upstream, down to the names of their revisions", async () => {
  const failures = await replay({
    // The quota counts the Service that the StatefulSet leaves behind.
    areas: ["controllers/namespace", "controllers/statefulset", "controllers/daemonset", "controllers/quota"],
    node: true,
    // Another node agent described itself and its pods in its own way.
    skip: new Set(["the fake node", "node Table", "pods", "pod db-0", "pod db-1"]),
  });
  assert.deepEqual(failures, []);
});

test("a lost node and its pod's eviction, signed certificates, bound claims and aggregated roles come out as they did upstream", async () => {
  const areas = ["controllers/node-lost", "controllers/certificates"];
  // The fields of a volume's claimRef have owners of their own upstream, although the type's schema calls it atomic.
  const failures = await replay({ areas, node: false, skip: new Set(["pv is bound"]), roles: true });
  assert.deepEqual(failures, []);
});
