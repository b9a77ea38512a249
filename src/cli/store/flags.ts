/**
 * etcd's flags, all of them (https://etcd.io/docs/v3.6/op-guide/configuration/). `effect` says what becomes of one here:
 *
 *   honoured   does what it does in etcd
 *   none       tunes a part that this store does not have (bbolt, its HTTP between members, tracing …): taken, and without effect
 *   refused    ignoring it would be unsafe or plainly wrong: whoever sets it to anything but its default is told so
 */
type FlagKind = "text" | "boolean" | "number" | "duration";

export interface Flag {
  readonly kind: FlagKind;
  readonly default: string;
  readonly effect: "honoured" | "none" | "refused";
}

const flag = (kind: FlagKind, value: string, effect: Flag["effect"]): Flag => ({
  kind,
  default: value,
  effect,
});
const honoured = (kind: FlagKind, value = "") => flag(kind, value, "honoured");
const none = (kind: FlagKind, value = "") => flag(kind, value, "none");
const refused = (kind: FlagKind, value = "") => flag(kind, value, "refused");

const stable: Readonly<Record<string, Flag>> = {
  "config-file": honoured("text"),
  version: honoured("boolean", "false"),

  name: honoured("text", "default"),
  "data-dir": honoured("text"),
  "wal-dir": honoured("text"),
  "snapshot-count": honoured("number", "10000"),
  "heartbeat-interval": honoured("number", "100"),
  "election-timeout": honoured("number", "1000"),
  "initial-election-tick-advance": none("boolean", "true"),
  "listen-peer-urls": honoured("text", "http://localhost:2380"),
  "listen-client-urls": honoured("text", "http://localhost:2379"),
  "listen-client-http-urls": honoured("text"),
  "max-snapshots": none("number", "5"),
  "max-wals": none("number", "5"),
  "memory-mlock": none("boolean", "false"),
  "quota-backend-bytes": honoured("number", "0"),
  "backend-bbolt-freelist-type": none("text", "map"),
  "backend-batch-interval": none("duration", "0s"),
  "backend-batch-limit": none("number", "0"),
  "max-txn-ops": honoured("number", "128"),
  "max-request-bytes": honoured("number", "1572864"),
  "max-concurrent-streams": none("number", "4294967295"),
  "grpc-keepalive-min-time": none("duration", "5s"),
  "grpc-keepalive-interval": none("duration", "2h"),
  "grpc-keepalive-timeout": none("duration", "20s"),
  "socket-reuse-port": none("boolean", "false"),
  "socket-reuse-address": none("boolean", "false"),
  "enable-grpc-gateway": none("boolean", "true"),
  "raft-read-timeout": none("duration", "5s"),
  "raft-write-timeout": none("duration", "5s"),
  "feature-gates": honoured("text"),

  "initial-advertise-peer-urls": honoured("text", "http://localhost:2380"),
  "initial-cluster": honoured("text"),
  "initial-cluster-state": honoured("text", "new"),
  "initial-cluster-token": honoured("text", "etcd-cluster"),
  "advertise-client-urls": honoured("text", "http://localhost:2379"),
  discovery: refused("text"),
  "discovery-token": refused("text"),
  "discovery-endpoints": refused("text"),
  "discovery-dial-timeout": none("duration", "2s"),
  "discovery-request-timeout": none("duration", "5s"),
  "discovery-keepalive-time": none("duration", "2s"),
  "discovery-keepalive-timeout": none("duration", "6s"),
  "discovery-insecure-transport": none("boolean", "true"),
  "discovery-insecure-skip-tls-verify": none("boolean", "false"),
  "discovery-cert": refused("text"),
  "discovery-key": refused("text"),
  "discovery-cacert": refused("text"),
  "discovery-user": refused("text"),
  "discovery-password": refused("text"),
  "discovery-fallback": none("text", "exit"),
  "discovery-proxy": refused("text"),
  "discovery-srv": refused("text"),
  "discovery-srv-name": refused("text"),
  "strict-reconfig-check": honoured("boolean", "true"),
  // It never votes without having asked first.
  "pre-vote": none("boolean", "true"),
  "auto-compaction-retention": honoured("text", "0"),
  "auto-compaction-mode": honoured("text", "periodic"),
  "v2-deprecation": none("text", "write-only"),

  "cert-file": honoured("text"),
  "key-file": honoured("text"),
  "client-cert-auth": honoured("boolean", "false"),
  "client-cert-file": none("text"),
  "client-key-file": none("text"),
  "client-crl-file": refused("text"),
  "client-cert-allowed-hostname": refused("text"),
  "trusted-ca-file": honoured("text"),
  "auto-tls": honoured("boolean", "false"),
  "peer-cert-file": honoured("text"),
  "peer-key-file": honoured("text"),
  "peer-client-cert-auth": honoured("boolean", "false"),
  "peer-client-cert-file": refused("text"),
  "peer-client-key-file": refused("text"),
  "peer-trusted-ca-file": honoured("text"),
  "peer-cert-allowed-cn": refused("text"),
  "peer-cert-allowed-hostname": refused("text"),
  "peer-auto-tls": honoured("boolean", "false"),
  "self-signed-cert-validity": none("number", "1"),
  "peer-crl-file": refused("text"),
  "peer-skip-client-san-verification": none("boolean", "false"),
  "cipher-suites": refused("text"),
  cors: honoured("text", "*"),
  "host-whitelist": refused("text", "*"),
  "tls-min-version": honoured("text", "TLS1.2"),
  "tls-max-version": honoured("text"),

  "auth-token": honoured("text", "simple"),
  "bcrypt-cost": honoured("number", "10"),
  "auth-token-ttl": honoured("number", "300"),

  "enable-pprof": none("boolean", "false"),
  metrics: none("text", "basic"),
  "listen-metrics-urls": honoured("text"),

  logger: none("text", "zap"),
  "log-outputs": honoured("text", "default"),
  "log-level": honoured("text", "info"),
  "log-format": honoured("text", "json"),
  "enable-log-rotation": refused("boolean", "false"),
  "log-rotation-config-json": none("text"),
  "warning-unary-request-duration": none("duration", "300ms"),

  "enable-distributed-tracing": none("boolean", "false"),
  "distributed-tracing-address": none("text", "localhost:4317"),
  "distributed-tracing-service-name": none("text", "etcd"),
  "distributed-tracing-instance-id": none("text"),
  "distributed-tracing-sampling-rate": none("number", "0"),

  "corrupt-check-time": honoured("duration", "0s"),
  "compact-hash-check-time": none("duration", "1m"),
  "compaction-batch-limit": none("number", "1000"),
  "compaction-sleep-interval": none("duration", "10ms"),
  "watch-progress-notify-interval": honoured("duration", "10m"),
  "warning-apply-duration": none("duration", "100ms"),
  "bootstrap-defrag-threshold-megabytes": none("number", "0"),
  "max-learners": honoured("number", "1"),
  "snapshot-catchup-entries": none("number", "5000"),
  "downgrade-check-time": none("duration", "5s"),

  // Without syncing it would be no store: it syncs all the same.
  "unsafe-no-fsync": none("boolean", "false"),
  "force-new-cluster": refused("boolean", "false"),
};

