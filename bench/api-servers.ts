/**
 * The API servers that are measured: ours as it is built, and kube-apiserver over etcd where `KUBE_APISERVER` names its program (and `ETCD`
 * etcd's, where not the one on the PATH is meant). Both over TLS, with a static token, authorization, admission and their stores on the same disk.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { cpuSecondsOf, freePort, residentBytesOf } from "./servers.ts";

const token = "bench-token";
const startTimeoutMs = 60_000;

export interface MeasuredApi {
  readonly name: string;
  readonly origin: string;
  readonly token: string;
  /** From the first process to `/readyz`, milliseconds. */
  readonly startMs: number;
  /** CPU seconds used so far, the store's included. */
  cpuSeconds(): number;
  /** Resident bytes, the store's included. */
  residentBytes(): number;
  /** @throws Error with the answer where it is not a success */
  call(method: string, path: string, body?: unknown, contentType?: string): Promise<unknown>;
  stop(): Promise<void>;
}

/** Ours, and upstream's where it is to be had. */
export async function startApis(): Promise<MeasuredApi[]> {
  const servers = [await startRaftsman()];
  if (process.env["KUBE_APISERVER"] !== undefined)
    servers.push(await startUpstream(process.env["KUBE_APISERVER"]));
  return servers;
}

async function startRaftsman(): Promise<MeasuredApi> {
  const directory = mkdtempSync(join(tmpdir(), "raftsman-bench-"));
  const port = await freePort();
  const command = join(import.meta.dirname, "../bin/raftsman");
  const began = performance.now();
  const flags = {
    "data-dir": join(directory, "data"),
    "secure-port": `${port}`,
    "token-auth-file": tokenFile(directory),
    "listen-client-urls": "https://127.0.0.1:0",
    "listen-peer-urls": `https://127.0.0.1:${await freePort()}`,
  };
  const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]);
  const child = spawn(command, ["serve", ...args], { stdio: ["ignore", "pipe", "inherit"] });
  for await (const line of createInterface({ input: child.stdout })) if (line.startsWith("ready")) break;
  child.stdout.resume();
  return measured({ name: "raftsman", port, began, children: [child], directory });
}

async function startUpstream(program: string): Promise<MeasuredApi> {
  const directory = mkdtempSync(join(tmpdir(), "kube-apiserver-bench-"));
  const [port, client, peer] = [await freePort(), await freePort(), await freePort()];
  const key = join(directory, "service-account.key");
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  writeFileSync(key, privateKey.export({ type: "pkcs1", format: "pem" }));
  const run = (command: string, flags: Record<string, string>) =>
    spawn(
      command,
      Object.entries(flags).map(([name, value]) => `--${name}=${value}`),
      { stdio: "ignore" },
    );
  const began = performance.now();
  const etcd = run(process.env["ETCD"] ?? "etcd", {
    "data-dir": join(directory, "etcd"),
    "listen-client-urls": `http://127.0.0.1:${client}`,
    "advertise-client-urls": `http://127.0.0.1:${client}`,
    "listen-peer-urls": `http://127.0.0.1:${peer}`,
    "initial-advertise-peer-urls": `http://127.0.0.1:${peer}`,
    "initial-cluster": `default=http://127.0.0.1:${peer}`,
    "log-level": "error",
  });
  const apiserver = run(program, {
    "etcd-servers": `http://127.0.0.1:${client}`,
    "secure-port": `${port}`,
    "bind-address": "127.0.0.1",
    "cert-dir": join(directory, "certs"),
    "service-account-key-file": key,
    "service-account-signing-key-file": key,
    "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
    "token-auth-file": tokenFile(directory),
    "authorization-mode": "Node,RBAC",
    "service-cluster-ip-range": "10.0.0.0/24",
    "endpoint-reconciler-type": "none",
  });
  return measured({ name: "kube-apiserver", port, began, children: [etcd, apiserver], directory });
}

function tokenFile(directory: string): string {
  const path = join(directory, "tokens.csv");
  writeFileSync(path, `${token},admin,admin,system:masters\n`);
  return path;
}

async function measured(started: {
  name: string;
  port: number;
  began: number;
  children: ChildProcess[];
  directory: string;
}): Promise<MeasuredApi> {
  const { name, port, began, children, directory } = started;
  const origin = `https://127.0.0.1:${port}`;
  const call = async (method: string, path: string, body?: unknown, contentType = "application/json") => {
    const { status, text } = await send(`${origin}${path}`, method, body, contentType);
    if (status >= 300) throw new Error(`${name}: ${method} ${path}: ${status} ${text}`);
    return text.startsWith("{") ? JSON.parse(text) : text;
  };
  for (;;) {
    const ready = await call("GET", "/readyz").then(
      () => true,
      () => false,
    );
    if (ready) break;
    if (performance.now() - began > startTimeoutMs) throw new Error(`${name} does not become ready`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const sum = (of: (pid: number | undefined) => number) =>
    children.reduce((total, { pid }) => total + of(pid), 0);
  return {
    name,
    origin,
    token,
    startMs: performance.now() - began,
    cpuSeconds: () => sum(cpuSecondsOf),
    residentBytes: () => sum(residentBytesOf),
    call,
    async stop() {
      // The API server before its store.
      for (const child of [...children].reverse()) {
        const ended = new Promise((resolve) => child.once("exit", resolve));
        child.kill("SIGTERM");
        const forced = setTimeout(() => child.kill("SIGKILL"), 5000);
        await ended;
        clearTimeout(forced);
      }
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function send(
  url: string,
  method: string,
  body: unknown,
  contentType: string,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${token}`,
      accept: "application/json",
      ...(body === undefined ? {} : { "content-type": contentType }),
    };
    // Each server has made its own certificate.
    const sent = request(url, { method, headers, rejectUnauthorized: false, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("end", () =>
        resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") }),
      );
      answer.on("error", reject);
    });
    sent.on("error", reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
