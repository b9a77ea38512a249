import type { TestContext } from "node:test";
import { createEtcdApi } from "../../src/etcdapi/index.ts";
import { createHttpServer } from "../../src/h2/index.ts";
import { nodePlatform } from "../../src/platform/index.ts";
import type { Log } from "../../src/telemetry/index.ts";
import { openStore, type Store } from "./store.ts";

export const platform = nodePlatform();

/** A log that only hands on what errors say of themselves, and warnings where somebody asks for them. */
export function errorLog(onError: (error: unknown) => void, onWarn: Log["warn"] = () => {}): Log {
  const ignore = (): void => {};
  const log: Log = {
    debug: ignore,
    info: ignore,
    warn: onWarn,
    error: (_, fields) => onError(fields?.["error"]),
    channel: () => log,
  };
  return log;
}

export interface Served {
  readonly port: number;
  readonly store: Store;
  /** Errors that a client was told nothing about; a test that does not expect them fails at its end. */
  readonly internalErrors: unknown[];
}

/** A fresh store behind etcd's API on a free cleartext port, until the test ends. */
export async function serve(
  t: TestContext,
  { slowCallMs, onWarn }: { slowCallMs?: number; onWarn?: Log["warn"] } = {},
): Promise<Served> {
  const store = openStore(platform.clock);
  const internalErrors: unknown[] = [];
  const api = createEtcdApi({
    kv: store.kv,
    cluster: store.cluster,
    clock: platform.clock,
    log: errorLog((error) => internalErrors.push(error), onWarn),
    slowCallMs,
  });
  const server = createHttpServer({ clock: platform.clock, ...api });
  const listener = await platform.network.listen({ host: "127.0.0.1", port: 0 }, (connection) =>
    server.serve(connection),
  );
  t.after(async () => {
    api.close();
    await server.close({ graceMs: 100 });
    await listener.close();
    store.close();
    if (internalErrors.length > 0) throw new AggregateError(internalErrors, "internal errors");
  });
  return { port: listener.port, store, internalErrors };
}
