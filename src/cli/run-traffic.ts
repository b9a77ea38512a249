/** DNS, proxy or router as a program of its own, beside any API server. */
import { type RunningTraffic, startTraffic, type TrafficConfig } from "../main/index.ts";
import { createMetrics } from "../telemetry/index.ts";
import { type ConnectionOptions, connect, type Session } from "./connection.ts";
import { standardErrorLog } from "./standard-error-log.ts";
import { stopSignal } from "./stop-signal.ts";

/** Runs until it is told to end. `ready`: what to say once it serves what the API holds. */
export async function runTraffic(
  options: ConnectionOptions,
  config: (session: Session) => TrafficConfig,
  ready: (traffic: RunningTraffic) => string,
): Promise<void> {
  const stop = stopSignal();
  const session = await connect(options);
  try {
    const { platform, client } = session;
    const log = standardErrorLog(platform.clock);
    const traffic = await startTraffic({
      platform,
      client,
      log,
      config: config(session),
      metrics: createMetrics(),
    });
    try {
      await Promise.race([traffic.ready, stop.promise]);
      if (!stop.stopped()) process.stdout.write(`ready: ${ready(traffic)}\n`);
      await stop.promise;
    } finally {
      await traffic.close();
    }
  } finally {
    await session.close();
  }
}
