import type Router from "@koa/router";
import { pageNotFound } from "../layers/answer.ts";
import type { ApiContext, Reply } from "../state.ts";
import { HealthIndicators, indicatorsType } from "./health-indicators.ts";

/** Something that must hold: undefined when it does, else why not (for the log; clients are only told that it does not). */
type HealthCheck = () => string | undefined;

export interface HealthChecks {
  /** Part of /healthz, /livez and /readyz. */
  addLiveness(name: string, check: HealthCheck): void;
  /** Part of /readyz only. */
  addReadiness(name: string, check: HealthCheck): void;
  /**
   * Something done once at the start: /readyz waits for it. The others do not, so that a member which waits for the others is not taken
   * for a dead one (upstream's --livez-grace-period, without an end).
   */
  addStartHook(name: string, done: Promise<unknown>): void;
  /** /readyz says from now on that this server is going. */
  shutDown(): void;
  /** Of every check at every endpoint, such as `/livez/ping`. */
  paths(): string[];
}

const endpoints = ["healthz", "livez", "readyz"] as const;
type Endpoint = (typeof endpoints)[number];

interface NamedCheck {
  readonly check: (endpoint: Endpoint) => string | undefined;
  readonly readinessOnly: boolean;
}

/**
 * /healthz, /livez and /readyz, each with `?verbose`, `?exclude=NAME` and one path a check (k8s.io/apiserver/pkg/server/healthz), and
 * what came of them as metrics. Checks are shown in the order in which they were added.
 */
export function healthRoutes(router: Router): HealthChecks {
  const fine: NamedCheck = { check: () => undefined, readinessOnly: false };
  const checks = new Map<string, NamedCheck>([
    ["ping", fine],
    ["log", fine],
  ]);
  let goingDown = false;
  const shutdown: NamedCheck = {
    check: () => (goingDown ? "the server is closing" : undefined),
    readinessOnly: true,
  };
  const indicators = new HealthIndicators();
  const holds = (endpoint: Endpoint, name: string, { check }: NamedCheck): boolean => {
    const held = check(endpoint) === undefined;
    indicators.record(name, endpoint, held);
    return held;
  };
  const checksOf = (endpoint: Endpoint): Map<string, () => boolean> =>
    new Map(
      [...checks, ["shutdown", shutdown] as const]
        .filter(([, { readinessOnly }]) => endpoint === "readyz" || !readinessOnly)
        .map(([name, check]) => [name, () => holds(endpoint, name, check)]),
    );

  for (const endpoint of endpoints) {
    router.all(`/${endpoint}`, (context) => {
      const { state } = context as unknown as ApiContext;
      if (state.info.path.endsWith("/")) state.reply = pageNotFound;
      else state.reply = summary(endpoint, checksOf(endpoint), state.info.query);
    });
    router.all(`/${endpoint}/{*name}`, (context) => {
      const { state } = context as unknown as ApiContext;
      const check = checksOf(endpoint).get(state.info.path.slice(endpoint.length + 2));
      if (check === undefined) state.reply = pageNotFound;
      else state.reply = check() ? text(200, "ok") : text(500, "internal server error: reason withheld\n");
    });
  }
  router.get("/metrics/slis", (context) => {
    const { state } = context as unknown as ApiContext;
    state.reply = { status: 200, headers: { "content-type": indicatorsType }, body: indicators.text() };
  });
  return {
    addLiveness: (name, check) => checks.set(name, { check, readinessOnly: false }),
    addReadiness: (name, check) => checks.set(name, { check, readinessOnly: true }),
    addStartHook(name, done) {
      let isDone = false;
      done.then(
        () => {
          isDone = true;
        },
        // Whoever started it deals with its failure.
        () => {},
      );
      checks.set(name, {
        check: (endpoint) => (isDone || endpoint !== "readyz" ? undefined : "not finished"),
        readinessOnly: false,
      });
    },
    shutDown() {
      goingDown = true;
    },
    paths: () =>
      endpoints.flatMap((endpoint) => [
        `/${endpoint}`,
        ...[...checksOf(endpoint).keys()].map((name) => `/${endpoint}/${name}`),
      ]),
  };
}

function summary(
  endpoint: Endpoint,
  checks: ReadonlyMap<string, () => boolean>,
  query: { has(name: string): boolean; all(name: string): readonly string[] },
): Reply {
  const excluded = new Set(query.all("exclude"));
  let failed = false;
  const lines = [...checks].map(([name, holds]) => {
    if (excluded.has(name)) return `[+]${name} excluded: ok\n`;
    if (holds()) return `[+]${name} ok\n`;
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
