import type { IncomingMessage, ServerResponse } from "node:http";
import { createHttpServer } from "../../h2/index.ts";
import type { Connection, Platform } from "../../platform/index.ts";
import type { Metrics } from "../../telemetry/index.ts";

/** `/healthz` and `/metrics` of DNS, proxy and router: 503 until they serve what the API holds. */
export function createStatusServer(
  { clock }: Platform,
  { metrics, healthy }: { metrics: Metrics; healthy: () => boolean },
): { serve(connection: Connection): void; close(): Promise<void> } {
  const http = createHttpServer({
    clock,
    onRequest(request: IncomingMessage, response: ServerResponse) {
      response.setHeader("content-type", "text/plain; version=0.0.4; charset=utf-8");
      if (request.url === "/metrics") response.end(metrics.expose());
      else if (request.url === "/healthz") {
        response.statusCode = healthy() ? 200 : 503;
        response.end(healthy() ? "ok" : "the first lists are not in yet");
      } else {
        response.statusCode = 404;
        response.end();
      }
    },
  });
  return { serve: (connection) => http.serve(connection), close: () => http.close({ graceMs: 0 }) };
}
