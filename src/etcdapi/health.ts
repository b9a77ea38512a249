import type { ServerResponse } from "node:http";
import { noMember, utf8 } from "../base/index.ts";
import type { Kv } from "../kv/index.ts";
import type { Metrics } from "../telemetry/index.ts";
import type { ClusterInfo } from "./ports.ts";

/** What must be true for a check to pass; the answer is why it is not. */
type Check = () => Promise<string | undefined>;

export interface Health {
  /** Whether a path is one of the health endpoints. */
  has(path: string): boolean;
  /** Answers at one that it has. */
  handle(path: string, query: URLSearchParams, response: ServerResponse): void;
}

/**
 * `/health` as load balancers have known it, `/livez` and `/readyz` with a path for every check
 * (https://etcd.io/docs/v3.6/op-guide/monitoring/).
 */
export function createHealth(kv: Kv, cluster: ClusterInfo, metrics?: Metrics): Health {
  const probe = utf8("health");

  const counts = { success: 0, failure: 0 };
  /** Of checks: type and name, and how they ended. */
  const ended = new Map<
    string,
    { labels: readonly [string, string]; success: number; error: number; healthy: boolean }
  >();
  if (metrics !== undefined) addMetrics(metrics, counts, ended);

  function count(type: string, name: string, healthy: boolean): void {
    const key = `${type}/${name}`;
    const known = ended.get(key) ?? { labels: [type, name] as const, success: 0, error: 0, healthy };
    ended.set(key, {
      ...known,
      healthy,
      [healthy ? "success" : "error"]: known[healthy ? "success" : "error"] + 1,
    });
  }

  async function read(serializable: boolean): Promise<string | undefined> {
    try {
      await kv.range({ key: probe, countOnly: true, serializable });
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  const checks: Readonly<Record<string, Check>> = {
    data_corruption: async () =>
      cluster.alarms().some(({ alarm }) => alarm === "CORRUPT") ? "alarm activated: CORRUPT" : undefined,
    linearizable_read: () => read(false),
    non_learner: async () => (cluster.status().learner ? "local member is a learner" : undefined),
    serializable_read: () => read(true),
  };
  const endpoints: Readonly<Record<string, readonly string[]>> = {
    "/livez": ["serializable_read"],
    "/readyz": ["data_corruption", "serializable_read", "linearizable_read", "non_learner"],
  };

  async function health(query: URLSearchParams, response: ServerResponse): Promise<void> {
    const excluded = query.getAll("exclude");
    const alarm = cluster.alarms().find((one) => !excluded.includes(one.alarm));
    const serializable = query.get("serializable") === "true";
    let reason = "";
    if (alarm !== undefined) reason = `ALARM ${alarm.alarm}`;
    else if (!serializable && cluster.status().leader === noMember) reason = "RAFT NO LEADER";
    else {
      const failure = await read(serializable);
      if (failure !== undefined) reason = `QGET ERROR:${failure}`;
    }
    counts[reason === "" ? "success" : "failure"]++;
    const body = JSON.stringify({ health: reason === "" ? "true" : "false", reason });
    if (reason === "") sendText(response, 200, body, { sniffable: true });
    else sendText(response, 503, `${body}\n`);
  }

  async function run(
    type: string,
    names: readonly string[],
    verbose: boolean,
    response: ServerResponse,
  ): Promise<void> {
    let report = "";
    let healthy = true;
    for (const name of names) {
      const failure = await checks[name]?.();
      count(type, name, failure === undefined);
      report += failure === undefined ? `[+]${name} ok\n` : `[-]${name} failed: ${failure}\n`;
      if (failure !== undefined) healthy = false;
    }
    if (!healthy) sendText(response, 503, `${report}\n`);
    else sendText(response, 200, verbose ? `${report}ok\n` : "ok\n");
  }

  return {
    has(path) {
      const [, root = "", name, ...rest] = path.split("/");
      const names = endpoints[`/${root}`];
      if (path === "/health" || names === undefined || rest.length > 0) return path === "/health";
      return name === undefined || name === "" || names.includes(name);
    },

    handle(path, query, response) {
      if (path === "/health") {
        void health(query, response);
        return;
      }
      const [, root = "", name] = path.split("/");
      const excluded = query.getAll("exclude");
      const wanted = name ? [name] : (endpoints[`/${root}`] ?? []).filter((one) => !excluded.includes(one));
      void run(root, wanted, query.has("verbose"), response);
    },
  };
}

function addMetrics(
  metrics: Metrics,
  counts: { readonly success: number; readonly failure: number },
  ended: ReadonlyMap<
    string,
    { labels: readonly [string, string]; success: number; error: number; healthy: boolean }
  >,
): void {
  const counter = { type: "counter" } as const;
  metrics.read("etcd_server_health_success", "/health answered well.", counter, () => [[[], counts.success]]);
  metrics.read("etcd_server_health_failures", "/health answered badly.", counter, () => [
    [[], counts.failure],
  ]);
  metrics.read(
    "etcd_server_healthcheck",
    "1: the check passed when it was made last.",
    { type: "gauge", labels: ["type", "name"] },
    () => [...ended.values()].map(({ labels, healthy }) => [labels, healthy ? 1 : 0] as const),
  );
  metrics.read(
    "etcd_server_healthchecks_total",
    "Checks made.",
    { type: "counter", labels: ["type", "name", "status"] },
    () =>
      [...ended.values()].flatMap(({ labels, success, error }) => [
        [[...labels, "success"], success] as const,
        ...(error > 0 ? [[[...labels, "error"], error] as const] : []),
      ]),
  );
}

/** `sniffable`: etcd leaves the header out where it does not use Go's http.Error. */
export function sendText(
  response: ServerResponse,
  status: number,
  text: string,
  options: { sniffable?: boolean } = {},
): void {
  if (response.destroyed) return;
  response.writeHead(status, {
    "content-type": "text/plain; charset=utf-8",
    ...(options.sniffable ? {} : { "x-content-type-options": "nosniff" }),
  });
  response.end(text);
}
