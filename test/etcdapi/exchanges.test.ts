import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import http from "node:http";
import { type TestContext, test } from "node:test";
import { nodePlatform, type Platform } from "../../src/platform/index.ts";
import { serveMembers } from "./members.ts";

/** One request and what etcd 3.6.16 answered; the file is replayed in order on a fresh member. */
interface Exchange {
  readonly area: string;
  readonly name: string;
  readonly method?: string;
  readonly path: string;
  readonly request?: unknown;
  readonly headers?: Record<string, string>;
  readonly capture?: Readonly<Record<string, string>>;
  readonly retryMs?: number;
  readonly streamMs?: number;
  readonly streamMax?: number;
  readonly pick?: string;
  readonly sorted?: boolean;
  /** The answer's names of metrics count, no more. */
  readonly metricNames?: boolean;
  readonly status: number;
  readonly responseHeaders: Readonly<Record<string, string>>;
  readonly response: unknown;
}

const exchanges = readFileSync(new URL("../fixtures/etcd/exchanges.jsonl", import.meta.url), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Exchange);

/** Replayed here, in this order. */
const offered = new Set([
  "http",
  "kv",
  "txn",
  "compaction",
  "lease",
  "watch",
  "lock",
  "election",
  "auth",
  "cluster",
  "maintenance",
]);

/**
 * Where we differ and mean to: leases that all run out in the same moment come in another order, which in etcd is that of
 * a map.
 */
const unordered = new Set(["lease/leases", "auth/alice leases"]);

test("every area that was recorded is replayed", () => {
  assert.deepEqual([...new Set(exchanges.map(({ area }) => area))].sort(), [...offered].sort());
});

test("etcd's recorded exchanges are answered as etcd answered them", async (t) => {
  // The shortest lease is one and a half election time-outs, in whole seconds: etcd's 2 with its defaults.
  const { cluster, ports } = await serveMembers(
    t,
    1,
    { heartbeatMs: 100, electionMs: 1000 },
    calendarStopped(nodePlatform()),
  );
  const [port = 0] = ports;
  await cluster.replicas[0]?.publish({ name: "default", clientUrls: [`http://127.0.0.1:${port}`] });
  const captured: Record<string, string> = {};
  for (const exchange of exchanges) {
    const title = `${exchange.area}/${exchange.name}`;
    if (!offered.has(exchange.area)) continue;
    // One subtest an exchange; a store that went astray makes the later ones fail, too, as with etcd itself.
    await t.test(title, (subtest) => replay(subtest, port, exchange, captured));
  }
});

/** Ids of added members hash the second they were added in, and the recording added two within one. */
function calendarStopped(platform: Platform): Platform {
  const { clock } = platform;
  return {
    ...platform,
    clock: {
      now: () => 1_700_000_000_000,
      monotonic: () => clock.monotonic(),
      after: (milliseconds, fire, options) => clock.after(milliseconds, fire, options),
      every: (milliseconds, fire, options) => clock.every(milliseconds, fire, options),
    },
  };
}

