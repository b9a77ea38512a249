import { noMember } from "../../base/index.ts";
import { createEtcdApi } from "../../etcdapi/index.ts";
import { compactBehind, publish, serveHttp } from "../../member/index.ts";
import type { Platform } from "../../platform/index.ts";
import { openReplica, type Replica } from "../../replica/index.ts";
import type { Log, Metrics } from "../../telemetry/index.ts";
import type { Pki } from "../certificates/pki.ts";
import type { MemberStore, ServerConfig } from "../config.ts";
import { hostPort } from "../host-port.ts";
import type { BackingStore } from "./backing-store.ts";

/** A member of the store in this process, with etcd's API for everybody else. */
export async function openMemberStore(
  platform: Platform,
  config: ServerConfig,
  store: MemberStore,
  { log, pki, metrics }: { log: Log; pki: Pki; metrics: Metrics },
): Promise<BackingStore> {
  const replica = await openReplicaOf(platform, config, store, { log, pki, metrics });
  const closing: (() => Promise<void> | void)[] = [() => replica.close()];
  const close = async (): Promise<void> => {
    for (const each of closing.splice(0).reverse()) await each();
  };
  try {
    const { autoCompaction, plain } = store;
    if (autoCompaction) closing.push(compactBehind(replica, autoCompaction, platform, log));
    const etcdApi = createEtcdApi({
      kv: replica,
      cluster: replica,
      clock: platform.clock,
      log: log.channel("etcd"),
      metrics,
    });
    const etcd = await serveHttp(
      platform,
      store.client,
      etcdApi,
      plain ? undefined : { ...pki.storeServer, clientCertificate: "require" },
    );
    closing.push(async () => {
      etcdApi.close();
      await etcd.close();
    });
    const etcdUrl = `${plain ? "http" : "https"}://${hostPort(etcd)}`;
    const { advertiseClientUrls } = store;
    const clientUrls = advertiseClientUrls.length > 0 ? advertiseClientUrls : [etcdUrl];
    const published = publish(replica, platform, { name: config.name, clientUrls }, log);
    closing.push(() => published.stop());
    return {
      kv: replica,
      windowFrom: replica.header().revision,
      etcdUrl,
      leadership: store.initialCluster.length === 1 ? { by: "alone" } : { by: "store", replica },
      ready: replica.ready,
      failed: replica.failed,
      problem: () => (replica.status().leader === noMember ? "the store has no leader" : undefined),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function openReplicaOf(
  platform: Platform,
  config: ServerConfig,
  store: MemberStore,
  { log, pki, metrics }: { log: Log; pki: Pki; metrics: Metrics },
): Promise<Replica> {
  return openReplica({
    platform,
    log: log.channel("store"),
    metrics,
    config: {
      name: config.name,
      directory: config.dataDir,
      initialMembers: store.initialCluster,
      clusterToken: store.initialClusterToken,
      initialState: store.initialClusterState ?? "new",
      listenPeer: store.peer,
      tls: store.plain ? undefined : pki.peer,
      heartbeatMs: store.heartbeatMs,
      electionMs: store.electionMs,
      snapshotCount: store.snapshotCount,
      ...(store.quotaBytes === undefined ? {} : { quotaBytes: store.quotaBytes }),
    },
  });
}
