/** kube-apiserver's flags, all of 1.35's (https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/). */
import { apiFlags } from "../api-flags/definitions.ts";
import { type Flag, type FlagTable, honoured, none, refused } from "../flag-table.ts";

export const flags: FlagTable = new Map<string, Flag>([
  ...apiFlags,
  ...Object.entries({
    // Generic
    "advertise-address": honoured("text"),
    "cors-allowed-origins": refused("list"),
    "emulated-version": refused("list"),
    "emulation-forward-compatible": refused("boolean", "false"),
    "external-hostname": none("text"),
    // Taken where it says what is so: see feature-gates.ts.
    "feature-gates": honoured("text"),
    "goaway-chance": none("text", "0"),
    "livez-grace-period": none("duration", "0s"),
    "min-compatibility-version": refused("list"),
    "min-request-timeout": honoured("number", "1800"),
    "request-timeout": none("duration", "1m0s"),
    "runtime-config": honoured("list"),
    "runtime-config-emulation-forward-compatible": refused("boolean", "false"),
    "shutdown-delay-duration": none("duration", "0s"),
    "shutdown-send-retry-after": none("boolean", "false"),
    "shutdown-watch-termination-grace-period": none("duration", "0s"),
    "storage-initialization-timeout": none("duration", "1m0s"),
    "strict-transport-security-directives": refused("list"),

    // etcd
    "delete-collection-workers": none("number", "1"),
    "enable-garbage-collector": none("boolean", "true"),
    "encryption-provider-config-automatic-reload": refused("boolean", "false"),
    "etcd-cafile": honoured("text"),
    "etcd-certfile": honoured("text"),
    "etcd-compaction-interval": honoured("duration", "5m0s"),
    "etcd-count-metric-poll-period": none("duration", "1m0s"),
    "etcd-db-metric-poll-interval": none("duration", "30s"),
    "etcd-healthcheck-timeout": none("duration", "2s"),
    "etcd-keyfile": honoured("text"),
    "etcd-prefix": honoured("text", "/registry"),
    "etcd-readycheck-timeout": none("duration", "2s"),
    "etcd-servers": honoured("list"),
    "etcd-servers-overrides": refused("list"),
    "lease-reuse-duration-seconds": none("number", "60"),
    "storage-backend": none("text"),
    // Objects are stored in JSON, whatever this says.
    "storage-media-type": none("text", "application/vnd.kubernetes.protobuf"),
    "watch-cache": none("boolean", "true"),
    "watch-cache-sizes": none("list"),

    // Serving
    "bind-address": honoured("text", "127.0.0.1"),
    "cert-dir": honoured("text", "/var/run/kubernetes"),
    "disable-http2-serving": refused("boolean", "false"),
    "http2-max-streams-per-connection": none("number", "0"),
    "permit-address-sharing": none("boolean", "false"),
    "permit-port-sharing": none("boolean", "false"),
    "secure-port": honoured("number", "6443"),
    "tls-cert-file": honoured("text"),
    "tls-cipher-suites": refused("list"),
    "tls-min-version": honoured("text"),
    "tls-private-key-file": honoured("text"),
    "tls-sni-cert-key": refused("text"),

    // Audit
    "audit-log-batch-buffer-size": none("number", "10000"),
    "audit-log-batch-max-size": none("number", "1"),
    "audit-log-batch-max-wait": none("duration", "0s"),
    "audit-log-batch-throttle-burst": none("number", "0"),
    "audit-log-batch-throttle-enable": none("boolean", "false"),
    "audit-log-batch-throttle-qps": none("text", "0"),
    "audit-log-compress": none("boolean", "false"),
    "audit-log-truncate-enabled": none("boolean", "false"),
    "audit-log-truncate-max-batch-size": none("number", "10485760"),
    "audit-log-truncate-max-event-size": none("number", "102400"),
    "audit-webhook-batch-throttle-burst": none("number", "15"),
    "audit-webhook-truncate-enabled": none("boolean", "false"),
    "audit-webhook-truncate-max-batch-size": none("number", "10485760"),
    "audit-webhook-truncate-max-event-size": none("number", "102400"),

    // Features
    "contention-profiling": none("boolean", "false"),
    "debug-socket-path": none("text"),
    "enable-priority-and-fairness": none("boolean", "true"),
    profiling: none("boolean", "true"),

    // Authentication
    "authentication-config": refused("text"),
    "client-ca-file": honoured("text"),
    "service-account-extend-token-expiration": none("boolean", "true"),
    "service-account-jwks-uri": refused("text"),
    "service-account-lookup": refused("boolean", "true"),
    "service-account-signing-endpoint": refused("text"),

    // Admission
    "admission-control": refused("list"),

    // Metrics, logs, traces
    "allow-metric-labels": none("text"),
    "allow-metric-labels-manifest": none("text"),
    "disabled-metrics": none("list"),
    "show-hidden-metrics-for-version": none("text"),
    "log-flush-frequency": none("duration", "5s"),
    "log-json-info-buffer-size": none("text", "0"),
    "log-json-split-stream": none("boolean", "false"),
    "log-text-info-buffer-size": none("text", "0"),
    "log-text-split-stream": none("boolean", "false"),
    "logging-format": honoured("text", "text"),
    v: honoured("number", "0"),
    vmodule: none("text"),
    "tracing-config-file": refused("text"),

    // The rest
    "aggregator-reject-forwarding-redirect": none("boolean", "true"),
    // Privileged containers pass validation: no program of this server runs a container.
    "allow-privileged": none("boolean", "false"),
    "coordinated-leadership-lease-duration": none("duration", "15s"),
    "coordinated-leadership-renew-deadline": none("duration", "10s"),
    "coordinated-leadership-retry-period": none("duration", "2s"),
    "egress-selector-config-file": refused("text"),
    // Requests for aggregated servers go to their endpoints, whatever this says.
    "enable-aggregator-routing": none("boolean", "false"),
    "enable-logs-handler": none("boolean", "false"),
    "endpoint-reconciler-type": honoured("text", "lease"),
    "kubelet-certificate-authority": refused("text"),
    "kubelet-client-certificate": honoured("text"),
    "kubelet-client-key": honoured("text"),
    "kubelet-preferred-address-types": none("list", "Hostname,InternalDNS,InternalIP,ExternalDNS,ExternalIP"),
    "kubelet-timeout": none("duration", "5s"),
    "kubernetes-service-node-port": refused("number", "0"),
    "max-connection-bytes-per-sec": none("number", "0"),
    "peer-advertise-ip": refused("text"),
    "peer-advertise-port": refused("text"),
    "peer-ca-file": refused("text"),
    "proxy-client-cert-file": honoured("text"),
    "proxy-client-key-file": honoured("text"),
    "service-cluster-ip-range": honoured("text", "10.0.0.0/24"),
    version: honoured("boolean", "false"),
  }),
]);
