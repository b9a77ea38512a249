import type { ResourceHandler } from "../registry/index.ts";
import type { Counter, Family, Histogram, Metrics } from "../telemetry/index.ts";
import type { OpenWatches } from "./open-watches.ts";
import type { RequestInfo } from "./request-info.ts";
import type { ApiContext, Layer } from "./state.ts";

/** Upstream's bounds of a request's latency, seconds. */
const secondsBuckets = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
] as const;
/** Upstream's bounds of an answer's size, bytes. */
const bytesBuckets = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9] as const;

const aboutLabels = ["verb", "group", "version", "resource", "subresource", "scope", "component"] as const;

/** What is counted of requests that are alike. */
interface Series {
  readonly answered: Counter;
  /** Undefined of watches: they last as long as somebody wants, and their events are no answer. */
  readonly seconds: Histogram | undefined;
  readonly bytes: Histogram | undefined;
}

/**
 * Counts, latencies and sizes of requests, under upstream's names and labels
 * (https://kubernetes.io/docs/reference/instrumentation/metrics/): what dashboards and alerts made for kube-apiserver ask for.
 */
export class RequestMetrics {
  readonly #answered: Family<Counter>;
  readonly #seconds: Family<Histogram>;
  readonly #bytes: Family<Histogram>;
  /** By handler, then by what else tells requests apart, as one number: quicker told than labels are written. */
  readonly #known = new WeakMap<object, Map<number, Series>>();
  /** Requests being answered. */
  readonly #inFlight = { readOnly: 0, mutating: 0 };

  constructor(metrics: Metrics, watches: OpenWatches) {
    this.#answered = metrics.counter("apiserver_request_total", "Requests answered.", [
      ...aboutLabels,
      "dry_run",
      "code",
    ]);
    this.#seconds = metrics.histogram(
      "apiserver_request_duration_seconds",
      "Time from the request to its answer.",
      secondsBuckets,
      [...aboutLabels, "dry_run"],
    );
    this.#bytes = metrics.histogram(
      "apiserver_response_sizes",
      "Bytes of answers, before they are compressed.",
      bytesBuckets,
      aboutLabels,
    );
    metrics.read(
      "apiserver_current_inflight_requests",
      "Requests being answered now.",
      { type: "gauge", labels: ["request_kind"] },
      () => Object.entries(this.#inFlight).map(([kind, count]) => [[kind], count] as const),
    );
    metrics.read(
      "apiserver_longrunning_requests",
      "Watches under way.",
      { type: "gauge", labels: aboutLabels },
      () => watchesByKind(watches),
    );
  }

  /** `monotonic`: milliseconds. */
  layer(monotonic: () => number): Layer {
    return async (context, next) => {
      const start = monotonic();
      const kind = isReadOnly(context.method) ? "readOnly" : "mutating";
      this.#inFlight[kind]++;
      try {
        await next(context);
      } finally {
        this.#inFlight[kind]--;
        const series = this.#seriesOf(context);
        series.answered.add();
        series.seconds?.observe((monotonic() - start) / 1000);
        series.bytes?.observe(context.state.reply?.body.length ?? 0);
      }
    };
  }

  #seriesOf({ method, req, state }: ApiContext): Series {
    const { handler, info, streaming, reply } = state;
    const code = streaming ? 200 : (reply?.status ?? 404);
    const kind = handler === undefined ? otherKind(method, info) : kindOf(info, req.headers["content-type"]);
    const key =
      ((code * verbs.length + kind.verb) * places.length + kind.place) * dryRuns.length + kind.dryRun;
    const about = handler ?? this;
    let known = this.#known.get(about);
    if (known === undefined) {
      known = new Map();
      this.#known.set(about, known);
    }
    let series = known.get(key);
    if (series === undefined) {
      series = this.#newSeries(handler, kind, code);
      known.set(key, series);
    }
    return series;
  }

  #newSeries(handler: ResourceHandler | undefined, { verb, place, dryRun }: Kind, code: number): Series {
    const about = aboutOf(handler, verbs[verb] as Verb, places[place] as Place);
    const dry = dryRuns[dryRun] as string;
    const isWatch = verbs[verb] === "WATCH";
    return {
      answered: this.#answered.with(...about, dry, String(code)),
      seconds: isWatch ? undefined : this.#seconds.with(...about, dry),
      bytes: isWatch ? undefined : this.#bytes.with(...about),
    };
  }
}

