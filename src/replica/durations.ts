/** How long things took, under etcd's names and with its buckets, so that dashboards and alerts made for etcd work. */
import type { Metrics } from "../telemetry/index.ts";

interface Duration {
  observe(value: number): void;
}

/** In seconds, where nothing else is said. */
export interface Durations {
  /** A write to the log, until it is durable. */
  readonly sync: Duration;
  /** Applying what was committed together. */
  readonly apply: Duration;
  readonly range: Duration;
  /** Hashing the keys. */
  readonly hash: Duration;
  /** Milliseconds: freeing what a compaction has made unreachable, all in all. */
  readonly compaction: Duration;
  /** Milliseconds: one step of it, in which nothing else happens. */
  readonly compactionStep: Duration;
  readonly defragmentation: Duration;
  /** A client's snapshot, from its revision on until it was read to its end. */
  readonly snapshot: Duration;
  /** Writing an image. */
  readonly image: Duration;
}

/** From `first` on, each twice the one before. */
const doubling = (first: number, count: number) => Array.from({ length: count }, (_, i) => first * 2 ** i);

export function durations(metrics: Metrics): Durations {
  const histogram = (name: string, help: string, buckets: readonly number[]) =>
    metrics.histogram(name, help, buckets).with();
  const ofLog = doubling(0.001, 14);
  const ofRequests = doubling(0.0001, 20);
  const sync = histogram(
    "etcd_disk_wal_fsync_duration_seconds",
    "Time until a write to the log is durable.",
    ofLog,
  );
  const write = histogram(
    "etcd_disk_wal_write_duration_seconds",
    "The same: a write to the log and its sync are one.",
    ofLog,
  );
  return {
    sync: {
      observe(seconds) {
        sync.observe(seconds);
        write.observe(seconds);
      },
    },
    apply: metrics
      .histogram(
        "etcd_server_apply_duration_seconds",
        "Time to apply what was committed together.",
        ofRequests,
        ["version", "op", "success"],
      )
      .with("v3", "Entries", "true"),
    range: metrics
      .histogram("etcd_server_range_duration_seconds", "Time to read a range.", ofRequests, ["success"])
      .with("true"),
    hash: histogram("etcd_mvcc_hash_rev_duration_seconds", "Time to hash the keys.", doubling(0.01, 15)),
    compaction: histogram(
      "etcd_debugging_mvcc_db_compaction_total_duration_milliseconds",
      "Milliseconds to free what compactions have made unreachable.",
      doubling(100, 14),
    ),
    compactionStep: histogram(
      "etcd_debugging_mvcc_db_compaction_pause_duration_milliseconds",
      "Milliseconds of one step of that, in which nothing else happens.",
      doubling(1, 12),
    ),
    defragmentation: histogram(
      "etcd_disk_backend_defrag_duration_seconds",
      "Time of defragmentations.",
      doubling(0.1, 13),
    ),
    snapshot: histogram(
      "etcd_disk_backend_snapshot_duration_seconds",
      "Time of clients' snapshots.",
      doubling(0.01, 17),
    ),
    image: histogram(
      "etcd_debugging_snap_save_total_duration_seconds",
      "Time to write an image of the state.",
      ofLog,
    ),
  };
}
