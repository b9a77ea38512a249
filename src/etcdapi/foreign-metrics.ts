import type { Metrics } from "../telemetry/index.ts";

/**
 * Names that etcd has for parts that this store does not: bbolt's commits and read transactions, the store of API version 2, the gRPC
 * proxy. They stay at zero, so that dashboards and alerts made for etcd find what they look for.
 */
export function addForeignMetrics(metrics: Metrics): void {
  const help = "Of a part that this store does not have.";
  for (const name of histograms) metrics.histogram(name, help, secondsBuckets);
  for (const name of gauges) metrics.gauge(name, help, () => 0);
  for (const name of counters) metrics.counter(name, help);
  metrics.counter("etcd_debugging_store_reads_total", help, ["action"]).with("getRecursive");
  const writes = metrics.counter("etcd_debugging_store_writes_total", help, ["action"]);
  for (const action of ["create", "delete", "set", "update"]) writes.with(action);
}

/** 1 ms, and then twice as much, to 8 s. */
const secondsBuckets = Array.from({ length: 14 }, (_, i) => 0.001 * 2 ** i);

const histograms = [
  "etcd_debugging_disk_backend_commit_rebalance_duration_seconds",
  "etcd_debugging_disk_backend_commit_spill_duration_seconds",
  "etcd_debugging_disk_backend_commit_write_duration_seconds",
  "etcd_disk_backend_commit_duration_seconds",
];

const gauges = [
  // Watchers' backlogs are in the store, not beside it.
  "etcd_debugging_mvcc_pending_events_total",
  "etcd_debugging_store_watchers",
  // etcd calls all of these gauges.
  "etcd_grpc_proxy_cache_hits_total",
  "etcd_grpc_proxy_cache_keys_total",
  "etcd_grpc_proxy_cache_misses_total",
  "etcd_grpc_proxy_watchers_coalescing_total",
  "etcd_mvcc_db_open_read_transactions",
];

const counters = [
  "etcd_debugging_store_expires_total",
  "etcd_debugging_store_watch_requests_total",
  "etcd_grpc_proxy_events_coalescing_total",
];
