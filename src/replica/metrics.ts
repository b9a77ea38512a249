import { noMember } from "../base/index.ts";
import type { Counter, Metrics } from "../telemetry/index.ts";
import type { ReplicaStatus } from "./status.ts";

/** Seconds; etcd's bounds for its log: 1 ms and then twice as much, to 8 s. */
const syncSecondsBuckets = Array.from({ length: 14 }, (_, i) => 0.001 * 2 ** i);

/** What a member counts, under etcd's names. */
export interface ReplicaMetrics {
  readonly leaderChanges: Counter;
  readonly proposalsApplied: Counter;
  readonly proposalsFailed: Counter;
  observeSync(seconds: number): void;
  /** Shows what is read when somebody asks. */
  watch(read: {
    status(): ReplicaStatus;
    pending(): number;
    watchers(): number;
    slowWatchers(): number;
  }): void;
}

export function replicaMetrics(metrics: Metrics): ReplicaMetrics {
  const counter = (name: string, help: string) => metrics.counter(name, help).with();
  const sync = metrics.histogram(
    "etcd_disk_wal_fsync_duration_seconds",
    "Time until a write to the log is durable.",
    syncSecondsBuckets,
  );
  const series = sync.with();
  return {
    leaderChanges: counter("etcd_server_leader_changes_seen_total", "Leaders seen."),
    proposalsApplied: counter("etcd_server_proposals_applied_total", "Entries of the log applied."),
    proposalsFailed: counter("etcd_server_proposals_failed_total", "Proposals without an outcome."),
    observeSync: (seconds) => series.observe(seconds),
    watch({ status, pending, watchers, slowWatchers }) {
      const gauge = (name: string, help: string, read: () => number) => metrics.gauge(name, help, read);
      gauge("etcd_server_has_leader", "1: somebody leads.", () => (status().leader === noMember ? 0 : 1));
      gauge("etcd_server_is_leader", "1: this member leads.", () => (status().role === "leader" ? 1 : 0));
      gauge("etcd_server_is_learner", "1: this member has no vote.", () => (status().learner ? 1 : 0));
      gauge("etcd_server_proposals_pending", "Proposals without an outcome yet.", pending);
      gauge("etcd_server_proposals_committed_total", "Index committed.", () => status().committedIndex);
      gauge("etcd_mvcc_db_total_size_in_bytes", "Bytes the store takes.", () => status().dbSizeBytes);
      gauge(
        "etcd_mvcc_db_total_size_in_use_in_bytes",
        "Bytes that hold data.",
        () => status().dbSizeInUseBytes,
      );
      gauge(
        "etcd_server_quota_backend_bytes",
        "Bytes of data from which on puts are refused.",
        () => status().dbQuotaBytes ?? 0,
      );
      gauge("etcd_debugging_mvcc_current_revision", "The store's revision.", () => status().header.revision);
      gauge("etcd_debugging_mvcc_watcher_total", "Watchers.", watchers);
      gauge("etcd_debugging_mvcc_slow_watcher_total", "Watchers without room.", slowWatchers);
    },
  };
}
