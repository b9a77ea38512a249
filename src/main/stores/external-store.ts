import { fromUtf8, utf8 } from "../../base/index.ts";
import { createEtcdClient, type EtcdClient } from "../../etcdclient/index.ts";
import type { Platform, TlsMaterial } from "../../platform/index.ts";
import type { Log } from "../../telemetry/index.ts";
import type { ExternalStore } from "../config.ts";
import type { BackingStore } from "./backing-store.ts";
import { keepCompacting } from "./etcd-compaction.ts";

/**
 * An etcd cluster that others run, also shared with other API servers, ours or upstream's. Whoever starts without it is told so at once.
 * @throws Error it cannot be reached
 */
export async function openExternalStore(
  platform: Platform,
  config: ExternalStore,
  log: Log,
): Promise<BackingStore> {
  const tls = await tlsOf(platform, config);
  let client: EtcdClient | undefined;
  try {
    const etcd = createEtcdClient({ platform, endpoints: config.servers, tls, log: log.channel("etcd") });
    client = etcd;
    const { header } = await etcd.range({ key: utf8("health") });
    const compaction = keepCompacting({
      kv: etcd,
      clock: platform.clock,
      intervalMs: config.compactionIntervalMs,
      log: log.channel("compaction"),
    });
    return {
      kv: etcd,
      windowFrom: etcd.answersProgress ? header.revision : undefined,
      etcdUrl: config.servers.join(","),
      leadership: { by: "lease" },
      ready: Promise.resolve(),
      failed: new Promise(() => {}),
      problem: () => etcd.problem(),
      async close() {
        compaction.stop();
        etcd.close();
      },
    };
  } catch (error) {
    client?.close();
    throw new Error(`--etcd-servers ${config.servers.join(",")}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

async function tlsOf({ disk }: Platform, files: ExternalStore): Promise<Partial<TlsMaterial>> {
  const read = async (flag: string, path: string): Promise<string> => {
    try {
      return fromUtf8(await disk.readFile(path));
    } catch (error) {
      throw new Error(`${flag}: ${(error as Error).message}`, { cause: error });
    }
  };
  const { caFile, certFile, keyFile } = files;
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new Error("--etcd-certfile and --etcd-keyfile: both or neither");
  }
  return {
    ...(caFile === undefined ? {} : { ca: await read("--etcd-cafile", caFile) }),
    ...(certFile === undefined ? {} : { cert: await read("--etcd-certfile", certFile) }),
    ...(keyFile === undefined ? {} : { key: await read("--etcd-keyfile", keyFile) }),
  };
}
