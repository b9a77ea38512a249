import type Router from "@koa/router";
import type { Registry } from "../../registry/index.ts";
import type { Metrics } from "../../telemetry/index.ts";
import type { ApiContext } from "../state.ts";
import type { HealthChecks } from "./health.ts";

/** The paths that there are, at `/`. */
export function indexRoutes(router: Router, registry: Registry, health: HealthChecks): void {
  for (const path of ["/", "/index.html"]) {
    router.get(path, (context) => {
      const { state } = context as unknown as ApiContext;
      const body = pathsPage(registry, health);
      state.reply = { status: 200, headers: { "content-type": "application/json" }, body };
    });
  }
}

function pathsPage(registry: Registry, health: HealthChecks): string {
  const versions = registry.resources.map(({ resource: { group, version } }) =>
    group === "" ? [`/api/${version}`] : [`/apis/${group}`, `/apis/${group}/${version}`],
  );
  const fixed = [
    "/.well-known/openid-configuration",
    "/api",
    "/apis",
    "/apis/",
    "/metrics",
    "/metrics/slis",
    "/openapi/v2",
    "/openapi/v3",
    "/openapi/v3/",
    "/openid/v1/jwks",
    "/version",
  ];
  const paths = [...new Set([...fixed, ...versions.flat(), ...health.paths()])].sort();
  return JSON.stringify({ paths }, null, 2);
}

export function metricsRoutes(router: Router, metrics: Metrics): void {
  router.get("/metrics", (context) => {
    const { state } = context as unknown as ApiContext;
    const headers = { "content-type": "text/plain; version=0.0.4; charset=utf-8; escaping=underscores" };
    state.reply = { status: 200, headers, body: metrics.expose() };
  });
}
