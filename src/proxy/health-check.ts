import type { IncomingMessage, ServerResponse } from "node:http";
import { createHttpServer } from "../h2/index.ts";
import type { Listener, Platform } from "../platform/index.ts";

const closeGraceMs = 100;

/** What an external load balancer asks a node about a Service with the external policy Local. */
export interface HealthReport {
  readonly namespace: string;
  readonly name: string;
  readonly localEndpoints: number;
}

/** Serves a Service's `healthCheckNodePort` as kube-proxy does: 503 while nothing here serves it. @throws where the port is taken */
export async function serveHealthCheck(
  { clock, network }: Platform,
  at: { host: string; port: number },
  report: () => HealthReport,
): Promise<Omit<Listener, "stopAccepting">> {
  const http = createHttpServer({
    clock,
    onRequest(_request: IncomingMessage, response: ServerResponse) {
      const { namespace, name, localEndpoints } = report();
      response.statusCode = localEndpoints > 0 ? 200 : 503;
      response.setHeader("content-type", "application/json");
      response.setHeader("x-load-balancing-endpoint-weight", String(localEndpoints));
      response.end(
        JSON.stringify({ service: { namespace, name }, localEndpoints, serviceProxyHealthy: true }),
      );
    },
  });
  const listener = await network.listen(at, (connection) => http.serve(connection));
  return {
    host: listener.host,
    port: listener.port,
    async close() {
      await http.close({ graceMs: closeGraceMs });
      await listener.close();
    },
  };
}
