/**
 * Makes dist/seed.json: what a new cluster has before anybody asked for anything, as it stands in the store (src/main/start-objects/seed.ts tells why). A
 * server is started from the sources, and what it made is kept, with placeholders for what is each cluster's own.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { standardErrorLog } from "../src/cli/standard-error-log.ts";
import { type SeedEntry, seedPlaceholders, startServer } from "../src/main/index.ts";
import { nodePlatform } from "../src/platform/index.ts";

const prefix = "/kubernetes.io";
/** Of these resources every object is the same in every cluster. */
const kept =
  /^\/(namespaces|serviceaccounts|clusterroles|clusterrolebindings|roles|rolebindings|flowschemas|prioritylevelconfigurations|priorityclasses)\//;

const [target = "dist/seed.json"] = process.argv.slice(2);
const directory = mkdtempSync(join(tmpdir(), "raftsman-seed-"));
const platform = nodePlatform();
const anywhere = { host: "127.0.0.1", port: 0 };
const server = await startServer(
  platform,
  {
    name: "seed",
    dataDir: join(directory, "data"),
    certsDir: join(directory, "pki"),
    hosts: [],
    store: {
      peer: anywhere,
      advertisePeerUrls: [],
      client: anywhere,
      advertiseClientUrls: [],
      initialCluster: [{ name: "seed", peerUrls: ["http://127.0.0.1:1"] }],
      initialClusterToken: "seed",
      heartbeatMs: 100,
      electionMs: 1000,
      snapshotCount: 10_000,
      plain: true,
    },
    api: anywhere,
    etcdPrefix: prefix,
    serviceClusterIpRange: "10.96.0.0/16",
    podCidr: "10.128.0.0/12",
    controllers: "clusterrole-aggregation-controller,serviceaccount-controller",
    nodeMonitorGraceMs: 50_000,
    terminatedPodThreshold: 0,
    hollowNodes: 0,
  },
  standardErrorLog(platform.clock, "warn"),
);
try {
  await server.ready;
  await settled();
  writeFileSync(target, JSON.stringify(await read()));
} finally {
  await server.close();
  rmSync(directory, { recursive: true, force: true });
}

/**
 * Roles gather the rules of others, and namespaces get their ServiceAccounts, in the moments after they are there. What is caught too early
 * is put right by its controller.
 */
async function settled(): Promise<void> {
  let before = "";
  for (;;) {
    const now = JSON.stringify(await read());
    if (now === before) return;
    before = now;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function read(): Promise<SeedEntry[]> {
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  const answer = await fetch(`${server.etcdUrl}/v3/kv/range`, {
    method: "POST",
    body: JSON.stringify({ key: base64(`${prefix}/`), range_end: base64(`${prefix}0`) }),
  });
  const { kvs } = (await answer.json()) as { kvs: { key: string; value: string }[] };
  return kvs
    .map(({ key, value }) => ({
      key: Buffer.from(key, "base64").toString().slice(prefix.length),
      value: Buffer.from(value, "base64").toString(),
    }))
    .filter(({ key }) => kept.test(key))
    .map(({ key, value }) => ({ key, value: withPlaceholders(value) }))
    .sort((a, b) => Number(gathers(a)) - Number(gathers(b)));
}

/** Roles that gather rules come last: planted before what they gather from, their controller would take it away from them. */
function gathers({ value }: SeedEntry): boolean {
  return value.includes('"aggregationRule"');
}

function withPlaceholders(value: string): string {
  const { uid, time } = seedPlaceholders;
  return value
    .replace(/"uid":"[0-9a-f-]{36}"/, `"uid":"${uid}"`)
    .replace(/"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"/g, `"${time}"`);
}
