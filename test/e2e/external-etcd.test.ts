import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, suite, test } from "node:test";
import { createAuthority, issueCertificate } from "../../src/auth/index.ts";
import { nodePlatform } from "../../src/platform/index.ts";
import { missing, type RealEtcd, startEtcd } from "../etcdclient/real-etcd.ts";
import { eventually, run } from "./cluster.ts";
import { realClient } from "./kubectl-archive.ts";

const entry = join(import.meta.dirname, "../../dist/raftsman.js");

suite("the API server on an external etcd, with certificates", { skip: missing }, () => {
  const directory = mkdtempSync(join(tmpdir(), "raftsman-external-"));
  const servers: ChildProcess[] = [];
  let etcd: RealEtcd;
  let tls: readonly string[];

  const kubectl = async (args: readonly string[], kubeconfig = "a") => {
    const env = { ...process.env, KUBECONFIG: join(directory, kubeconfig), HOME: directory };
    const { status, stdout, stderr } = await run(realClient("kubectl"), args, env);
    assert.equal(status, 0, `kubectl ${args.join(" ")}: ${stderr}`);
    return stdout;
  };

  const podsBecome = (count: number, kubeconfig: string) =>
    eventually(`${count} pods`, async () => {
      const names = await kubectl(["get", "pods", "-l", "app=web", "-o", "name"], kubeconfig);
      return names.split("\n").length - 1 === count;
    });

  /** Once it says that it is ready. */
  async function serve(name: string): Promise<ChildProcess> {
    const flags = [
      ["--name", name],
      ["--data-dir", join(directory, `${name}.data`)],
      ["--certs-dir", join(directory, "pki")],
      ["--kubeconfig", join(directory, name)],
      ["--secure-port", "0"],
      ["--etcd-servers", etcd.url],
      tls,
    ].flat();
    const child = spawn(process.execPath, [entry, "serve", ...flags], { stdio: ["ignore", "pipe", "pipe"] });
    servers.push(child);
    const said: string[] = [];
    createInterface({ input: child.stderr }).on("line", (line) => said.push(line));
    await new Promise<void>((resolve, reject) => {
      child.once("exit", (code) =>
        reject(new Error(`serve ended with ${code}: ${said.slice(-5).join("\n")}`)),
      );
      createInterface({ input: child.stdout }).on("line", (line) => {
        if (line.startsWith(`ready: ${name} `) && line.endsWith(`its store is etcd on ${etcd.url}`))
          resolve();
      });
    });
    return child;
  }

  async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await gone;
  }

  before(async () => {
    const platform = nodePlatform();
    const authority = createAuthority("etcd-ca", platform);
    const files: Record<string, string> = { "ca.crt": authority.cert };
    for (const [name, usage] of [
      ["server", "server"],
      ["client", "client"],
    ] as const) {
      // etcd shows its own certificate to itself where its gateway asks.
      const usages = usage === "server" ? (["server", "client"] as const) : (["client"] as const);
      const pair = issueCertificate(
        authority,
        { commonName: name, ipAddresses: ["127.0.0.1"], usages: [...usages] },
        platform,
      );
      files[`${name}.crt`] = pair.cert;
      files[`${name}.key`] = pair.key;
    }
    for (const [name, text] of Object.entries(files))
      writeFileSync(join(directory, name), text, { mode: 0o600 });
    const file = (name: string) => join(directory, name);
    tls = [
      ["--etcd-cafile", file("ca.crt")],
      ["--etcd-certfile", file("client.crt")],
      ["--etcd-keyfile", file("client.key")],
    ].flat();
    const started = await startEtcd(1, {
      caFile: file("ca.crt"),
      certFile: file("server.crt"),
      keyFile: file("server.key"),
    });
    etcd = started[0] as RealEtcd;
    await serve("a");
  });

  after(async () => {
    await Promise.all(servers.map((child) => end(child, "SIGKILL")));
    await etcd?.close();
    rmSync(directory, { recursive: true, force: true });
  });

  test("controllers work, and a watch outlives etcd's end and new beginning", async () => {
    await kubectl(["create", "deployment", "web", "--image=nginx", "--replicas=1"]);
    await podsBecome(1, "a");
    const env = { ...process.env, KUBECONFIG: join(directory, "a"), HOME: directory };
    const seen: string[] = [];
    const watching = spawn(
      realClient("kubectl"),
      ["get", "configmaps", "-w", "--output-watch-events", "--no-headers", "-l", "seen=yes"],
      { env, stdio: ["ignore", "pipe", "inherit"] },
    );
    createInterface({ input: watching.stdout }).on("line", (line) => {
      seen.push(line.split(/\s+/).slice(0, 2).join(" "));
    });
    const create = async (name: string) => {
      await kubectl(["create", "configmap", name]);
      await kubectl(["label", "configmap", name, "seen=yes"]);
    };
    try {
      await create("before");
      await eventually("the first event", async () => seen.length === 1);
      await etcd.kill();
      const waiting = kubectl(["get", "deployments"]);
      await etcd.start();
      assert.match(await waiting, /^NAME .*\nweb /);
      await create("afterwards");
      await eventually("the second event", async () => seen.length === 2);
      assert.deepEqual(seen, ["ADDED before", "ADDED afterwards"]);
    } finally {
      watching.kill("SIGKILL");
    }
    await kubectl(["scale", "deployment/web", "--replicas=3"]);
    await podsBecome(3, "a");
    assert.equal(await kubectl(["get", "--raw", "/readyz"]), "ok");
  });

  test("of two servers one has the controllers, and the other takes over when it leaves", async () => {
    await serve("b");
    const holder = async () =>
      (
        await kubectl(
          [
            "get",
            "lease",
            "-n",
            "kube-system",
            "kube-controller-manager",
            "-o",
            "jsonpath={.spec.holderIdentity}",
          ],
          "b",
        )
      ).split("_")[0];
    assert.equal(await holder(), "a");
    await kubectl(["create", "configmap", "shared"], "b");
    assert.equal(await kubectl(["get", "cm", "shared", "-o", "name"]), "configmap/shared\n");
    await end(servers[0] as ChildProcess, "SIGTERM");
    assert.equal((servers[0] as ChildProcess).exitCode, 0);
    await eventually("another leader", async () => (await holder()) === "b");
    await kubectl(["scale", "deployment/web", "--replicas=2"], "b");
    await podsBecome(2, "b");
  });

  test("a server that cannot reach its etcd, or gets flags of a member, says so and ends", async () => {
    const refused = async (...args: string[]) => {
      const { status, stderr } = await run(
        process.execPath,
        [entry, "serve", "--data-dir", join(directory, "refused"), ...args],
        process.env,
      );
      assert.equal(status, 1);
      return stderr;
    };
    assert.match(
      await refused("--etcd-servers", etcd.url, "--initial-cluster", "a=http://127.0.0.1:2380"),
      /--initial-cluster: a flag of a member of the store, and with --etcd-servers this server is none/,
    );
    assert.match(
      await refused("--etcd-servers", "ftp://x"),
      /--etcd-servers.*"ftp:\/\/x" is no URL of an etcd member/,
    );
  });
});