const verbs = [
  "GET",
  "LIST",
  "WATCH",
  "POST",
  "PUT",
  "PATCH",
  "APPLY",
  "DELETE",
  "DELETECOLLECTION",
  "CONNECT",
  "HEAD",
  "OPTIONS",
  "other",
] as const;
/** The scope of a request for resources; of others the path, if it is one that is asked for all the time. */
const places = ["", "resource", "namespace", "cluster", "/healthz", "/livez", "/readyz"] as const;
const dryRuns = ["", "All", "invalid"] as const;
type Verb = (typeof verbs)[number];
type Place = (typeof places)[number];

/** Indexes of the lists above: what tells requests for one resource apart. */
interface Kind {
  readonly verb: number;
  readonly place: number;
  readonly dryRun: number;
}

const verbOf: Readonly<Record<string, Verb>> = {
  get: "GET",
  list: "LIST",
  watch: "WATCH",
  create: "POST",
  update: "PUT",
  patch: "PATCH",
  delete: "DELETE",
  deletecollection: "DELETECOLLECTION",
};

const connecting: ReadonlySet<string> = new Set(["attach", "exec", "portforward", "proxy"]);

function kindOf(info: RequestInfo, contentType: string | undefined): Kind {
  let verb = verbOf[info.verb] ?? "other";
  if (connecting.has(info.subresource)) verb = "CONNECT";
  else if (verb === "PATCH" && contentType === "application/apply-patch+yaml") verb = "APPLY";
  const dryRun = !info.query.has("dryRun") ? "" : info.query.get("dryRun") === "All" ? "All" : "invalid";
  return indexes(verb, scopeOf(info), dryRun);
}

/** Whatever is asked for under one name less often than health is, clients may make up: it is one. */
function otherKind(method: string, info: RequestInfo | undefined): Kind {
  const verb = (verbs as readonly string[]).includes(method) ? (method as Verb) : "other";
  const place = places.find((path) => path === info?.path) ?? "";
  return indexes(verb, place, "");
}

const indexes = (verb: Verb, place: Place, dryRun: (typeof dryRuns)[number]): Kind => ({
  verb: verbs.indexOf(verb),
  place: places.indexOf(place),
  dryRun: dryRuns.indexOf(dryRun),
});

function scopeOf({ name, namespace, verb }: RequestInfo): Place {
  if (name !== "" || verb === "create") return "resource";
  return namespace !== "" ? "namespace" : "cluster";
}

/** Values of `aboutLabels`. */
function aboutOf(handler: ResourceHandler | undefined, verb: Verb, place: Place): string[] {
  if (handler === undefined) return [verb, "", "", "", place, "", ""];
  const { group, version, resource } = handler.resource;
  return [verb, group, version, resource, handler.subresource ?? "", place, "apiserver"];
}

/** How many watches of each kind are under way. */
function watchesByKind(watches: OpenWatches): [string[], number][] {
  const counts = new Map<string, [string[], number]>();
  for (const { handler, info } of watches.all()) {
    const about = aboutOf(handler, "WATCH", scopeOf(info));
    const count = counts.get(about.join());
    if (count === undefined) counts.set(about.join(), [about, 1]);
    else count[1]++;
  }
  return [...counts.values()];
}

const isReadOnly = (method: string): boolean => method === "GET" || method === "HEAD" || method === "OPTIONS";