async function replay(
  _t: TestContext,
  port: number,
  exchange: Exchange,
  captured: Record<string, string>,
): Promise<void> {
  const deadline = process.hrtime.bigint() + BigInt(exchange.retryMs ?? 0) * 1_000_000n;
  for (;;) {
    const answer = await send(port, exchange, captured);
    for (const [name, path] of Object.entries(exchange.capture ?? {})) {
      captured[name] = String(at(answer.body, path.split(".")));
    }
    const expected = { status: exchange.status, headers: exchange.responseHeaders, body: exchange.response };
    const actual = {
      status: answer.status,
      headers: keptHeaders(answer.headers, exchange.responseHeaders),
      body: normalised(exchange, answer.body, captured),
    };
    try {
      assert.deepEqual(
        actual,
        unordered.has(`${exchange.area}/${exchange.name}`) ? sortLeases(expected, actual) : expected,
      );
      return;
    } catch (error) {
      if (process.hrtime.bigint() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: unknown;
}

async function send(port: number, exchange: Exchange, captured: Record<string, string>): Promise<Answer> {
  const { request, streamMs, streamMax } = exchange;
  const method = exchange.method ?? "POST";
  const text = request === undefined ? "" : typeof request === "string" ? request : spaced(request);
  const filled = (template: string): string =>
    template.replaceAll(/\$\{(\w+)\}/g, (_, name: string) => captured[name] ?? "");
  const body = filled(
    text.replaceAll(/\$\{repeat:(.):(\d+)\}/g, (_, what: string, times: string) =>
      what.repeat(Number(times)),
    ),
  );
  const headers = Object.fromEntries(
    Object.entries(exchange.headers ?? {}).map(([name, value]) => [name, filled(value)]),
  );
  return new Promise((resolve, reject) => {
    const outgoing = http.request(
      {
        port,
        path: exchange.path,
        method,
        headers: { "content-type": "application/json", ...headers },
      },
      (response) => {
        let received = "";
        const finish = (): void => {
          clearTimeout(timer);
          const { statusCode: status = 0, headers } = response;
          if (streamMs !== undefined) {
            const lines = received.split("\n").filter((line) => line !== "");
            resolve({ status, headers, body: lines.slice(0, streamMax).map((line) => JSON.parse(line)) });
            outgoing.destroy();
          } else {
            const json = headers["content-type"] === "application/json";
            resolve({ status, headers, body: json ? JSON.parse(received) : received });
          }
        };
        // A stream of which less comes than asked for is what was recorded: nothing more within that time.
        const timer = streamMs === undefined ? undefined : setTimeout(finish, Math.min(streamMs, 300));
        response.setEncoding("utf8");
        response.on("data", (piece: string) => {
          received += piece;
          if (streamMax !== undefined && received.split("\n").length > streamMax) finish();
        });
        response.on("end", finish);
        response.on("error", () => {});
      },
    );
    outgoing.on("error", reject);
    outgoing.end(method === "GET" ? undefined : body);
  });
}

/** JSON with a space after ":" and ",", as it was sent when recorded: error texts name columns. */
function spaced(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(spaced).join(", ")}]`;
  if (value !== null && typeof value === "object") {
    return `{${Object.entries(value)
      .map(([name, item]) => `${JSON.stringify(name)}: ${spaced(item)}`)
      .join(", ")}}`;
  }
  return JSON.stringify(value);
}

function keptHeaders(
  headers: http.IncomingHttpHeaders,
  expected: Readonly<Record<string, string>>,
): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of new Set([...Object.keys(expected), "content-type", "x-content-type-options"])) {
    if (headers[name] !== undefined) kept[name] = String(headers[name]);
  }
  return kept;
}

/** Fields that differ from cluster to cluster stand as their names in the recording. */
const placeholders = new Set([
  "cluster_id",
  "member_id",
  "leader",
  "raft_term",
  "raftTerm",
  "raftIndex",
  "raftAppliedIndex",
  "dbSize",
  "dbSizeInUse",
  "hash",
  "memberID",
  "token",
]);

function normalised(exchange: Exchange, body: unknown, captured: Readonly<Record<string, string>>): unknown {
  if (exchange.metricNames) return metricNames(String(body));
  let value = walk(body);
  if (exchange.pick !== undefined) value = at(value, exchange.pick.slice(1).split("/"));
  if (exchange.sorted && typeof value === "string") value = value.split("\n").sort().join("\n");
  if (exchange.sorted && Array.isArray(value)) {
    value = [...value].sort((a, b) => (sortedJson(a) < sortedJson(b) ? -1 : 1));
  }
  return value;

  function walk(node: unknown): unknown {
    if (Array.isArray(node)) return node.map(walk);
    if (typeof node === "string") return text(node);
    if (node === null || typeof node !== "object") return node;
    return Object.fromEntries(
      Object.entries(node).map(([name, item]) => {
        if (placeholders.has(name) && typeof item !== "object") return [name, `<${name}>`];
        if (name === "TTL" && "grantedTTL" in node) return [name, "<ttl>"];
        // Members come by id, and what the ids are depends on the ports.
        if (name === "members" && exchange.sorted && Array.isArray(item))
          return [name, item.map(walk).sort((a, b) => (sortedJson(a) < sortedJson(b) ? -1 : 1))];
        return [name, walk(item)];
      }),
    );
  }

  function text(value: string): string {
    let shown = value;
    for (const [name, known] of Object.entries(captured)) {
      if (known.length >= (/^\d+$/.test(known) ? 12 : 6)) shown = shown.replaceAll(known, `<${name}>`);
    }
    if (/^\d{15,}$/.test(shown)) return "<id>";
    return shown.replace(/^http:\/\/127\.0\.0\.1:\d{4,}$/, "http://127.0.0.1:<port>");
  }
}

/** Those that etcd itself counts, in order. Messages to a member that was never started fail sooner or later. */
function metricNames(text: string): string[] {
  return [...text.matchAll(/^# TYPE (etcd_\w+)/gm)]
    .map(([, name]) => String(name))
    .filter((name) => name !== "etcd_network_peer_sent_failures_total")
    .sort();
}

/** Its JSON text with the names in order. */
function sortedJson(value: unknown): string {
  return JSON.stringify(value, (_, node) =>
    node !== null && typeof node === "object" && !Array.isArray(node)
      ? Object.fromEntries(Object.entries(node).sort(([a], [b]) => (a < b ? -1 : 1)))
      : node,
  );
}

function at(node: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, name) => (value as Record<string, unknown> | undefined)?.[name], node);
}

function sortLeases<T>(expected: T, actual: T): T {
  for (const side of [expected, actual]) {
    const { leases } = (side as { body: { leases: { ID: string }[] } }).body;
    leases.sort((a, b) => (a.ID < b.ID ? -1 : 1));
  }
  return expected;
}
