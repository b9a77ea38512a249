import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import { prefixEnd, seededPrng, utf8 } from "../../src/base/index.ts";
import { decode, encode, etcdserverpb, type MessageCodec } from "../../src/wire/index.ts";
import { eventually } from "./cluster.ts";

const rounds = 20;
const writesPerRound = 1000;
const writersAtOnce = 32;
const names = ["m1", "m2", "m3"];
const entry = join(import.meta.dirname, "../../dist/raftsman.js");
const seed = Number(process.env["SEED"] ?? Date.now() % 1_000_000);

/** A member as a process of its own, started again on the same directory and ports after it was killed. */
interface Member {
  readonly args: readonly string[];
  readonly client: Client;
  child: ChildProcess;
}

test(`kill -9 of any member loses no acknowledged write and doubles none (SEED=${seed})`, {
  timeout: 280_000,
}, async () => {
  const random = seededPrng(seed);
  const directory = mkdtempSync(join(tmpdir(), "raftsman-kill-"));
  const certs = join(directory, "pki");
  assert.equal(spawnSync(process.execPath, [entry, "certs", certs]).status, 0);
  const ports = await freePorts(6);
  const initialCluster = names.map((name, i) => `${name}=https://127.0.0.1:${ports[i + 3]}`).join(",");
  const read = (name: string) => readFileSync(join(certs, "etcd", name));
  const members: Member[] = names.map((name, i) => {
    const args = [
      ...[
        "serve",
        "--name",
        name,
        "--data-dir",
        join(directory, name),
        "--certs-dir",
        certs,
        "--secure-port",
        "0",
      ],
      ...["--initial-cluster", initialCluster, "--listen-peer-urls", `https://127.0.0.1:${ports[i + 3]}`],
      ...[
        "--listen-client-urls",
        `https://127.0.0.1:${ports[i]}`,
        "--controllers=",
        "--snapshot-count",
        "2000",
      ],
    ];
    const tls = credentials.createSsl(read("ca.crt"), read("client.key"), read("client.crt"));
    const client = new Client(`127.0.0.1:${ports[i]}`, tls, {
      "grpc.initial_reconnect_backoff_ms": 50,
      // TLS knows no server names that are addresses.
      "grpc.ssl_target_name_override": "localhost",
      "grpc.max_reconnect_backoff_ms": 200,
    });
    return { args, client, child: start(args) };
  });
  const any = () => members[Math.floor(random() * members.length)] as Member;
  try {
    const acknowledged = new Set<string>();
    for (let round = 0; round < rounds; round++) {
      const victim = any();
      const killAfter = Math.floor(random() * writesPerRound);
      let started = 0;
      const writer = async () => {
        while (started < writesPerRound) {
          const number = started++;
          if (number === killAfter) {
            victim.child.kill("SIGKILL");
            victim.child = start(victim.args);
          }
          const key = `round-${round}/${number}`;
          await createOnce(any, key);
          acknowledged.add(key);
        }
      };
      await Promise.all(Array.from({ length: writersAtOnce }, writer));
    }
    for (const [position, { client }] of members.entries()) {
      const { kvs } = await eventually(`member ${names[position]} answers`, () =>
        range(client, "round-").catch(() => undefined),
      );
      const versions = new Map(kvs.map(({ key, version }) => [Buffer.from(key).toString("utf8"), version]));
      assert.equal(versions.size, rounds * writesPerRound, `keys on ${names[position]}`);
      for (const key of acknowledged) assert.equal(versions.get(key), 1, `${key} on ${names[position]}`);
      const revisions = new Set(kvs.map(({ modRevision }) => modRevision));
      assert.equal(revisions.size, rounds * writesPerRound, "each write has a revision of its own");
    }
  } finally {
    for (const { child, client } of members) {
      client.close();
      child.kill("SIGKILL");
    }
    rmSync(directory, { recursive: true, force: true });
  }
});

/**
 * Creates a key that must not be there. An answer that got lost leaves the outcome open: the next try then finds the
 * key, with the value that only this writer writes.
 */
async function createOnce(any: () => Member, key: string): Promise<void> {
  await eventually(`${key} is acknowledged`, async () => {
    try {
      const { succeeded, responses } = await create(any().client, key);
      if (!succeeded) {
        const found = responses[0]?.responseRange?.kvs[0];
        assert.equal(
          Buffer.from(found?.value ?? []).toString("utf8"),
          key,
          "the key is there with another value",
        );
      }
      return true;
    } catch (error) {
      if (typeof (error as ServiceError).code === "number") return undefined;
      throw error;
    }
  });
}

function create(client: Client, key: string): Promise<etcdserverpb.TxnResponse> {
  const bytes = utf8(key);
  const { VERSION } = etcdserverpb.CompareCompareTarget.values;
  const { EQUAL } = etcdserverpb.CompareCompareResult.values;
  const request = encode(etcdserverpb.TxnRequest, {
    compare: [{ key: bytes, target: VERSION, result: EQUAL, version: 0 }],
    success: [{ requestPut: { key: bytes, value: bytes } }],
    failure: [{ requestRange: { key: bytes } }],
  });
  return call(client, "Txn", request, etcdserverpb.TxnResponse);
}

function range(client: Client, prefix: string): Promise<etcdserverpb.RangeResponse> {
  const key = utf8(prefix);
  const request = encode(etcdserverpb.RangeRequest, { key, rangeEnd: prefixEnd(key) });
  return call(client, "Range", request, etcdserverpb.RangeResponse);
}

function call<T>(client: Client, method: string, request: Uint8Array, codec: MessageCodec<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      `/etcdserverpb.KV/${method}`,
      (bytes: Uint8Array) => Buffer.from(bytes),
      (bytes: Buffer) => decode(codec, bytes),
      request,
      { deadline: Date.now() + 3000 },
      (error: ServiceError | null, answer?: T) =>
        error || answer === undefined ? reject(error) : resolve(answer),
    );
  });
}

function start(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [entry, ...args], { stdio: "ignore" });
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.once("listening", resolve))));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
