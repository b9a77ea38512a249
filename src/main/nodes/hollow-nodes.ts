import type { Client } from "../../client/index.ts";
import { createHollowNodes } from "../../node/index.ts";
import type { Platform } from "../../platform/index.ts";
import type { Log } from "../../telemetry/index.ts";

export interface RunningNodes {
  /** All are in the cluster and ready. */
  readonly registered: Promise<void>;
  /** Takes them out of the cluster. */
  close(): Promise<void>;
}

/** `count` hollow nodes, PREFIX-1 and on, in this process. */
export async function startHollowNodes(options: {
  client: Client;
  platform: Platform;
  count: number;
  prefix: string;
  /** How long their heartbeats hold. */
  leaseSeconds?: number;
  log: Log;
}): Promise<RunningNodes> {
  const { client, platform, count, prefix, leaseSeconds, log } = options;
  if (count === 0) return { registered: Promise.resolve(), close: async () => {} };
  const nodes = createHollowNodes({
    client,
    clock: platform.clock,
    random: platform.random,
    log: log.channel("node"),
  });
  const added = Array.from({ length: count }, (_, position) =>
    nodes.add({
      name: `${prefix}-${position + 1}`,
      ...(leaseSeconds === undefined ? {} : { leaseSeconds }),
    }),
  );
  return {
    registered: Promise.all(added.map(({ registered }) => registered)).then(() => {}),
    close: () => nodes.stop(),
  };
}
