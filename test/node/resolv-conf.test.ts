import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Pod } from "../../src/node/process/pod.ts";
import { resolvConf, writeResolvConf } from "../../src/node/process/resolv-conf.ts";
import { nodePlatform } from "../../src/platform/index.ts";

const dns = { nameserver: "127.96.0.10", server: "127.0.0.1:10053", domain: "cluster.local" };
const host = "# made by hand\nnameserver 192.0.2.1\nsearch corp.example\noptions timeout:2 rotate\n";
const pod = (spec: Partial<Pod["spec"]>): Pod => ({
  metadata: { name: "web", namespace: "shop" },
  spec: { containers: [], ...spec },
});
const first =
  "search shop.svc.cluster.local svc.cluster.local cluster.local corp.example\nnameserver 127.96.0.10\noptions ndots:5\n";
const ofHost = "search corp.example\nnameserver 192.0.2.1\noptions timeout:2 rotate\n";

test("a pod asks the cluster first, or the machine's servers, as its policy says", () => {
  assert.equal(resolvConf(pod({}), dns, host), first);
  assert.equal(
    resolvConf(pod({ dnsPolicy: "ClusterFirstWithHostNet", hostNetwork: true }), dns, host),
    first,
  );
  assert.equal(resolvConf(pod({ dnsPolicy: "Default" }), dns, host), ofHost);
  assert.equal(resolvConf(pod({ hostNetwork: true }), dns, host), ofHost);
  assert.equal(resolvConf(pod({}), undefined, host), ofHost);
  assert.equal(resolvConf(pod({ dnsPolicy: "None" }), dns, host), "");
});

test("dnsConfig is added, its options replace, and nothing is there twice or beyond what resolvers look at", () => {
  const dnsConfig = {
    nameservers: ["127.96.0.10", "192.0.2.7", "192.0.2.8", "192.0.2.9"],
    searches: ["cluster.local", "more.example"],
    options: [{ name: "ndots", value: "2" }, { name: "edns0" }],
  };
  assert.equal(
    resolvConf(pod({ dnsConfig }), dns, ""),
    "search shop.svc.cluster.local svc.cluster.local cluster.local more.example\nnameserver 127.96.0.10\nnameserver 192.0.2.7\nnameserver 192.0.2.8\noptions ndots:2 edns0\n",
  );
});

const directory = mkdtempSync(join(tmpdir(), "raftsman-resolv-"));
after(() => rmSync(directory, { recursive: true, force: true }));

test("the file is in the container's own directory, and never in a volume", async () => {
  const { files } = nodePlatform();
  for (const mountPath of ["/etc", "/etc/", "/", "/etc/resolv.conf", "etc"]) {
    const root = join(directory, "mounted");
    await writeResolvConf(files, {
      pod: pod({}),
      container: { name: "c", volumeMounts: [{ name: "v", mountPath }] },
      root,
      place: `${root}.conf`,
      dns,
    });
    assert.equal(await files.status(root), undefined, mountPath);
  }
  const container = { name: "c", volumeMounts: [{ name: "v", mountPath: "/etc/app" }] };
  await writeResolvConf(files, { pod: pod({}), container, root: directory, place: `${directory}/file`, dns });
  assert.match(readFileSync(join(directory, "etc/resolv.conf"), "utf8"), /^nameserver 127\.96\.0\.10$/m);
  const trap = join(directory, "trap");
  mkdirSync(trap);
  symlinkSync(directory, join(trap, "etc"));
  const before = readFileSync(join(directory, "file"), "utf8");
  await writeResolvConf(files, { pod: pod({}), container, root: trap, place: `${trap}.conf`, dns });
  assert.equal(
    await files.status(join(directory, "resolv.conf")),
    undefined,
    "a program's link is not followed",
  );
  assert.equal(readFileSync(join(directory, "file"), "utf8"), before);
});
