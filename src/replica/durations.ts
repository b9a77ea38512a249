/** How long things took, under etcd's names and with its buckets, so that dashboards and alerts made for etcd work. */
import type { Metrics } from "../telemetry/index.ts";

interface Duration {
  observe(value: number): void;
}

/** In seconds, where nothing else is said. */
export interface Durations {
  /** A write to the log, until it is durable. */
  readonly sync: Duration;
  readonly range: Duration;
  /** A range that could not be read. */
  readonly rangeFailed: Duration;
  /** Hashing the keys up to a revision. */
  readonly hash: Duration;
  /** Hashing all there is. */
  readonly hashOfAll: Duration;
  /** Milliseconds: making a compaction known to the keys, in which nothing else happens. */
  readonly compactionPause: Duration;
  /** Milliseconds: freeing what a compaction has made unreachable, all in all. */
  readonly compaction: Duration;
  /** Milliseconds: one step of it, in which nothing else happens. */
  readonly compactionStep: Duration;
  readonly defragmentation: Duration;
  /** A client's snapshot, from its revision on until it was read to its end. */
  readonly snapshot: Duration;
  /** Writing an image. */
  readonly image: Duration;
  /** Of that, gathering what is in it. */
  readonly imageContent: Duration;
  /** Of that, making it durable. */
  readonly imageSync: Duration;
  /** Taking in an image that the leader sends. */
  readonly imageReceived: Duration;
  /** Of that, making it durable. */
  readonly imageReceivedSync: Duration;
}

/** From `first` on, each twice the one before. */
export const doubling = (first: number, count: number) =>
  Array.from({ length: count }, (_, i) => first * 2 ** i);

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
  const range = metrics.histogram("etcd_server_range_duration_seconds", "Time to read a range.", ofRequests, [
    "success",
  ]);
  return {
    sync: {
      observe(seconds) {
        sync.observe(seconds);
        write.observe(seconds);
      },
    },
    range: range.with("true"),
    // A series of its own begins with the first failure.
    rangeFailed: { observe: (seconds) => range.with("false").observe(seconds) },
    hash: histogram(
      "etcd_mvcc_hash_rev_duration_seconds",
      "Time to hash the keys up to a revision.",
      doubling(0.01, 15),
    ),
    hashOfAll: histogram("etcd_mvcc_hash_duration_seconds", "Time to hash all there is.", doubling(0.01, 15)),
    compactionPause: histogram(
      "etcd_debugging_mvcc_index_compaction_pause_duration_milliseconds",
      "Milliseconds in which a compaction is made known, and nothing else happens.",
      doubling(0.5, 14),
    ),
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
    imageContent: histogram(
      "etcd_debugging_snap_save_marshalling_duration_seconds",
      "Time to gather what is in an image of the state.",
      ofLog,
    ),
    imageSync: histogram("etcd_snap_fsync_duration_seconds", "Time until an image is durable.", ofLog),
    imageReceived: histogram(
      "etcd_snap_db_save_total_duration_seconds",
      "Time to take in an image that the leader sends.",
      doubling(0.1, 10),
    ),
    imageReceivedSync: histogram(
      "etcd_snap_db_fsync_duration_seconds",
      "Time until an image that came in is durable.",
      ofLog,
    ),
  };
}
