/** Members come and go under the unmodified etcdctl: processes as a user starts them, each with both APIs. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, suite, test } from "node:test";
import { freePorts } from "../replica/cluster.ts";
import { eventually, run, withoutEtcdctl } from "./cluster.ts";

const entry = join(import.meta.dirname, "../../dist/raftsman.js");

interface Served {
  readonly process: ChildProcess;
  readonly exited: Promise<number | null>;
  output: string;
}

suite("membership under etcdctl", { skip: withoutEtcdctl() }, () => {
  const directory = mkdtempSync(join(tmpdir(), "raftsman-members-"));
  const pki = join(directory, "pki");
  const served = new Map<string, Served>();
  after(async () => {
    for (const { process: child } of served.values()) child.kill("SIGKILL");
    await Promise.all([...served.values()].map(({ exited }) => exited));
    rmSync(directory, { recursive: true, force: true });
  });

  async function serve(name: string, ports: readonly number[], flags: readonly string[]): Promise<Served> {
    const [peer, client] = ports;
    const child = spawn(
      process.execPath,
      [
        ...[entry, "serve", "--name", name, "--data-dir", join(directory, name), "--certs-dir", pki],
        ...["--listen-peer-urls", `https://127.0.0.1:${peer}`, "--secure-port", "0"],
        ...["--listen-client-urls", `https://127.0.0.1:${client}`, ...flags],
      ],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
    const one: Served = { process: child, exited, output: "" };
    served.set(name, one);
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => {
        one.output += chunk.toString("utf8");
      });
    await eventually(`${name} is ready`, async () => {
      if (child.exitCode !== null) throw new Error(`${name} ended:\n${one.output}`);
      return one.output.includes(`ready: ${name}`);
    });
    return one;
  }

  const etcdctl = (port: number | undefined, ...args: string[]) =>
    run(
      "etcdctl",
      [
        ...["--endpoints", `https://127.0.0.1:${port}`, "--cacert", join(pki, "etcd/ca.crt")],
        ...["--cert", join(pki, "etcd/client.crt"), "--key", join(pki, "etcd/client.key"), ...args],
      ],
      { ...process.env, ETCDCTL_API: "3" },
    );
  /** Standard output of a call that succeeds, in the end: etcd wants members to have been connected for five seconds. */
  const done = (port: number | undefined, ...args: string[]) =>
    eventually(args.join(" "), async () => {
      const { status, stdout, stderr } = await etcdctl(port, ...args);
      if (status === 0) return stdout;
      assert.match(stderr, /unhealthy cluster|not enough started|in sync with leader/);
      return undefined;
    });

  test("a cluster grows by a voter and a learner, and the first member leaves it", async () => {
    const [p1, c1, p2, c2, p3, c3, spare] = (await freePorts(7)) as [number, ...number[]];
    assert.equal((await run(process.execPath, [entry, "certs", pki], process.env)).status, 0);
    const first = await serve("m1", [p1, c1 as number], []);
    await done(c1, "put", "before", "x");

    const added = await done(c1, "member", "add", "m2", `--peer-urls=https://127.0.0.1:${p2}`);
    assert.match(added, /ETCD_INITIAL_CLUSTER_STATE="existing"/);
    const cluster = /ETCD_INITIAL_CLUSTER="(.*)"/.exec(added)?.[1] ?? "";
    await serve("m2", [p2, c2] as number[], [
      ...["--initial-cluster", cluster, "--initial-cluster-state", "existing"],
    ]);
    assert.equal(await done(c2, "get", "before", "--print-value-only"), "x\n");

    const learner = await done(c2, "member", "add", "m3", "--learner", `--peer-urls=https://127.0.0.1:${p3}`);
    const id = /Member\s+(\w+) added/.exec(learner)?.[1] ?? "";
    await serve("m3", [p3, c3] as number[], [
      ...["--initial-cluster", /ETCD_INITIAL_CLUSTER="(.*)"/.exec(learner)?.[1] ?? ""],
      ...["--initial-cluster-state", "existing"],
    ]);
    const linearizable = await etcdctl(c3, "get", "before");
    assert.match(linearizable.stderr, /etcdserver: rpc not supported for learner/);
    assert.equal(await done(c3, "get", "before", "--consistency=s", "--print-value-only"), "x\n");
    assert.match(await done(c1, "member", "list"), new RegExp(`${id}, started, m3, .*, true\n`));
    assert.match(await done(c1, "member", "promote", id), new RegExp(`Member\\s+${id} promoted`));
    assert.match(await done(c1, "member", "list"), new RegExp(`${id}, started, m3, .*, false\n`));

    const twice = await etcdctl(c1, "member", "add", "m4", `--peer-urls=https://127.0.0.1:${p2}`);
    assert.match(twice.stderr, /etcdserver: (Peer URLs already exists|unhealthy cluster)/);
    const nobody = await etcdctl(c1, "member", "remove", "5");
    assert.match(nobody.stderr, /etcdserver: member not found/);
    const moved = await done(c1, "member", "update", id, `--peer-urls=https://127.0.0.1:${spare}`);
    assert.match(moved, new RegExp(`Member\\s+${id} updated`));
    await done(c1, "member", "update", id, `--peer-urls=https://127.0.0.1:${p3}`);

    const list = await done(c1, "member", "list");
    const [, firstId = ""] = /^(\w+), started, m1,/m.exec(list) ?? [];
    assert.match(await done(c1, "member", "remove", firstId), new RegExp(`Member\\s+${firstId} removed`));
    assert.notEqual(await first.exited, 0);
    assert.match(first.output, /\(m1\) was removed from the cluster: .*member add/);
    await done(c2, "put", "after", "y");
    assert.equal(await done(c3, "get", "after", "--print-value-only"), "y\n");

    const status = await done(c3, "endpoint", "status", "--cluster", "--write-out=table");
    const rows = status.split("\n").filter((line) => line.includes("https://"));
    assert.equal(rows.length, 2, status);
    const led = rows.findIndex((row) => row.split("|")[5]?.trim() === "true");
    const port = Number(/:(\d+)/.exec(rows[led] ?? "")?.[1]);
    const heir = rows[1 - led]?.split("|")[2]?.trim() ?? "";
    assert.match(await done(port, "move-leader", heir), new RegExp(`transferred from \\w+ to ${heir}`));
  });
});
