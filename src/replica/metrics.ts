import { type MemberId, noMember } from "../base/index.ts";
import { KvError } from "../kv/index.ts";
import type { Counter, Metrics } from "../telemetry/index.ts";
import type { Alarm } from "./alarms.ts";
import { ApplyDurations } from "./apply-durations.ts";
import type { Command } from "./command.ts";
import { type Durations, durations } from "./durations.ts";
import { PeerMetrics } from "./peer-metrics.ts";
import type { Outcome, StateMachine } from "./state-machine.ts";
import type { ReplicaStatus } from "./status.ts";

/** Seconds that leases are granted for: 1 to 2^23. */
const ttlSecondsBuckets = Array.from({ length: 24 }, (_, i) => 2 ** i);

/** What may be read of a member when somebody asks for its metrics. */
interface MetricsSource {
  readonly member: MemberId;
  readonly state: StateMachine;
  /** Wall time in milliseconds. */
  now(): number;
  status(): ReplicaStatus;
  /** Proposals without an outcome yet. */
  pending(): number;
  walBytes(): number;
  /** An image from the leader is being taken in. */
  installing(): boolean;
  /** Defragmentations under way. */
  defragmenting(): number;
  /** The member is connected. */
  isActive(member: MemberId): boolean;
}

/** What a member counts, under etcd's names. */
export interface ReplicaMetrics {
  readonly leaderChanges: Counter;
  readonly proposalsFailed: Counter;
  readonly readsFailed: Counter;
  readonly readsSlow: Counter;
  readonly leasesRenewed: Counter;
  readonly promotions: Counter;
  promotionFailed(error: unknown): void;
  /** Of every command but transactions, which the store counts. */
  applied(command: Command, outcome: Outcome): void;
  readonly durations: Durations;
  readonly appliedIn: ApplyDurations;
  readonly peers: PeerMetrics;
  /** Heartbeats of this member as the leader that left much too late. */
  readonly heartbeatsLate: Counter;
  /** Shows what is read when somebody asks. */
  watch(source: MetricsSource): void;
}

export function replicaMetrics(metrics: Metrics): ReplicaMetrics {
  const counter = (name: string, help: string) => metrics.counter(name, help).with();
  const ttl = metrics
    .histogram("etcd_debugging_lease_ttl_total", "Seconds leases were granted for.", ttlSecondsBuckets)
    .with();
  const granted = counter("etcd_debugging_lease_granted_total", "Leases granted.");
  const revoked = counter("etcd_debugging_lease_revoked_total", "Leases revoked, or at their end.");
  const expired = counter("etcd_debugging_server_lease_expired_total", "Leases at their end.");
  const promotionFailures = metrics.counter(
    "etcd_server_learner_promote_failures",
    "Learners that could not be promoted here.",
    ["Reason"],
  );
  const peers = new PeerMetrics(metrics);
  let source: MetricsSource | undefined;
  let compactedAtMs = 0;
  /** That were raised once. */
  const alarms = new Map<string, Alarm>();
  metrics.gauge(
    "etcd_debugging_mvcc_db_compaction_last",
    "When it was compacted in this life, in seconds since 1970.",
    () => Math.floor(compactedAtMs / 1000),
  );
  metrics.read(
    "etcd_debugging_server_alarms",
    "1 for each alarm raised, 0 for one that was.",
    { type: "gauge", labels: ["server_id", "alarm_type"] },
    () => {
      for (const one of source?.state.alarms.all ?? []) alarms.set(`${one.member} ${one.alarm}`, one);
      return [...alarms.values()].map(({ member, alarm }) => [
        [member.toString(16), alarm],
        source?.state.alarms.has(alarm, member) ? 1 : 0,
      ]);
    },
  );
  return {
    leaderChanges: counter("etcd_server_leader_changes_seen_total", "Leaders seen."),
    proposalsFailed: counter("etcd_server_proposals_failed_total", "Proposals without an outcome."),
    readsFailed: counter("etcd_server_read_indexes_failed_total", "Linearizable reads without an answer."),
    readsSlow: counter(
      "etcd_server_slow_read_indexes_total",
      "Rounds of linearizable reads asked for again.",
    ),
    leasesRenewed: counter(
      "etcd_debugging_lease_renewed_total",
      "Leases renewed by this member as the leader.",
    ),
    promotions: counter("etcd_server_learner_promote_successes", "Learners promoted here."),
    promotionFailed(error) {
      promotionFailures.with(error instanceof KvError ? error.message : "internal error").add();
    },
    applied(command, outcome) {
      if (outcome.type === "lease-grant") {
        granted.add();
        ttl.observe(outcome.ttlSeconds);
      } else if (command.type === "lease-revoke") {
        revoked.add();
        if (command.expiredInTerm !== 0) expired.add();
      } else if (command.type === "compact") compactedAtMs = source?.now() ?? 0;
      else if (outcome.type === "alarm")
        for (const one of outcome.alarms) alarms.set(`${one.member} ${one.alarm}`, one);
    },
    durations: durations(metrics),
    appliedIn: new ApplyDurations(metrics),
    peers,
    heartbeatsLate: counter(
      "etcd_server_heartbeat_send_failures_total",
      "Heartbeats of this member as the leader that left much too late.",
    ),
    watch: (given) => {
      source = given;
      peers.showDisconnects(metrics, given.member);
      watchServer(metrics, given);
      watchStore(metrics, given.state);
      watchPeers(metrics, given);
    },
  };
}

