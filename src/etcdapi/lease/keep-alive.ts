import type { LeaseId } from "../../base/index.ts";
import type { Kv } from "../../kv/index.ts";
import { etcdserverpb } from "../../wire/index.ts";
import { headerOf } from "../header.ts";
import { type Method, stream } from "../method.ts";

/**
 * Every message renews one lease and is answered in order, TTL 0 where there is no such lease. One renewal at a time: while
 * it runs the client is not read, so nothing piles up.
 */
export function keepAliveMethod(kv: Kv): Method {
  return stream(etcdserverpb.LeaseService.LeaseKeepAlive, (reply) => {
    // Requests that came in one piece with the one under way.
    const waiting: LeaseId[] = [];
    let busy = false;
    let ended = false;
    let writable = true;

    async function work(): Promise<void> {
      busy = true;
      reply.pause();
      try {
        while (writable) {
          const id = waiting.shift();
          if (id === undefined) break;
          const { header, ttlSeconds } = await kv.leases.keepAlive(id);
          writable = reply.send({ header: headerOf(header), ID: id, TTL: ttlSeconds });
        }
      } catch (thrown) {
        reply.end(thrown);
        return;
      }
      busy = false;
      if (!writable) return;
      reply.resume();
      if (ended) reply.end();
    }

    return {
      request(message) {
        waiting.push(message.ID as LeaseId);
        if (!busy && writable) void work();
      },
      requestsEnded() {
        ended = true;
        if (!busy && waiting.length === 0) reply.end();
      },
      drain() {
        writable = true;
        if (!busy) void work();
      },
      closed() {
        waiting.length = 0;
      },
    };
  });
}
