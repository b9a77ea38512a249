import { emptyBytes, prefixEnd, type Revision } from "../../base/index.ts";
import type { KeyRange, KeyValue, Kv, KvEvent, KvWatch } from "../../kv/index.ts";
import { v3electionpb } from "../../wire/index.ts";
import { claimPrefix, oldestClaim } from "../concurrency/claim.ts";
import { throughClient } from "../concurrency/session.ts";
import { headerOf } from "../header.ts";
import { type Method, type Reply, type RequestObserver, stream } from "../method.ts";
import type { ClusterInfo } from "../ports.ts";

/** Tells who leads, and then every proclamation and every new leader, until the client goes away. */
export function observeMethod(kv: Kv, cluster: ClusterInfo): Method {
  return stream(v3electionpb.ElectionService.Observe, (reply) => new Observation(kv, cluster, reply));
}

/** Nothing is queued here: while the client does not keep up, the store keeps the events. */
class Observation implements RequestObserver<v3electionpb.LeaderRequest> {
  readonly #kv: Kv;
  readonly #cluster: ClusterInfo;
  readonly #reply: Reply<v3electionpb.LeaderResponse>;
  #watch: KvWatch | undefined;
  #stopWaiting: (() => void) | undefined;
  #started = false;
  #writable = true;
  #closed = false;

  constructor(kv: Kv, cluster: ClusterInfo, reply: Reply<v3electionpb.LeaderResponse>) {
    this.#kv = kv;
    this.#cluster = cluster;
    this.#reply = reply;
  }

  request({ name }: v3electionpb.LeaderRequest): void {
    if (this.#started) return;
    this.#started = true;
    throughClient(() => this.#observe(claimPrefix(name))).catch((thrown) => this.#reply.end(thrown));
  }

  /** No body is an empty message to the gateway. */
  requestsEnded(): void {
    if (!this.#started) this.request({ name: emptyBytes });
  }

  drain(): void {
    this.#writable = true;
    this.#watch?.resume();
  }

  closed(): void {
    this.#closed = true;
    this.#stopWaiting?.();
  }

  async #observe(prefix: Uint8Array): Promise<void> {
    while (!this.#closed) {
      const { header, kvs } = await this.#kv.range(oldestClaim(prefix));
      let leader = kvs[0];
      let revision = header.revision;
      if (leader === undefined) {
        leader = await this.#firstClaim(prefix, revision);
        // None: it may have come and been compacted. Another look tells.
        if (leader === undefined) continue;
        revision = leader.modRevision;
      }
      this.#send(leader, revision);
      await this.#reign(leader.key, revision);
    }
  }

  async #firstClaim(prefix: Uint8Array, revision: Revision): Promise<KeyValue | undefined> {
    let first: KeyValue | undefined;
    await this.#follow({ key: prefix, rangeEnd: prefixEnd(prefix) }, revision, ({ type, kv }) => {
      if (type === "put") first = kv;
      return first === undefined;
    });
    return first;
  }

  /** Hands on what the leader says, until its key goes. */
  #reign(key: Uint8Array, revision: Revision): Promise<void> {
    return this.#follow({ key }, revision, ({ type, kv }, now) => {
      if (type === "delete") return false;
      this.#send(kv, now);
      return true;
    });
  }

  /** Resolves when an event is the last one of interest, the client has gone, or history is missing. @throws KvError */
  async #follow(
    range: KeyRange,
    after: Revision,
    goesOn: (event: KvEvent, revision: Revision) => boolean,
  ): Promise<void> {
    if (this.#closed) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#stopWaiting = resolve;
    let over = false;
    this.#watch = this.#kv.watch(
      { ...range, startRevision: (after + 1) as Revision },
      {
        onEvents: (events, revision) => {
          if (over) return true;
          if (!this.#writable) return false;
          over = !events.every((event) => goesOn(event, revision));
          if (over) resolve();
          return true;
        },
        onClosed(reason) {
          if (reason.code === "COMPACTED") resolve();
          else reject(reason);
        },
      },
    );
    try {
      await promise;
    } finally {
      this.#watch.close();
      this.#watch = undefined;
    }
  }

  #send(kv: KeyValue, revision: Revision): void {
    const header = headerOf({ ...this.#cluster.header(), revision });
    if (!this.#reply.send({ header, kv })) this.#writable = false;
  }
}
