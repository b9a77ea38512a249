import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { settlePodRange } from "../../src/cli/up-pods.ts";
import { settleServiceRange, type UpTrafficOptions } from "../../src/cli/up-traffic.ts";
import { type Machine, nodePlatform } from "../../src/platform/index.ts";

const directory = mkdtempSync(join(tmpdir(), "raftsman-ranges-"));
after(() => rmSync(directory, { recursive: true, force: true }));

/** A machine on which addresses are taken by those who listen on them, and by nobody else. */
function quietMachine(): Machine {
  const machine = nodePlatform();
  const taken = new Set<string>();
  const network: Machine["network"] = {
    ...machine.network,
    async listen({ host, port }) {
      if (taken.has(host)) throw Object.assign(new Error(host), { code: "EADDRINUSE" });
      taken.add(host);
      return { host, port, stopAccepting: () => {}, close: async () => void taken.delete(host) };
    },
  };
  return { ...machine, network };
}

const options: UpTrafficOptions = {
  runtime: "process",
  dnsUpstream: "",
  clusterDomain: "cluster.local",
  nodeportAddresses: "",
  routerDriver: "auto",
};

test("a kept cluster goes on with the Services' range that it had, whoever has come and gone", async () => {
  const machine = quietMachine();
  const other = await settleServiceRange(machine, options);
  const kept = await settleServiceRange(machine, { ...options, dataDir: directory });
  assert.deepEqual([other.range, kept.range], ["127.96.0.0/16", "127.97.0.0/16"]);
  await Promise.all([other.claim?.release(), kept.claim?.release()]);
  const again = await settleServiceRange(machine, { ...options, dataDir: directory });
  assert.equal(again.range, "127.97.0.0/16");
  await assert.rejects(
    settleServiceRange(machine, { ...options, dataDir: directory }),
    /another cluster on this machine serves 127\.97\.0\.0\/16/,
  );
});

test("a range of pods that is too small for the nodes is refused before anything starts, with the way out", async () => {
  const machine = quietMachine();
  const pods = { runtime: "hollow", podCidr: "10.128.0.0/22" } as const;
  assert.equal((await settlePodRange(machine, { ...pods, nodes: 2 })).range, "10.128.0.0/22");
  await assert.rejects(settlePodRange(machine, { ...pods, nodes: 3 }), {
    message: "--nodes 3: the pods' range 10.128.0.0/22 has a /23 for 2 of them; give a larger --pod-cidr",
  });
  // A range that is claimed is free again.
  const processes = { runtime: "process", podCidr: "127.250.0.0/16" } as const;
  await assert.rejects(
    settlePodRange(machine, { ...processes, nodes: 200 }),
    /127\.250\.0\.0\/16 has a \/23 for 128 of them/,
  );
  const claim = await settlePodRange(machine, { ...processes, nodes: 128 });
  assert.equal(claim.range, "127.250.0.0/16");
  await claim.release();
});
