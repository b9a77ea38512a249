import type Router from "@koa/router";
import type { Registry } from "../../registry/index.ts";
import { currentOf } from "../current.ts";
import type { RequestMetrics } from "../metrics.ts";
import type { OpenWatches } from "../open-watches.ts";
import type { ApiContext } from "../state.ts";

/** The paths that there are, at `/`. */
export function indexRoutes(router: Router, registry: Registry): void {
  const page = currentOf(registry, () => pathsPage(registry));
  for (const path of ["/", "/index.html"]) {
    router.get(path, (context) => {
      const { state } = context as unknown as ApiContext;
      state.reply = { status: 200, headers: { "content-type": "application/json" }, body: page() };
    });
  }
}

function pathsPage(registry: Registry): string {
  const versions = registry.resources.map(({ resource: { group, version } }) =>
    group === "" ? [`/api/${version}`] : [`/apis/${group}`, `/apis/${group}/${version}`],
  );
  const fixed = [
    "/.well-known/openid-configuration",
    "/api",
    "/apis",
    "/apis/",
    "/healthz",
    "/healthz/ping",
    "/livez",
    "/livez/ping",
    "/metrics",
    "/metrics/slis",
  ];
  const others = [
    "/openapi/v2",
    "/openapi/v3",
    "/openapi/v3/",
    "/openid/v1/jwks",
    "/readyz",
    "/readyz/ping",
    "/version",
  ];
  const paths = [...new Set([...fixed, ...versions.flat(), ...others])].sort();
  return JSON.stringify({ paths }, null, 2);
}

export function metricsRoutes(router: Router, metrics: RequestMetrics, watches: OpenWatches): void {
  router.get("/metrics", (context) => {
    const { state } = context as unknown as ApiContext;
    const headers = { "content-type": "text/plain; version=0.0.4; charset=utf-8; escaping=underscores" };
    state.reply = { status: 200, headers, body: metrics.text(watches.size) };
  });
}
