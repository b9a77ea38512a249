import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { type TestContext, test } from "node:test";
import { createAuthority, issueCertificate } from "../../src/auth/index.ts";
import {
  type Connection,
  type ListenOptions,
  nodePlatform,
  type TlsMaterial,
} from "../../src/platform/index.ts";

const platform = nodePlatform();
const { disk, network } = platform;

function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "raftsman-platform-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

test("parts are written one after the other from a position, however many they are", async (t) => {
  const file = await disk.open(join(temporaryDirectory(t), "f"), { create: true });
  const parts = Array.from({ length: 3000 }, (_, i) => new Uint8Array([i & 0xff, i >> 8]));
  await file.write(parts, 10);
  await file.datasync();
  assert.equal(await file.size(), 10 + 6000);
  const bytes = Buffer.alloc(6010);
  assert.equal(await file.read(bytes, 0), 6010);
  assert.deepEqual(bytes.subarray(10), Buffer.concat(parts));
  assert.equal(await file.read(Buffer.alloc(100), 6000), 10, "only the end is short");
  await file.truncate(12);
  assert.equal(await file.size(), 12);
  await file.close();
});

test("a file is replaced whole, with its mode, and leaves nothing beside it", async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, "f");
  await disk.replaceFile(path, Buffer.from("one"));
  await Promise.all([disk.replaceFile(path, Buffer.from("two")), disk.replaceFile(path, Buffer.from("two"))]);
  await disk.replaceFile(path, Buffer.from("three"), { mode: 0o640 });
  assert.equal(Buffer.from(await disk.readFile(path)).toString(), "three");
  assert.equal(statSync(path).mode & 0o777, 0o640);
  assert.deepEqual(await disk.list(directory), ["f"]);
});

test("missing files and directories say ENOENT, present ones EEXIST where that matters", async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, "f");
  await assert.rejects(disk.readFile(path), { code: "ENOENT" });
  await assert.rejects(disk.open(path), { code: "ENOENT" });
  await assert.rejects(disk.list(path), { code: "ENOENT" });
  assert.equal(await disk.exists(path), false);
  await (await disk.open(path, { create: true, exclusive: true })).close();
  await assert.rejects(disk.open(path, { create: true, exclusive: true }), { code: "EEXIST" });
  await disk.makeDirectory(join(directory, "a/b"));
  assert.equal(statSync(join(directory, "a/b")).mode & 0o777, 0o700);
  await disk.remove(join(directory, "a"));
  await disk.remove(join(directory, "a"));
  assert.deepEqual(await disk.list(directory), ["f"]);
});

test("a locked directory is locked for everybody, until it is released", async (t) => {
  const directory = temporaryDirectory(t);
  const lock = await disk.lock(directory);
  await assert.rejects(disk.lock(directory), { code: "EBUSY" });
  const child = locker(directory);
  assert.equal(await firstLine(child), "EBUSY");
  child.kill();
  await lock.release();
  await lock.release();
  await (await disk.lock(directory)).release();
});

test("a process that is killed holds no lock", async (t) => {
  const directory = temporaryDirectory(t);
  const child = locker(directory);
  assert.equal(await firstLine(child), "locked");
  await assert.rejects(disk.lock(directory), { code: "EBUSY" });
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
  await (await disk.lock(directory)).release();
});

