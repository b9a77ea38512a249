import type { ServerResponse } from "node:http";
import { noMember, utf8 } from "../base/index.ts";
import type { Kv } from "../kv/index.ts";
import type { ClusterInfo } from "./ports.ts";

/** What must be true for a check to pass; the answer is why it is not. */
type Check = () => Promise<string | undefined>;

export interface Health {
  /** False: the path is none of the health endpoints. */
  handle(path: string, query: URLSearchParams, response: ServerResponse): boolean;
}

/**
 * `/health` as load balancers have known it, `/livez` and `/readyz` with a path for every check
 * (https://etcd.io/docs/v3.6/op-guide/monitoring/).
 */
export function createHealth(kv: Kv, cluster: ClusterInfo): Health {
  const probe = utf8("health");

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
    const body = JSON.stringify({ health: reason === "" ? "true" : "false", reason });
    if (reason === "") sendText(response, 200, body, { sniffable: true });
    else sendText(response, 503, `${body}\n`);
  }

  async function run(names: readonly string[], verbose: boolean, response: ServerResponse): Promise<void> {
    let report = "";
    let healthy = true;
    for (const name of names) {
      const failure = await checks[name]?.();
      report += failure === undefined ? `[+]${name} ok\n` : `[-]${name} failed: ${failure}\n`;
      if (failure !== undefined) healthy = false;
    }
    if (!healthy) sendText(response, 503, `${report}\n`);
    else sendText(response, 200, verbose ? `${report}ok\n` : "ok\n");
  }

  return {
    handle(path, query, response) {
      if (path === "/health") {
        void health(query, response);
        return true;
      }
      const [, root = "", name, ...rest] = path.split("/");
      const names = endpoints[`/${root}`];
      if (names === undefined || rest.length > 0) return false;
      const excluded = query.getAll("exclude");
      if (name === undefined || name === "") {
        const wanted = names.filter((one) => !excluded.includes(one));
        void run(wanted, query.has("verbose"), response);
        return true;
      }
      if (!names.includes(name)) return false;
      void run([name], query.has("verbose"), response);
      return true;
    },
  };
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
