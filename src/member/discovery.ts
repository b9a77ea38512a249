/**
 * Members of a new cluster find each other in another etcd cluster (etcd's discovery of version 3), below `/_etcd/registry/TOKEN`:
 *
 *   _config/size    how many members there will be; somebody has written it before
 *   members/ID      NAME=URL,… of each member that has come, by its id
 *
 * The first so many, by when they came, are the cluster.
 */
import { fromUtf8, type MemberId, noLease, prefixEnd, type Revision, utf8 } from "../base/index.ts";
import { createEtcdClient, type EtcdClient, type EtcdClientOptions } from "../etcdclient/index.ts";
import type { KeyValue, Kv } from "../kv/index.ts";
import type { Platform } from "../platform/index.ts";
import type { Log } from "../telemetry/index.ts";
import { clusterSizeMax, discoveryRetryMsMax, discoveryRetryMsMin } from "./limits.ts";

export interface DiscoveryConfig {
  /** Of the cluster that is asked. */
  readonly endpoints: readonly string[];
  readonly tls: EtcdClientOptions["tls"] | undefined;
  readonly requestTimeoutMs: number;
  /** Names the new cluster there. */
  readonly token: string;
}

interface Self {
  readonly id: MemberId;
  readonly name: string;
  readonly peerUrls: readonly string[];
}

/** What the cluster is to be told of cannot be right, however often it is asked. */
class DiscoveryError extends Error {
  override readonly name = "DiscoveryError";
}

/** What a member of a new cluster has registered, in the order they came. */
interface Registry {
  readonly size: number;
  readonly members: readonly KeyValue[];
  readonly revision: Revision;
}

/**
 * Registers a member, and waits until all of its cluster have. Answers NAME=URL,… of every member.
 * @throws Error where the registry is not made for it, or full
 */
export async function joinByDiscovery(
  platform: Platform,
  { token, tls, ...client }: DiscoveryConfig,
  self: Self,
  log: Log,
): Promise<readonly string[]> {
  const etcd = createEtcdClient({ platform, log, ...client, ...(tls === undefined ? {} : { tls }) });
  const discovery = new Discovery(etcd, platform, token, log);
  try {
    const found = await discovery.join(self);
    log.info("discovery joined cluster successfully", { cluster: found.join(",") });
    return found;
  } finally {
    etcd.close();
  }
}

class Discovery {
  readonly #etcd: EtcdClient;
  readonly #platform: Platform;
  readonly #prefix: string;
  readonly #log: Log;

  constructor(etcd: EtcdClient, platform: Platform, token: string, log: Log) {
    this.#etcd = etcd;
    this.#platform = platform;
    this.#prefix = `/_etcd/registry/${token}`;
    this.#log = log;
  }

  async join({ id, name, peerUrls }: Self): Promise<readonly string[]> {
    const own = `${this.#prefix}/members/${id.toString(16)}`;
    const value = peerUrls.map((url) => `${name}=${url}`).join(",");
    checkRoom(await this.#again("cluster status check", () => this.#look()), own);
    await this.#again("register member itself", () => put(this.#etcd, own, value));
    this.#log.info("register member itself successfully", { memberKey: own, memberInfo: value });
    const registry = await this.#again("cluster status check", () => this.#look());
    checkRoom(registry, own);
    return (await this.#complete(registry)).slice(0, registry.size).map((one) => urlsIn(one));
  }

  /** @throws DiscoveryError */
  async #look(): Promise<Registry> {
    const { kvs: sizes } = await this.#etcd.range({ key: utf8(`${this.#prefix}/_config/size`) });
    if (sizes[0] === undefined) throw new DiscoveryError("discovery: size key not found");
    const text = fromUtf8(sizes[0].value);
    const size = /^\+?\d{1,9}$/.test(text) ? Number(text) : 0;
    if (size === 0 || size > clusterSizeMax) throw new DiscoveryError("discovery: size key is bad");
    const { kvs, header } = await this.#etcd.range(this.#members);
    return { size, members: oldestFirst(kvs.filter(isMember)), revision: header.revision };
  }

  /** All that are needed: those that have come, and those that come. */
  #complete({ size, members, revision }: Registry): Promise<readonly KeyValue[]> {
    const found = [...members];
    const { promise, resolve, reject } = Promise.withResolvers<readonly KeyValue[]>();
    const finish = () => {
      if (found.length < size) return;
      this.#log.info("found all needed peers from discovery service", { clusterSize: size });
      resolve(oldestFirst(found));
    };
    finish();
    if (found.length >= size) return promise;
    this.#log.info("waiting for peers from discovery service", {
      clusterSize: size,
      "found-peers": found.length,
    });
    const watch = this.#etcd.watch(
      { ...this.#members, startRevision: (revision + 1) as Revision },
      {
        onEvents: (events) => {
          for (const { type, kv } of events) {
            const known = found.some(({ key }) => Buffer.compare(key, kv.key) === 0);
            if (type === "put" && isMember(kv) && !known) found.push(kv);
          }
          finish();
          return true;
        },
        onClosed: reject,
      },
    );
    return promise.finally(() => watch.close());
  }

  get #members(): { key: Uint8Array; rangeEnd: Uint8Array } {
    const key = utf8(`${this.#prefix}/members`);
    return { key, rangeEnd: prefixEnd(key) };
  }

  /** Until it succeeds: a cluster that is to begin has nothing else to do. @throws DiscoveryError */
  async #again<T>(step: string, attempt: () => Promise<T>): Promise<T> {
    for (let pauseMs = discoveryRetryMsMin; ; pauseMs = Math.min(discoveryRetryMsMax, pauseMs * 2)) {
      try {
        return await attempt();
      } catch (error) {
        if (error instanceof DiscoveryError) throw error;
        this.#log.warn("retry connecting to discovery service", {
          reason: step,
          error: (error as Error).message,
          backoff: `${pauseMs / 1000}s`,
        });
      }
      await new Promise<void>((resolve) => void this.#platform.clock.after(pauseMs, resolve));
    }
  }
}

/** @throws DiscoveryError */
function checkRoom({ members, size }: Registry, own: string): void {
  const position = members.findIndex(({ key }) => fromUtf8(key) === own);
  if ((position < 0 ? members.length : position) >= size)
    throw new DiscoveryError("discovery: cluster is full");
}

async function put(kv: Kv, key: string, value: string): Promise<void> {
  const op = { type: "put", key: utf8(key), value: utf8(value), lease: noLease } as const;
  await kv.txn({ compare: [], success: [op], failure: [] });
}

function isMember(kv: KeyValue): boolean {
  return urlsIn(kv).includes("=");
}

function urlsIn({ value }: KeyValue): string {
  return fromUtf8(value).trim();
}

function oldestFirst(kvs: readonly KeyValue[]): KeyValue[] {
  return [...kvs].sort((a, b) => a.createRevision - b.createRevision);
}
