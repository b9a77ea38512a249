import {
  type Index,
  type LeaseId,
  type MemberId,
  noLease,
  type Revision,
  type Term,
} from "../../src/base/index.ts";
import type { ClusterInfo } from "../../src/etcdapi/index.ts";
import { type Header, type Kv, KvError, type OpResult, type Txn } from "../../src/kv/index.ts";
import { createLessor } from "../../src/lease/index.ts";
import { createMvcc } from "../../src/mvcc/index.ts";
import type { Clock } from "../../src/platform/index.ts";
import { createWatchHub } from "../../src/watch/index.ts";

export interface Store {
  readonly kv: Kv;
  readonly cluster: ClusterInfo;
  /** What a test may change: who leads, and alarms. */
  readonly state: { leader: bigint; alarms: { member: MemberId; alarm: "NOSPACE" | "CORRUPT" }[] };
  close(): void;
}

const requestBytesMax = 1_572_864;

/** One member without a log: the real store, leases and watches, applied at once. */
export function openStore(clock: Clock): Store {
  const memberId = 0x8e9e05c52164694dn as MemberId;
  const state: Store["state"] = { leader: memberId, alarms: [] };
  const lessor = createLessor({ ttlSecondsMin: 2 });
  const mvcc = createMvcc({ leases: lessor });
  const hub = createWatchHub({ source: mvcc, onCatchUpNeeded: () => void setImmediate(catchUp) });
  lessor.promote(clock.monotonic(), 0);
  let nextLease = 0x694d81c0_00000001n;
  let applied = 0;

  function catchUp(): void {
    if (hub.catchUp()) setImmediate(catchUp);
  }

  function header(): Header {
    return { clusterId: 0xcdf818194e3a8c32n, memberId, revision: mvcc.revision, term: 2 as Term };
  }

  function end(id: LeaseId): void {
    const keys = lessor.revoke(id);
    if (keys.length > 0) mvcc.deleteKeys(keys);
    applied++;
    hub.publish();
  }

  const expiry = clock.every(100, () => {
    for (const id of lessor.expired(clock.monotonic(), 100)) end(id);
    hub.tick(clock.monotonic());
  });

  const kv: Kv = {
    async range(query) {
      return { header: header(), ...mvcc.range(query) };
    },
    async txn(txn) {
      if (bytesOf(txn) > requestBytesMax) throw new KvError("REQUEST_TOO_LARGE", "request is too large");
      const result = mvcc.apply(txn);
      applied++;
      const made = {
        header: header(),
        succeeded: result.succeeded,
        results: result.results as readonly OpResult[],
      };
      hub.publish();
      return made;
    },
    async compact(revision) {
      mvcc.compact(revision);
      return header();
    },
    watch: (query, observer) => hub.watch(query, observer),
    leases: {
      async grant({ id, ttlSeconds }) {
        const chosen = id === noLease ? (nextLease++ as LeaseId) : id;
        const granted = lessor.grant({ id: chosen, ttlSeconds }, clock.monotonic());
        return { header: header(), ...granted };
      },
      async revoke(id) {
        end(id);
        return header();
      },
      async keepAlive(id) {
        if (!lessor.has(id)) return { header: header(), ttlSeconds: 0 };
        return { header: header(), ttlSeconds: lessor.renew(id, clock.monotonic()).ttlSeconds };
      },
      async timeToLive(id, options) {
        const lease = lessor.timeToLive(id, clock.monotonic());
        const keys = options?.keys ? lessor.keys(id) : [];
        return { header: header(), lease: lease === undefined ? undefined : { ...lease, keys } };
      },
      async list() {
        return { header: header(), ids: lessor.list() };
      },
    },
  };
  const cluster: ClusterInfo = {
    header,
    status: () => ({
      header: header(),
      leader: state.leader as MemberId,
      committedIndex: applied as Index,
      appliedIndex: applied as Index,
      learner: false,
      dbSizeBytes: mvcc.sizes.totalBytes,
      dbSizeInUseBytes: mvcc.sizes.usedBytes,
      dbQuotaBytes: 2_147_483_648,
    }),
    members: async () => [
      {
        id: memberId,
        name: "default",
        peerUrls: ["http://127.0.0.1:2380"],
        clientUrls: ["http://127.0.0.1:2379"],
        learner: false,
      },
    ],
    alarms: () => state.alarms,
    async alarm(request) {
      if (request.action === "get") return state.alarms;
      const { action, member, alarm } = request;
      const others = state.alarms.filter((one) => one.alarm !== alarm || one.member !== member);
      const known = others.length < state.alarms.length;
      state.alarms = action === "activate" ? [...others, { member, alarm }] : others;
      return action === "activate" || known ? [{ member, alarm }] : [];
    },
    async hash() {
      return (await cluster.hashKv?.(0 as Revision))?.hash ?? 0;
    },
    async hashKv(revision: Revision) {
      const hash = mvcc.hash(revision);
      for (;;) {
        const value = hash.step(1000);
        if (value !== undefined) {
          return { hash: value, compactRevision: hash.compactRevision, hashRevision: hash.revision };
        }
      }
    },
  };
  return {
    kv,
    cluster,
    state,
    close() {
      expiry.cancel();
      hub.close(new KvError("STOPPED", "stopped"));
    },
  };
}

function bytesOf(txn: Txn): number {
  let bytes = 0;
  for (const op of [...txn.success, ...txn.failure])
    if (op.type === "put") bytes += op.key.length + op.value.length;
  return bytes;
}
