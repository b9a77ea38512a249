import { createCacher, createKvStorage } from "../../src/storage/index.ts";
import { prefix, storageContract } from "../storage/contract.ts";
import type { MvccKv } from "../storage/mvcc-kv.ts";
import { headerOf, throughEtcdApi } from "./in-memory.ts";

const resource = { keyPrefix: prefix, namespaced: true };

const remote = (kv: MvccKv) => throughEtcdApi(kv, headerOf(kv));

storageContract("etcdclient", ({ kv, clock }) => createKvStorage({ kv: remote(kv), clock, ...resource }));
storageContract("watch cache over etcdclient", ({ kv, clock }) =>
  createCacher({ kv: remote(kv), clock, ...resource }),
);
storageContract("watch cache over an etcdclient that cannot ask for progress", ({ kv, clock }) => {
  const { range, txn, compact, watch, leases } = remote(kv);
  return createCacher({
    kv: { range, txn, compact, watch, leases, answersProgress: false },
    clock,
    ...resource,
  });
});