/** A counter that is kept elsewhere. */
function total(metrics: Metrics, name: string, help: string, read: () => number): void {
  metrics.read(name, help, { type: "counter" }, () => [[[], read()]]);
}

function watchServer(
  metrics: Metrics,
  { state, status, pending, walBytes, installing, defragmenting }: MetricsSource,
): void {
  const gauge = (name: string, help: string, read: () => number) => metrics.gauge(name, help, read);
  gauge("etcd_server_has_leader", "1: somebody leads.", () => (status().leader === noMember ? 0 : 1));
  gauge("etcd_server_is_leader", "1: this member leads.", () => (status().role === "leader" ? 1 : 0));
  gauge("etcd_server_is_learner", "1: this member has no vote.", () => (status().learner ? 1 : 0));
  gauge("etcd_server_proposals_pending", "Proposals without an outcome yet.", pending);
  gauge("etcd_server_proposals_applied_total", "Index applied.", () => status().appliedIndex);
  gauge("etcd_server_proposals_committed_total", "Index committed.", () => status().committedIndex);
  gauge("etcd_server_snapshot_apply_in_progress_total", "1: an image from the leader is taken in.", () =>
    installing() ? 1 : 0,
  );
  gauge("etcd_disk_defrag_inflight", "Defragmentations under way.", defragmenting);
  gauge(
    "etcd_server_quota_backend_bytes",
    "Bytes of data from which on puts are refused.",
    () => status().dbQuotaBytes ?? 0,
  );
  gauge("etcd_debugging_auth_revision", "Of users and roles.", () => state.access.revision);
  gauge("etcd_disk_wal_write_bytes_total", "Bytes written to the log.", walBytes);
}

function watchStore(metrics: Metrics, state: StateMachine): void {
  const gauge = (name: string, help: string, read: () => number) => metrics.gauge(name, help, read);
  const { mvcc, hub } = state;
  gauge("etcd_mvcc_db_total_size_in_bytes", "Bytes the store takes.", () => mvcc.sizes.totalBytes);
  gauge("etcd_mvcc_db_total_size_in_use_in_bytes", "Bytes that hold data.", () => mvcc.sizes.usedBytes);
  gauge("etcd_debugging_mvcc_current_revision", "The store's revision.", () => mvcc.revision);
  gauge("etcd_debugging_mvcc_compact_revision", "Where it was compacted.", () => mvcc.compactRevision);
  gauge("etcd_debugging_mvcc_keys_total", "Keys that exist.", () => mvcc.liveKeys);
  gauge("etcd_debugging_mvcc_total_put_size_in_bytes", "Bytes put.", () => mvcc.counts.putBytes);
  gauge("etcd_debugging_mvcc_watcher_total", "Watchers.", () => {
    const { synced, catchingUp, slow } = hub.counts;
    return synced + catchingUp + slow;
  });
  gauge("etcd_debugging_mvcc_slow_watcher_total", "Watchers without room.", () => hub.counts.slow);
  total(metrics, "etcd_debugging_mvcc_events_total", "Events delivered.", () => hub.delivered);
  total(
    metrics,
    "etcd_debugging_mvcc_db_compaction_keys_total",
    "Versions freed behind compactions.",
    () => mvcc.counts.reclaimed,
  );
  total(metrics, "etcd_mvcc_put_total", "Puts.", () => mvcc.counts.puts);
  total(metrics, "etcd_mvcc_delete_total", "Deletions of a key or a range.", () => mvcc.counts.deletes);
  total(metrics, "etcd_mvcc_range_total", "Ranges read.", () => mvcc.counts.ranges);
  total(metrics, "etcd_mvcc_txn_total", "Transactions of several operations.", () => mvcc.counts.txns);
}

function watchPeers(metrics: Metrics, { member, state, isActive }: MetricsSource): void {
  const peers = (counts: (peer: MemberId) => boolean) => () =>
    state.membership.members
      .filter(({ id }) => counts(id))
      .map(({ id }) => [[member.toString(16), id.toString(16)], 1] as const);
  const options = { type: "gauge", labels: ["Local", "Remote"] } as const;
  metrics.read(
    "etcd_network_known_peers",
    "1 for each member known.",
    options,
    peers(() => true),
  );
  metrics.read("etcd_network_active_peers", "1 for each member connected.", options, peers(isActive));
}
