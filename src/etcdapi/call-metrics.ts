import type { Metrics } from "../telemetry/index.ts";
import type { MethodInfo } from "../wire/index.ts";

/** gRPC's status codes by number, as go-grpc-prometheus spells them. */
const codeNames = [
  "OK",
  "Canceled",
  "Unknown",
  "InvalidArgument",
  "DeadlineExceeded",
  "NotFound",
  "AlreadyExists",
  "PermissionDenied",
  "ResourceExhausted",
  "FailedPrecondition",
  "Aborted",
  "OutOfRange",
  "Unimplemented",
  "Internal",
  "Unavailable",
  "DataLoss",
  "Unauthenticated",
] as const;

/** Versions come from clients: so many are told apart. */
const clientVersionsMax = 32;

/** Of one method. Counted with every call, so it is nothing but numbers. */
export class MethodCounts {
  started = 0;
  received = 0;
  sent = 0;
  receivedBytes = 0;
  sentBytes = 0;
  /** Calls that ended, by status code. */
  readonly handled: number[] = codeNames.map(() => 0);
  /** Type, service and name. */
  readonly labels: readonly [string, string, string];

  constructor({ path, requestStream, responseStream }: MethodInfo<unknown, unknown>) {
    const [, service = "", name = ""] = path.split("/");
    const kind = requestStream ? (responseStream ? "bidi_stream" : "client_stream") : "server_stream";
    this.labels = [requestStream || responseStream ? kind : "unary", service, name];
  }
}

/** gRPC calls under the names of go-grpc-prometheus, and what etcd counts of them besides. */
export class CallMetrics {
  readonly #methods: MethodCounts[] = [];
  readonly #clients = new Map<string, { unary: number; stream: number }>();

  constructor(metrics: Metrics | undefined) {
    if (metrics === undefined) return;
    const labels = ["grpc_type", "grpc_service", "grpc_method"];
    const perMethod = (name: string, help: string, count: (method: MethodCounts) => number) =>
      metrics.read(name, help, { type: "counter", labels }, () =>
        this.#methods.map((method) => [method.labels, count(method)] as const),
      );
    perMethod("grpc_server_started_total", "Calls begun.", ({ started }) => started);
    perMethod("grpc_server_msg_received_total", "Messages of clients.", ({ received }) => received);
    perMethod("grpc_server_msg_sent_total", "Messages to clients.", ({ sent }) => sent);
    const handledLabels = [...labels, "grpc_code"];
    metrics.read(
      "grpc_server_handled_total",
      "Calls that ended.",
      { type: "counter", labels: handledLabels },
      () => this.#handled(),
    );
    const total = (count: (method: MethodCounts) => number) => () => [
      [[], this.#methods.reduce((sum, method) => sum + count(method), 0)] as const,
    ];
    const counter = { type: "counter" } as const;
    metrics.read(
      "etcd_network_client_grpc_received_bytes_total",
      "Bytes of clients' messages.",
      counter,
      total(({ receivedBytes }) => receivedBytes),
    );
    metrics.read(
      "etcd_network_client_grpc_sent_bytes_total",
      "Bytes of messages to clients.",
      counter,
      total(({ sentBytes }) => sentBytes),
    );
    metrics.read(
      "etcd_server_client_requests_total",
      "Calls by the version of the client.",
      { type: "counter", labels: ["type", "client_api_version"] },
      () => this.#requests(),
    );
    metrics.gauge("etcd_debugging_mvcc_watch_stream_total", "Watch streams open.", () =>
      this.#methods
        .filter(({ labels: [, , name] }) => name === "Watch")
        .reduce((open, { started, handled }) => open + started - handled.reduce((sum, n) => sum + n), 0),
    );
  }

  /** Counts of a new method. */
  of(info: MethodInfo<unknown, unknown>): MethodCounts {
    const counts = new MethodCounts(info);
    this.#methods.push(counts);
    return counts;
  }

  /** `version`: what the client says that it speaks. */
  called(kind: "unary" | "stream", version = "unknown"): void {
    const known = this.#clients.has(version) || this.#clients.size < clientVersionsMax;
    const name = known ? version : "unknown";
    let counts = this.#clients.get(name);
    if (counts === undefined) {
      counts = { unary: 0, stream: 0 };
      this.#clients.set(name, counts);
    }
    counts[kind]++;
  }

  *#handled(): Iterable<readonly [readonly string[], number]> {
    for (const { labels, handled } of this.#methods)
      for (const [code, count] of handled.entries()) yield [[...labels, codeNames[code] as string], count];
  }

  *#requests(): Iterable<readonly [readonly string[], number]> {
    for (const [version, { unary, stream }] of this.#clients) {
      yield [["unary", version], unary];
      yield [["stream", version], stream];
    }
  }
}
