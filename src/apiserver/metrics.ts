import type { ResourceHandler } from "../registry/index.ts";
import type { Layer } from "./state.ts";

/** Upper bounds of the latency histogram, seconds. */
const bucketsSeconds = [0.001, 0.005, 0.025, 0.1, 0.5, 1, 5, 30] as const;

interface Series {
  count: number;
  sumSeconds: number;
  readonly buckets: number[];
}

/** Counts and latencies of requests by verb, resource and code, in Prometheus' text format. Names are upstream's. */
export class RequestMetrics {
  /** By their labels. */
  readonly #series = new Map<string, Series>();
  /** The same by what they are about, which is quicker told than labels are written: handler, then verb, then code. */
  readonly #known = new WeakMap<object, Map<string, Map<number, Series>>>();
  #inFlight = 0;

  /** `monotonic`: milliseconds. Watches are counted, but their length is no latency. */
  layer(monotonic: () => number): Layer {
    return async (context, next) => {
      const start = monotonic();
      this.#inFlight++;
      try {
        await next(context);
      } finally {
        this.#inFlight--;
        const { info, handler, streaming, reply } = context.state;
        const code = streaming ? 200 : (reply?.status ?? 404);
        const series = this.#seriesOf(handler, handler === undefined ? "" : info.verb, code);
        record(series, streaming ? undefined : (monotonic() - start) / 1000);
      }
    };
  }

  /** What nobody serves is one series, whatever clients make up. */
  #seriesOf(handler: ResourceHandler | undefined, verb: string, code: number): Series {
    const known = this.#known
      .get(handler ?? this)
      ?.get(verb)
      ?.get(code);
    if (known !== undefined) return known;
    const { group = "", version = "", resource = "" } = handler?.resource ?? {};
    const labels = `verb="${verb.toUpperCase()}",group="${group}",version="${version}",resource="${resource}",subresource="${handler?.subresource ?? ""}",code="${code}"`;
    const series = this.#series.get(labels) ?? {
      count: 0,
      sumSeconds: 0,
      buckets: bucketsSeconds.map(() => 0),
    };
    this.#series.set(labels, series);
    const byVerb = this.#known.get(handler ?? this) ?? new Map<string, Map<number, Series>>();
    this.#known.set(handler ?? this, byVerb);
    const byCode = byVerb.get(verb) ?? new Map<number, Series>();
    byVerb.set(verb, byCode.set(code, series));
    return series;
  }

  text(watches: number): string {
    const lines = [
      "# HELP apiserver_current_inflight_requests Requests being answered now.",
      "# TYPE apiserver_current_inflight_requests gauge",
      `apiserver_current_inflight_requests ${this.#inFlight}`,
      "# HELP apiserver_longrunning_requests Watches under way.",
      "# TYPE apiserver_longrunning_requests gauge",
      `apiserver_longrunning_requests ${watches}`,
      "# HELP apiserver_request_total Requests answered, by verb, resource and code.",
      "# TYPE apiserver_request_total counter",
    ];
    for (const [labels, { count }] of this.#series) lines.push(`apiserver_request_total{${labels}} ${count}`);
    lines.push(
      "# HELP apiserver_request_duration_seconds Time from the request to its answer.",
      "# TYPE apiserver_request_duration_seconds histogram",
    );
    for (const [labels, series] of this.#series) lines.push(...histogram(labels, series));
    return `${lines.join("\n")}\n`;
  }
}

/** `seconds` undefined: it took as long as somebody wanted. */
function record(series: Series, seconds: number | undefined): void {
  series.count++;
  if (seconds === undefined) return;
  series.sumSeconds += seconds;
  const bucket = bucketsSeconds.findIndex((bound) => seconds <= bound);
  if (bucket >= 0) series.buckets[bucket] = (series.buckets[bucket] as number) + 1;
}

function histogram(labels: string, series: Series): string[] {
  const name = "apiserver_request_duration_seconds";
  let below = 0;
  const lines = bucketsSeconds.map((bound, i) => {
    below += series.buckets[i] as number;
    return `${name}_bucket{${labels},le="${bound}"} ${below}`;
  });
  return [
    ...lines,
    `${name}_bucket{${labels},le="+Inf"} ${series.count}`,
    `${name}_sum{${labels}} ${series.sumSeconds}`,
    `${name}_count{${labels}} ${series.count}`,
  ];
}