/** Their earlier names. */
const experimental: Readonly<Record<string, Flag>> = {
  "experimental-initial-corrupt-check": honoured("boolean", "false"),
  "experimental-corrupt-check-time": honoured("duration", "0s"),
  "experimental-watch-progress-notify-interval": honoured("duration", "10m"),
  "experimental-compact-hash-check-enabled": none("boolean", "false"),
  "experimental-compact-hash-check-time": none("duration", "1m"),
  "experimental-enable-lease-checkpoint": none("boolean", "false"),
  "experimental-enable-lease-checkpoint-persist": none("boolean", "false"),
  "experimental-compaction-batch-limit": none("number", "1000"),
  "experimental-compaction-sleep-interval": none("duration", "10ms"),
  "experimental-peer-skip-client-san-verification": none("boolean", "false"),
  "experimental-warning-apply-duration": none("duration", "100ms"),
  "experimental-warning-unary-request-duration": none("duration", "0s"),
  "experimental-txn-mode-write-with-shared-buffer": none("boolean", "true"),
  "experimental-stop-grpc-service-on-defrag": none("boolean", "false"),
  "experimental-bootstrap-defrag-threshold-megabytes": none("number", "0"),
  "experimental-snapshot-catchup-entries": none("number", "5000"),
  "experimental-downgrade-check-time": none("duration", "5s"),
  "experimental-memory-mlock": none("boolean", "false"),
  "experimental-enable-distributed-tracing": none("boolean", "false"),
  "experimental-distributed-tracing-address": none("text", "localhost:4317"),
  "experimental-distributed-tracing-service-name": none("text", "etcd"),
  "experimental-distributed-tracing-instance-id": none("text"),
  "experimental-distributed-tracing-sampling-rate": none("number", "0"),
};

export const flags: ReadonlyMap<string, Flag> = new Map(Object.entries({ ...stable, ...experimental }));
