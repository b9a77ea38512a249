import type Router from "@koa/router";
import { pageNotFound } from "../layers/answer.ts";
import type { ApiContext, Reply } from "../state.ts";

/** Something that must hold: undefined when it does, else why not (for the log; clients are only told that it does not). */
type HealthCheck = () => string | undefined;

export interface HealthChecks {
  /** Part of /healthz, /livez and /readyz. */
  addLiveness(name: string, check: HealthCheck): void;
  /** Part of /readyz only. */
  addReadiness(name: string, check: HealthCheck): void;
}

type Endpoint = "healthz" | "livez" | "readyz";

/** /healthz, /livez and /readyz, each with `?verbose`, `?exclude=NAME` and one path a check: k8s.io/apiserver/pkg/server/healthz. */
export function healthRoutes(router: Router): HealthChecks {
  const liveness = new Map<string, HealthCheck>([
    ["ping", () => undefined],
    ["log", () => undefined],
  ]);
  const readiness = new Map<string, HealthCheck>();
  const checksOf = (endpoint: Endpoint): Map<string, HealthCheck> =>
    endpoint === "readyz" ? new Map([...liveness, ...readiness]) : liveness;

  for (const endpoint of ["healthz", "livez", "readyz"] as const) {
    router.get(`/${endpoint}`, (context) => {
      const { state } = context as unknown as ApiContext;
      state.reply = summary(endpoint, checksOf(endpoint), state.info.query);
    });
    router.get(`/${endpoint}/{*name}`, (context) => {
      const { state } = context as unknown as ApiContext;
      const check = checksOf(endpoint).get(state.info.path.slice(endpoint.length + 2));
      if (check === undefined) state.reply = pageNotFound;
      else
        state.reply =
          check() === undefined ? text(200, "ok") : text(500, "internal server error: reason withheld\n");
    });
  }
  return {
    addLiveness: (name, check) => liveness.set(name, check),
    addReadiness: (name, check) => readiness.set(name, check),
  };
}

function summary(
  endpoint: Endpoint,
  checks: ReadonlyMap<string, HealthCheck>,
  query: { has(name: string): boolean; all(name: string): readonly string[] },
): Reply {
  const excluded = new Set(query.all("exclude"));
  let failed = false;
  const lines = [...checks].map(([name, check]) => {
    if (excluded.has(name)) return `[+]${name} excluded: ok\n`;
    if (check() === undefined) return `[+]${name} ok\n`;
    failed = true;
    return `[-]${name} failed: reason withheld\n`;
  });
  const unknown = [...excluded].filter((name) => !checks.has(name));
  if (unknown.length > 0) {
    const quoted = unknown.map((name) => JSON.stringify(name)).join(",");
    lines.push(`warn: some health checks cannot be excluded: no matches for ${quoted}\n`);
  }
  if (failed) return plain(500, `${lines.join("")}${endpoint} check failed\n`);
  return plain(200, query.has("verbose") ? `${lines.join("")}${endpoint} check passed\n` : "ok");
}

const plain = (status: number, body: string): Reply => ({
  status,
  headers: { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" },
  body,
});

const text = (status: number, body: string): Reply => ({
  status,
  headers: { "content-type": "text/plain; charset=utf-8" },
  body,
});
