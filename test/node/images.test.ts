import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { ImageLayout, LayoutError } from "../../src/node/process/oci/layout.ts";
import { parseReference, type Reference } from "../../src/node/process/oci/reference.ts";
import { UserError, userIn } from "../../src/node/process/oci/users.ts";
import type { Pod } from "../../src/node/process/pod.ts";
import { hostNameOf, hostsFile } from "../../src/node/process/sandbox/hosts-file.ts";
import { imageCommand } from "../../src/node/process/sandbox/prepare.ts";
import { nodePlatform } from "../../src/platform/index.ts";
import { architecture, blob, layerOf, manifestOf, writeIndex } from "./image-layout.ts";

const layoutDirectory = mkdtempSync(join(tmpdir(), "raftsman-layout-"));
after(() => rmSync(layoutDirectory, { recursive: true, force: true }));
const { files } = nodePlatform();
const layout = new ImageLayout(files, layoutDirectory);
const hex = "a".repeat(64);
const find = (name: string) => layout.find(parseReference(name) as Reference, { architecture });

test("an image's short name is the long one that registries know", () => {
  const named = (text: string): string | undefined => parseReference(text)?.name;
  assert.equal(named("busybox"), "docker.io/library/busybox:latest");
  assert.equal(named("me/app:1.2"), "docker.io/me/app:1.2");
  assert.equal(named("localhost/app"), "localhost/app:latest");
  assert.equal(
    named("registry.k8s.io/e2e-test-images/agnhost:2.59"),
    "registry.k8s.io/e2e-test-images/agnhost:2.59",
  );
  assert.equal(named("registry:5000/a/b"), "registry:5000/a/b:latest");
  assert.equal(named(`app:1@sha256:${hex}`), `docker.io/library/app@sha256:${hex}`);
  for (const wrong of ["", "Upper", "a//b", "a:b:c", "a@sha256:1", "a b", "../x", `a${"-".repeat(600)}b`])
    assert.equal(named(wrong), undefined, wrong);
});

test("an image is found by name or digest, for this machine's processor, in an index of indexes too", async () => {
  const layer = layerOf(layoutDirectory, { "/file": "content" });
  const config = { Entrypoint: ["/run"], Cmd: ["now"], Env: ["A=b"], WorkingDir: "/work", User: "me" };
  const manifest = manifestOf(layoutDirectory, [layer], config);
  const index = {
    schemaVersion: 2,
    manifests: [
      { ...manifest, digest: `sha256:${hex}`, platform: { os: "linux", architecture: "vax" } },
      { ...manifest, platform: { os: "linux", architecture } },
    ],
  };
  const many = blob(layoutDirectory, index, "application/vnd.oci.image.index.v1+json");
  writeIndex(layoutDirectory, { "app:1": manifest, "docker.io/library/many:latest": many });
  const found = await find("app:1");
  assert.deepEqual(found, {
    digest: manifest.digest,
    layers: [layer.digest],
    config: {
      entrypoint: ["/run"],
      command: ["now"],
      environment: ["A=b"],
      workingDirectory: "/work",
      user: "me",
    },
  });
  assert.deepEqual((await find("many"))?.digest, manifest.digest);
  assert.deepEqual((await find(`anything@${manifest.digest}`))?.digest, manifest.digest);
  assert.equal(await find("app:2"), undefined);
  assert.equal(await find("constructor"), undefined);
});

test("a layout that lies about its bytes, or about being one, is refused by name", async () => {
  const layer = layerOf(layoutDirectory, {});
  const manifest = manifestOf(layoutDirectory, [layer], {});
  writeIndex(layoutDirectory, { app: manifest, other: { ...manifest, digest: "sha256:../../etc/passwd" } });
  writeFileSync(join(layoutDirectory, "blobs/sha256", layer.digest.slice(7)), "something else");
  await assert.rejects(layout.verified(layer.digest), /is not what its name says: copy the image again/);
  await assert.rejects(find("other"), { message: /"sha256:..\/..\/etc\/passwd" is no sha256 digest/ });
  await assert.rejects(layout.verified(`sha256:${hex}`), LayoutError);
  writeFileSync(join(layoutDirectory, "index.json"), "[");
  await assert.rejects(find("app"), LayoutError);
  writeFileSync(join(layoutDirectory, "index.json"), '{"manifests":[null,1,{}]}');
  assert.equal(await find("app"), undefined);
});

test("who a program runs as is looked up in its image", () => {
  const accounts = {
    passwd: "root:x:0:0:root:/root:/bin/sh\nme:x:1000:50:Me:/home/me:/bin/sh\n",
    group: "root:x:0:\nwheel:x:10:root,me\nstaff:x:50:\n",
  };
  assert.deepEqual(userIn("", accounts), { uid: 0, gid: 0, groups: [10], home: "/root" });
  assert.deepEqual(userIn("me", accounts), { uid: 1000, gid: 50, groups: [10], home: "/home/me" });
  assert.deepEqual(userIn("1000:wheel", accounts), { uid: 1000, gid: 10, groups: [], home: "/home/me" });
  assert.deepEqual(userIn("4711", accounts), { uid: 4711, gid: 0, groups: [], home: "/" });
  assert.throws(() => userIn("nobody", accounts), UserError);
  assert.throws(() => userIn("me:nothing", accounts), /unable to find group nothing/);
});

test("a container's command takes the place of the image's, its args alone that of the image's arguments", () => {
  const image = { entrypoint: ["/run"], command: ["serve", "$(NOT)"] };
  const env = { NOT: "expanded" };
  assert.deepEqual(imageCommand(image, {}, env), ["/run", "serve", "$(NOT)"]);
  assert.deepEqual(imageCommand(image, { args: ["a", "$(NOT)"] }, env), ["/run", "a", "expanded"]);
  assert.deepEqual(imageCommand(image, { command: ["/own"] }, env), ["/own"]);
  assert.deepEqual(imageCommand(image, { command: ["/own"], args: ["x"] }, env), ["/own", "x"]);
});

test("a pod's hosts file names itself and its aliases, and on the machine's network begins with the machine's", () => {
  const pod = (spec: object): Pod => ({
    metadata: { name: "p", namespace: "n" },
    spec: { containers: [], ...spec },
  });
  const at = { podIp: "10.1.2.3", clusterDomain: "cluster.local", hostFile: "127.0.0.1 machine\n" };
  assert.match(
    hostsFile(pod({}), at),
    /^# Kubernetes-managed hosts file\.\n127\.0\.0\.1\tlocalhost\n[\s\S]*\n10\.1\.2\.3\tp\n$/,
  );
  assert.match(
    hostsFile(pod({ hostname: "h", subdomain: "s" }), at),
    /\n10\.1\.2\.3\th\.s\.n\.svc\.cluster\.local\th\n$/,
  );
  const hostAliases = [{ ip: "1.2.3.4", hostnames: ["a", "b"] }];
  assert.match(
    hostsFile(pod({ hostAliases }), at),
    /\n\n# Entries added by HostAliases\.\n1\.2\.3\.4\ta\tb\n$/,
  );
  assert.equal(
    hostsFile(pod({ hostNetwork: true }), at),
    "# Kubernetes-managed hosts file (host network).\n127.0.0.1 machine\n",
  );
  assert.equal(
    hostNameOf({ metadata: { name: `${"x".repeat(62)}-y` }, spec: { containers: [] } }),
    "x".repeat(62),
  );
});