function locker(directory: string): ChildProcess {
  const code = `
    const { nodePlatform } = await import(${JSON.stringify(new URL("../../src/platform/index.ts", import.meta.url).href)});
    try { await nodePlatform().disk.lock(${JSON.stringify(directory)}); console.log("locked"); }
    catch (error) { console.log(error.code); }
    setInterval(() => {}, 1000);`;
  return spawn(process.execPath, ["--input-type=module", "-e", code], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

async function firstLine(child: ChildProcess): Promise<string> {
  const [chunk] = (await once(child.stdout as NonNullable<ChildProcess["stdout"]>, "data")) as [Buffer];
  return chunk.toString().trim();
}

const authority = createAuthority("test-ca", platform);
const stranger = createAuthority("other-ca", platform);

function material(commonName: string, organizations: string[] = [], by = authority): TlsMaterial {
  const request = { commonName, organizations, ipAddresses: ["127.0.0.1"], dnsNames: ["localhost"] };
  return {
    ...issueCertificate(by, { ...request, usages: ["server", "client"] }, platform),
    ca: authority.cert,
  };
}

/** Listens, and hands out what is accepted. */
async function listen(t: TestContext, tls?: ListenOptions["tls"]) {
  const accepted: Connection[] = [];
  let wake = (): void => {};
  const listener = await network.listen({ host: "127.0.0.1", port: 0, ...(tls && { tls }) }, (connection) => {
    accepted.push(connection);
    wake();
  });
  t.after(() => listener.close());
  return {
    port: listener.port,
    listener,
    accepted,
    async accept(): Promise<Connection> {
      while (accepted.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return accepted.shift() as Connection;
    },
  };
}

async function echo(one: Duplex, other: Duplex): Promise<void> {
  one.write("hello");
  assert.equal(String((await once(other, "data"))[0]), "hello");
}

test("bytes go both ways over a plain connection, and closing the listener ends what it accepted", async (t) => {
  const server = await listen(t);
  const client = await network.connect({ host: "127.0.0.1", port: server.port });
  const accepted = await server.accept();
  await echo(client.stream, accepted.stream);
  await echo(accepted.stream, client.stream);
  assert.match(accepted.remoteAddress, /^127\.0\.0\.1:\d+$/);
  assert.equal(accepted.protocol, undefined);
  const closed = once(client.stream, "close");
  client.stream.resume();
  await server.listener.close();
  await closed;
  await assert.rejects(network.connect({ host: "127.0.0.1", port: server.port }), { code: "ECONNREFUSED" });
});

test("mutual TLS names both sides, with every organization, and agrees on a protocol", async (t) => {
  const server = await listen(t, {
    ...material("server"),
    clientCertificate: "require",
    protocols: ["h2", "http/1.1"],
  });
  const tls = { ...material("alice", ["dev", "system:masters"]), protocols: ["http/1.1"] };
  const client = await network.connect({ host: "127.0.0.1", port: server.port, tls });
  const accepted = await server.accept();
  assert.equal(accepted.protocol, "http/1.1");
  assert.equal(client.protocol, "http/1.1");
  assert.equal(accepted.peerCertificate?.commonName, "alice");
  assert.deepEqual(accepted.peerCertificate?.organizations, ["dev", "system:masters"]);
  assert.equal(client.peerCertificate?.commonName, "server");
  await echo(client.stream, accepted.stream);
  client.stream.destroy();
});

test("a required certificate of somebody else's authority, or none, gets nowhere", async (t) => {
  const server = await listen(t, { ...material("server"), clientCertificate: "require" });
  for (const tls of [{ ca: authority.cert }, material("mallory", [], stranger)]) {
    // TLS 1.3: the client may believe it stands before the server has looked at its certificate.
    const connecting = network.connect({ host: "127.0.0.1", port: server.port, tls });
    const ended = connecting.then(
      async ({ stream }) => {
        stream.on("data", () => assert.fail("the server speaks"));
        if (!stream.closed) await once(stream, "close").catch(() => {});
      },
      () => {},
    );
    await ended;
    assert.equal(server.accepted.length, 0);
  }
});

test("a requested certificate may be missing, and a bad one is named", async (t) => {
  const server = await listen(t, { ...material("server"), clientCertificate: "request" });
  const cases: [object, (accepted: Connection) => void][] = [
    [
      { ca: authority.cert },
      (accepted) => {
        assert.equal(accepted.peerCertificate, undefined);
        assert.equal(accepted.peerCertificateError, undefined);
      },
    ],
    [
      material("mallory", [], stranger),
      (accepted) => {
        assert.equal(accepted.peerCertificate, undefined);
        assert.notEqual(accepted.peerCertificateError, undefined);
      },
    ],
    [material("alice"), (accepted) => assert.equal(accepted.peerCertificate?.commonName, "alice")],
  ];
  for (const [tls, check] of cases) {
    const client = await network.connect({ host: "127.0.0.1", port: server.port, tls });
    check(await server.accept());
    client.stream.destroy();
  }
});

test("a server that cannot prove its name is not connected to", async (t) => {
  const server = await listen(t, { ...material("server"), clientCertificate: "none" });
  const connect = (tls: object) => network.connect({ host: "127.0.0.1", port: server.port, tls });
  await assert.rejects(connect({ ca: stranger.cert }));
  await assert.rejects(connect({ ca: authority.cert, serverName: "elsewhere" }), /elsewhere/);
  (await connect({ ca: authority.cert, serverName: "localhost" })).stream.destroy();
});

test("a connection that does not stand in time is given up", async (t) => {
  const server = await listen(t);
  const started = platform.clock.monotonic();
  // The server speaks no TLS and never answers.
  const connecting = network.connect({ host: "127.0.0.1", port: server.port, tls: {}, timeoutMs: 50 });
  await assert.rejects(connecting, { code: "ETIMEDOUT" });
  assert.ok(platform.clock.monotonic() - started < 5000);
});

test("a timer fires once, or not at all when it was cancelled", async () => {
  const fired: string[] = [];
  const { clock } = platform;
  clock.after(1, () => fired.push("cancelled")).cancel();
  await new Promise<void>((resolve) => {
    let ticks = 0;
    const every = clock.every(1, () => {
      fired.push("tick");
      if (++ticks < 3) return;
      every.cancel();
      clock.after(10, resolve);
    });
  });
  assert.deepEqual(fired, ["tick", "tick", "tick"]);
});
