/**
 * The store's port over gRPC to an etcd cluster (3.4 and later, or our own), in files that follow a call on its way:
 * etcd-client.ts is the port, cluster.ts picks members and tries again, endpoint.ts keeps one connection, call.ts is one gRPC call.
 */
export { createEtcdClient, type EtcdClient, type EtcdClientOptions } from "./etcd-client.ts";
