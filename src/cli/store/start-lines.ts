/** What a member says of its settings when it starts, under etcd's names: scripts look there for what became of a flag. */
import type { Log } from "../../telemetry/index.ts";
import type { Settings } from "../flag-table.ts";

const texts = ["initial-cluster", "initial-cluster-state", "initial-cluster-token", "auto-compaction-mode"];
const switches = ["force-new-cluster", "initial-election-tick-advance", "pre-vote", "strict-reconfig-check"];
const lists = [
  "initial-advertise-peer-urls",
  "listen-peer-urls",
  "advertise-client-urls",
  "listen-client-urls",
  "listen-metrics-urls",
  "cors",
];
const counts = [
  "quota-backend-bytes",
  "max-request-bytes",
  "max-concurrent-streams",
  "max-txn-ops",
  "max-learners",
];
const bytesPerMegabyte = 1024 * 1024;

export function logSettings(log: Log, settings: Settings, directory: string): void {
  /** Under its own name or its earlier one. */
  const either = (name: string) =>
    settings.number(settings.isSet(`experimental-${name}`) ? `experimental-${name}` : name);
  const all = <T>(names: readonly string[], of: (name: string) => T) =>
    Object.fromEntries(names.map((name) => [name, of(name)]));
  log.info("starting an etcd server", {
    name: settings.text("name"),
    "data-dir": directory,
    "wal-dir": settings.text("wal-dir"),
    "heartbeat-interval": `${settings.number("heartbeat-interval")}ms`,
    "election-timeout": `${settings.number("election-timeout")}ms`,
    "snapshot-count": settings.number("snapshot-count"),
    "snapshot-catchup-entries": either("snapshot-catchup-entries"),
    ...all(switches, settings.boolean),
    ...all(lists, settings.list),
    ...all(texts, settings.text),
    ...all(counts, settings.number),
    // Whatever was said: etcd does not go by it either.
    "v2-deprecation": "write-only",
  });
  const thresholdBytes = either("bootstrap-defrag-threshold-megabytes") * bytesPerMegabyte;
  if (thresholdBytes > 0)
    log.info("Skipping defragmentation", {
      reason: "nothing in this store's files is spare",
      "bootstrap-defrag-threshold-bytes": thresholdBytes,
    });
}
