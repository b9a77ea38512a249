import type { LeaseId } from "../base/index.ts";
import type { Leases } from "../kv/index.ts";
import { etcdserverpb } from "../wire/index.ts";
import type { Cluster } from "./cluster.ts";
import { KeepAlive } from "./keep-alive.ts";
import { headerOf } from "./responses.ts";

const { LeaseService } = etcdserverpb;

/** Leases of an etcd cluster. */
export function leasesOf(cluster: Cluster): Leases & { close(): void } {
  const keepAlive = new KeepAlive(cluster);
  return {
    async grant({ id, ttlSeconds }) {
      // Made twice without an id, one of the two would be nobody's.
      const answer = await cluster.unary(LeaseService.LeaseGrant, { ID: id, TTL: ttlSeconds }, "write");
      return { header: headerOf(answer), id: answer.ID as LeaseId, ttlSeconds: answer.TTL };
    },
    async revoke(id) {
      return headerOf(await cluster.unary(LeaseService.LeaseRevoke, { ID: id }, "write"));
    },
    async keepAlive(id) {
      const answer = await keepAlive.ask(id);
      return { header: headerOf(answer), ttlSeconds: Math.max(0, answer.TTL) };
    },
    async timeToLive(id, options = {}) {
      const keys = options.keys === true;
      const answer = await cluster.unary(LeaseService.LeaseTimeToLive, { ID: id, keys }, "read");
      const header = headerOf(answer);
      // -1: there is none.
      if (answer.TTL < 0) return { header, lease: undefined };
      return {
        header,
        lease: { id, grantedTtlSeconds: answer.grantedTTL, ttlSeconds: answer.TTL, keys: answer.keys },
      };
    },
    async list() {
      const answer = await cluster.unary(LeaseService.LeaseLeases, {}, "read");
      return { header: headerOf(answer), ids: answer.leases.map(({ ID }) => ID as LeaseId) };
    },
    close: () => keepAlive.close(),
  };
}
