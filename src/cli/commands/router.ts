import { hostAndPort } from "../addresses.ts";
import { type ConnectionOptions, connect } from "../connection.ts";
import { runTraffic } from "../run-traffic.ts";
import { showRoutes } from "../show-routes.ts";

export interface RouterCommandOptions extends ConnectionOptions {
  readonly httpListen: string;
  readonly httpsListen: string;
  readonly driver: "auto" | "haproxy" | "embedded";
  readonly directory?: string;
  readonly accessLog?: boolean;
}

/** The router alone: Ingresses and Routes by host name. */
export function router(options: RouterCommandOptions): Promise<void> {
  const http = hostAndPort("--http-listen", options.httpListen);
  const https = hostAndPort("--https-listen", options.httpsListen);
  const { driver, directory, accessLog = false } = options;
  return runTraffic(
    options,
    () => ({ router: { http, https, driver, accessLog, ...(directory === undefined ? {} : { directory }) } }),
    ({ router: at }) =>
      `routing by ${at?.driver} on http://${at?.http.host}:${at?.http.port} and https://${at?.https.host}:${at?.https.port}`,
  );
}

/** Prints what a router routes where, and what it does not, and why. */
export async function map(options: ConnectionOptions): Promise<void> {
  const session = await connect(options);
  try {
    process.stdout.write(await showRoutes(session));
  } finally {
    await session.close();
  }
}
